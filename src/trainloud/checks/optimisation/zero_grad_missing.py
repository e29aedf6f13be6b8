"""Are gradients cleared between one optimiser step and the next?

Why it matters: `backward` adds to the gradients that are there. Without clearing, each step follows the sum
over the whole run so far: old gradients of old weights outweigh the new one, steps grow, and training
wanders or blows up.

Remedy: call `optimizer.zero_grad()` once for each optimiser step, before `backward` or after `step`.

Known limits: accumulation over several micro-batches is recognised by the clearing after its step. Looked
at on a sample of steps.

Source: pytorch#47175; yastrebksv/TennisCourtDetector#7.
"""

from trainloud.checks.stepping import Sample, first_records, has_gradient, samples
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown

OFTEN = 0.9  # share of sampled steps, after an optimiser's first, whose gradients were not cleared
MOST = 0.9  # share of an optimiser's gradients that must be old ones: a few may lie outside a batch's graph
LEAST_SAMPLES = 2


def is_stale(sample: Sample) -> bool:
    """Nearly all gradients of this step still hold what the step before left in them."""
    filled = [p for p in sample.parameters if has_gradient(p)]
    return bool(filled) and sum(p.stale for p in filled) >= MOST * len(filled)


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    if len(trace.steps) < 2:
        return unknown(f"{len(trace.steps)} optimiser steps were seen; at least two are needed")
    optimizers = first_records(trace)
    looked = 0
    for number, found in samples(trace).items():
        later = [s for s in found if any(has_gradient(p) for p in s.parameters)][1:]
        stale = [s for s in later if is_stale(s)]
        looked += len(later)
        if len(later) < LEAST_SAMPLES or len(stale) < OFTEN * len(later):
            continue
        made = optimizers.get(number)
        first, last = stale[0], stale[-1]
        norms = f"the gradient norm went from {first.norm:.3g} at step {first.step.index} to {last.norm:.3g}"
        return fired(
            f"at {len(stale)} of {len(later)} sampled steps {made.kind if made else 'the step'} used gradients that "
            f"had not been cleared since its step before ({len(first.parameters)} parameters); {norms} at step "
            f"{last.step.index}",
            "gradients None or zero at one backward after each step",
            first.where or (made.where if made else None),
            first_step=first.step.index,
            sampled=len(later),
            stale=len(stale),
        )
    if looked < LEAST_SAMPLES:
        return unknown("gradients were seen at fewer than two sampled steps of one optimiser")
    return passed(f"gradients were cleared between steps, at {looked} sampled steps")


CHECK = Check(
    fault="zero-grad-missing",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=(
        "exploding-gradient",
        "learning-rate-too-high",
        "gradient-clipping-too-tight",
        "accumulation-not-scaled",
        "dead-relu",
        "saturated-activation",
    ),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
    for _ in range(8):
        for k, rows in enumerate(torch.randperm(200).split(20)):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows]) / 2
            loss.backward()
            if k % 2 == 1:  # two micro-batches a step
                optimizer.step()
                optimizer.zero_grad()
