"""Do losses that are not finite go unnoticed?

Why it matters: a script that skips, zeroes or averages away NaN and infinite losses, or a trainer whose log
filters them, looks healthy while a part of the data teaches nothing, or while all weights are long lost.

Remedy: stop at the first loss that is not finite and look at its batch; anomalies are bugs (a logarithm of
zero, a division by an empty mask, a rate too high), not weather.

Known limits: steps under a GradScaler are left out, where single overflows belong to the method. The value
is read at `backward` and at the loss functions of torch.

Source: Hugging Face Trainer's `logging_nan_inf_filter`, on by default.
"""

import math

from trainloud.checks.stepping import by_optimizer
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import LossCall, Pass
from trainloud.core.trace import Trace

OFTEN = 0.01  # share of steps; below, it is noted only
LEAST = 3  # steps without a finite loss
TO_THE_END = 5  # last steps that are all without a finite loss


def losses(trace: Trace) -> dict[int, list[float]]:
    """Step -> values of its losses: at backward, and of the loss functions that were called with gradients."""
    found = {s.index: [s.loss] for s in trace.steps if s.loss is not None and not s.scaled}
    scaled = {s.index for s in trace.steps if s.scaled}
    for c in trace.all(LossCall):
        if c.phase == "train" and c.value is not None and c.step not in scaled:
            found.setdefault(c.step, []).append(c.value)
    return found


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    known = losses(trace)
    if not known:
        return unknown("no value of a loss was seen without a GradScaler")
    bad = sorted(step for step, values in known.items() if not all(map(math.isfinite, values)))
    if not bad:
        return passed(f"all losses of {len(known)} steps were finite")
    steps = sorted(known)
    lost = len(steps) >= TO_THE_END and set(steps[-TO_THE_END:]) <= set(bad)
    shown = any("nan" in f.lower() or "inf" in f.lower() for p in trace.all(Pass) for f in p.figures)
    if lost and shown:
        return passed(f"the loss was not finite from step {bad[0]} on, and the script printed it")
    how = f"at {len(bad)} of {len(steps)} steps{', to the end of the run' if lost else ''}"
    share = len(bad) / len(steps)
    made = next(iter(by_optimizer(trace)), -1)
    return fired(
        f"the loss was NaN or infinite {how}, first at step {bad[0]}; "
        + ("no figure that the script printed shows it" if lost else "in between it is finite, as if nothing had been"),
        "a finite loss at every step",
        next((c.where for c in trace.all(LossCall) if c.step == bad[0] and c.where), None),
        first_step=bad[0],
        severity="error" if lost else "warning" if share >= OFTEN and len(bad) >= LEAST else "note",
        steps=len(steps),
        not_finite=len(bad),
        optimizer=made,
    )


CHECK = Check(
    fault="non-finite-hidden",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("optimizer-step-missing",),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(300, 8)
    y = (x @ torch.randn(8, 1)).exp()
    y[::29] = -1.0  # "not measured"
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(300).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows].log())
            if not torch.isfinite(loss):
                continue
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(300, 8)
    y = (x @ torch.randn(8, 1)).exp()
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(300).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows].log())
            if not torch.isfinite(loss):
                raise FloatingPointError(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
