"""Do gradients, or the loss with them, blow up?

Why it matters: one gradient that is orders of magnitude too large throws the weights away; once a value is not finite
every later one is NaN, and the run goes on to its end without learning.

Remedy: lower the learning rate, clip the gradient norm, scale inputs and targets, initialise with He's or Xavier's
rule, and look for a log, division or square root at zero if the loss turned NaN at once.

Known limits: an overflow that a GradScaler skips is its normal work and is not reported; single spikes are not either.

Source: Pascanu et al. 2013; Hugging Face Trainer's logging_nan_inf_filter hides such losses.
"""

import math
from statistics import median

from trainloud.checks.model._depth import LEAST_SAMPLES, profiles, slope
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import GradientSample, Step
from trainloud.core.trace import Trace

LAST_STEPS = 3  # steps at the end that must all be without a finite loss
GROWTH = 1e3  # gradient norm over that of the first steps
WORSE = 10.0  # loss over that of the first steps: growth that also does harm
STEEP = 5.0  # log10 of first layers' gradient-to-weight ratio over the last layers'
TREND = -0.8  # rank correlation of the ratio with depth


def _not_finite(trace: Trace) -> Finding | None:
    steps = [s for s in trace.steps if s.loss is not None and not s.scaled]
    lost = [s for s in steps if not math.isfinite(s.loss)]  # type: ignore[arg-type]
    if not lost:
        return None
    for_good = len(steps) >= LAST_STEPS and set(steps[-LAST_STEPS:]) <= set(lost)
    before = next((s.loss for s in reversed(steps[: steps.index(lost[0])]) if s not in lost), None)
    was = f"; it was {before:.4g} before" if before is not None else ""
    return fired(
        f"the loss is not finite in {len(lost)} of {len(steps)} steps, first at step {lost[0].index}{was}",
        "a finite loss at each step",
        first_step=lost[0].index,
        severity="error" if for_good else "note",
        basis="proof",
        non_finite=len(lost),
        steps=len(steps),
    )


def _overflowing(trace: Trace) -> Finding | None:
    """The loss is still a number, and its gradient is none any more."""
    losses = {s.index: s.loss for s in trace.steps if s.loss is not None and not s.scaled}
    seen = [s for s in trace.all(GradientSample) if math.isfinite(losses.get(s.step) or math.nan)]
    over = [s for s in seen if not math.isfinite(s.norm)]
    if len(over) < LEAST_SAMPLES or len(over) < len(seen):
        return None
    return fired(
        f"the gradient norm is {over[0].norm} at all {len(over)} sampled steps, with a loss of "
        f"{losses[over[0].step]:.3g} at step {over[0].step}: the gradient is too large for its number format",
        "a finite gradient wherever the loss is finite",
        over[0].where,
        first_step=over[0].step,
        severity="error",
        basis="proof",
        sampled=len(seen),
    )


def _grown(trace: Trace, samples: tuple[GradientSample, ...]) -> Finding | None:
    losses = {s.index: s.loss for s in trace.steps}
    for number in {s.optimizer for s in samples}:
        mine = [s for s in samples if s.optimizer == number and losses.get(s.step) is not None]
        if len(mine) < 2 * LEAST_SAMPLES:
            continue
        base, start = median(s.norm for s in mine[:3]), median(abs(losses[s.step] or 0.0) for s in mine[:3])
        late = mine[-2:]
        if base > 0 and all(s.norm >= GROWTH * base and abs(losses[s.step] or 0.0) >= WORSE * start for s in late):
            return fired(
                f"the gradient norm grew from {base:.3g} in the first steps to {late[-1].norm:.3g} at step "
                f"{late[-1].step}, and the loss from {start:.3g} to {losses[late[-1].step]:.3g}",
                f"growth of the norm under {GROWTH:g} times, and a falling loss",
                first_step=late[0].step,
                growth=late[-1].norm / base,
            )
    return None


def _steep(trace: Trace) -> Finding | None:
    for network in trace.networks.values():
        rows = profiles(trace, network)
        slopes = [slope(row) for _, row in rows]
        if len(rows) >= LEAST_SAMPLES and all(rise >= STEEP and trend <= TREND for rise, trend in slopes):
            step, row = rows[-1]
            return fired(
                f"at step {step} gradient over weight is {row[-1][1]:.2g} in {row[-1][0]} and {row[0][1]:.2g} in "
                f"{row[0][0]}: it grows by {slopes[-1][0]:.1f} orders of magnitude towards the input",
                f"growth under {STEEP:g} orders of magnitude",
                network.defined or network.where,
                first_step=rows[0][0],
                orders=slopes[-1][0],
            )
    return None


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    samples = tuple(s for s in trace.all(GradientSample) if math.isfinite(s.norm))
    found = _not_finite(trace) or _overflowing(trace) or _grown(trace, samples) or _steep(trace)
    if found is not None:
        return found
    steps: list[Step] = [s for s in trace.steps if s.loss is not None]
    if not steps or len(samples) < LEAST_SAMPLES:
        return unknown(f"fewer than {LEAST_SAMPLES} steps with a loss and gradients were sampled")
    return passed(
        f"gradient norms from {min(s.norm for s in samples):.3g} to {max(s.norm for s in samples):.3g}, "
        f"all {len(steps)} losses finite"
    )


CHECK = Check(fault="exploding-gradient", severity="warning", basis="heuristic", judge=judge, symptoms=("dead-relu",))


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 5)
    y = 3 * x[:, :1] + 2 * x[:, 1:2] ** 2 - x[:, 2:3]
    net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=5.0)
    for _ in range(10):
        for rows in torch.randperm(200).split(50):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 5)
    y = 3 * x[:, :1] + 2 * x[:, 1:2] ** 2 - x[:, 2:3]
    net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
    for _ in range(10):
        for rows in torch.randperm(200).split(50):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
