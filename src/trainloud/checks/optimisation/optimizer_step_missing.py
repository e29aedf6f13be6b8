"""Do the weights change after backward, for every batch?

Why it matters: without a step, or with one step for a whole epoch of gradients that were cleared batch by
batch, gradients are computed for nothing. The loss stays at its start or falls very slowly, and nothing
else tells.

Remedy: call `optimizer.step()` after `backward` inside the loop over batches, with a rate above zero.

Known limits: a loop that only computes gradients on purpose (saliency, attacks) is not blamed: only where
an optimiser was made, or steps did not change a single weight.

Source: PyTorch forum, "loss not decreasing" (optimizer.step outside of the loop over batches).
"""

from trainloud.checks.stepping import first_records, samples
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import End, IdleOptimizer, Step
from trainloud.core.trace import Trace

LEAST_BACKWARDS = 2
WASTED = 4  # cleared backwards a step, and each step in an epoch of its own
LEAST_STEPS = 2


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    end = trace.last(End)
    if end is None or end.exception:
        return unknown("the run did not come to its end, so later steps cannot be excluded")
    if end.backwards < LEAST_BACKWARDS:
        return unknown(f"{end.backwards} calls of backward were seen")
    if not trace.steps:
        return _never(trace, end)
    if end.moved is False and len(trace.steps) >= LEAST_STEPS and not _any_update(trace):
        made = next(iter(first_records(trace).values()), None)
        rates = sorted({r for s in trace.steps for r in s.rates})
        return fired(
            f"after {len(trace.steps)} optimiser steps (learning rates {', '.join(f'{r:.3g}' for r in rates[:4])}) no "
            "trained parameter has changed",
            "weights that change with each step",
            made.where if made else None,
            first_step=0,
            steps=len(trace.steps),
            rates=rates[:8],
        )
    wasted = _once_an_epoch(trace.steps)
    if wasted:
        made = first_records(trace).get(trace.steps[0].optimizer)
        return fired(
            f"{len(trace.steps)} optimiser steps for {end.backwards} calls of backward: one step in each pass over the "
            f"loader, and the gradients of {wasted} other batches were cleared unused",
            "a step for each backward whose gradients are cleared",
            made.where if made else None,
            first_step=0,
            steps=len(trace.steps),
            backwards=end.backwards,
            discarded=wasted,
        )
    return passed(f"{len(trace.steps)} optimiser steps after {end.backwards} calls of backward changed the weights")


def _never(trace: Trace, end: End) -> Finding:
    idle = [o for o in trace.all(IdleOptimizer) if o.uids]
    if not idle:
        return unknown(f"{end.backwards} calls of backward, but no optimiser and no change of a weight was seen")
    return fired(
        f"{end.backwards} calls of backward and not one step: {idle[0].kind} over {len(idle[0].uids)} parameters was "
        "made and never stepped",
        "one step of the optimiser after each backward",
        idle[0].where,
        first_step=0,
        backwards=end.backwards,
    )


def _any_update(trace: Trace) -> bool:
    return any(p.update for group in samples(trace).values() for s in group for p in s.parameters)


def _once_an_epoch(steps: tuple[Step, ...]) -> int:
    """Backwards whose gradients were cleared unused, if each step stands alone in its pass over the loader; else 0."""
    epochs = [s.epoch for s in steps]
    if len(steps) < LEAST_STEPS or any(s.optimizer < 0 or s.epoch < 0 for s in steps):
        return 0
    if len(set(epochs)) < len(epochs):
        return 0
    discarded = [s.discarded for s in steps]
    return sum(discarded) if min(discarded) >= WASTED else 0


CHECK = Check(
    fault="optimizer-step-missing",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("learning-rate-too-low", "last-microbatches-dropped", "scheduler-misused", "input-ignored"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
