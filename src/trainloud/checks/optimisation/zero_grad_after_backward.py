"""Are there gradients left when the optimiser steps, or were they cleared after backward?

Why it matters: a `zero_grad` between `backward` and `step` throws away what was just computed. The step
then has nothing to follow (or only momentum and weight decay), and the loss stays where it was.

Remedy: order the three as `zero_grad`, `backward`, `step`.

Known limits: weights that are changed by hand are not judged. Gradients that are set to None by hand,
without `zero_grad`, are not recognised as cleared.

Source: PyTorch documentation, "Optimizing Model Parameters".
"""

from trainloud.checks.stepping import Sample, first_records, has_gradient, samples
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown

OFTEN = 0.9  # share of an optimiser's sampled steps without any gradient
LEAST_SAMPLES = 2


def is_cleared(s: Sample) -> bool:
    """Each backward before this step was followed by a clearing, somehow, and no gradient is left anywhere."""
    thrown_away = s.step.backwards > 0 and s.step.discarded >= s.step.backwards
    was_there = s.after_backward is not None and s.after_backward > 0
    return (thrown_away or was_there) and not any(has_gradient(p) for p in (*s.parameters, *s.others))


def _norm(s: Sample) -> str:
    return f" and left a gradient norm of {s.after_backward:.3g}" if s.after_backward else ""


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    found = {n: [s for s in group if s.step.backwards] for n, group in samples(trace).items() if n >= 0}
    looked = sum(len(group) for group in found.values())
    for number, group in found.items():
        bad = [s for s in group if is_cleared(s)]
        if len(bad) < LEAST_SAMPLES or len(bad) < OFTEN * len(group):
            continue
        made = first_records(trace).get(number)
        first = bad[0]
        return fired(
            f"at {len(bad)} of {len(group)} sampled steps of {made.kind if made else 'the optimiser'} all "
            f"{len(first.parameters)} gradients were None or zero, although {first.step.backwards} backward "
            f"call{'' if first.step.backwards == 1 else 's'} came before step {first.step.index}{_norm(first)}",
            "gradients at the step: nothing is cleared between backward and step",
            first.where or (made.where if made else None),
            first_step=first.step.index,
            sampled=len(group),
            without_gradient=len(bad),
        )
    if looked < LEAST_SAMPLES:
        return unknown(f"a backward was seen before {looked} sampled optimiser steps; at least two are needed")
    return passed(f"gradients stood at the optimiser's step, at {looked} sampled steps")


CHECK = Check(
    fault="zero-grad-after-backward",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=(
        "optimizer-step-missing",
        "vanishing-gradient",
        "gradient-path-cut",
        "parameters-unused",
        "parameters-frozen-by-accident",
        "learning-rate-too-low",
        "last-microbatches-dropped",
    ),
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
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()


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
