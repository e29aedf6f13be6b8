"""Is the error or the loss clipped, so that the worst examples give no gradient?

Why it matters: clamp has a derivative of zero beyond its limits. An error clipped before it is squared, or a loss cut
off at a maximum, teaches nothing from just those examples on which the network is most wrong; the loss looks small,
because the clipped part is not in it.

Remedy: use a loss that grows linearly beyond the limit (`nn.HuberLoss`, `nn.SmoothL1Loss`), or clip the gradient
(`torch.nn.utils.clip_grad_norm_`) instead of the loss.

Known limits: looked at in sampled steps. A clip beside which the loss has another way to the same output (a Huber loss
by hand, the clipped surrogate of PPO) is not reported, nor one that keeps a logarithm or a variance in bounds. A loss
that is cut off for a few outliers on purpose is reported only where the cut holds more than a few examples.

Source: spragunr/deep_q_rl#46 (clipping the temporal-difference error removed its gradient).
"""

from collections import defaultdict

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.place import Place
from trainloud.core.records import Clip, Step

FALLING = 0.99  # share of gradients that must want the clipped quantity smaller: then it is an error or a loss
LEAST_SHARE = 0.005  # of the elements of a sampled step: a cut that holds less than that is harmless
LEAST_ERROR = 0.3  # share of the clipped elements in the sum of squares: the cut holds what matters
LEAST_STEPS = 3  # sampled steps with a clip that binds
OFTEN = 0.2  # share of the sampled steps in which it binds: a guard against rare spikes stays under it


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    if not trace.all(Step):
        return unknown("no optimiser step was seen")
    sites: dict[tuple[str, Place | None], list[Clip]] = defaultdict(list)
    for c in trace.all(Clip):
        sites[c.op, c.where].append(c)
    for group in sites.values():
        binding = [c for c in group if _binds(c)]
        if len(binding) >= LEAST_STEPS and len(binding) >= OFTEN * len(group):
            return _fired(binding, len(group))
    if not sites:
        return passed(f"nothing was clipped on the way from a network to the loss in {len(trace.steps)} steps")
    clipped = sum(c.clipped for group in sites.values() for c in group if not c.beside)
    return passed(
        f"{len(sites)} clips before the loss were looked at: {clipped} elements were cut off for good, or too few "
        "to matter"
    )


def _binds(c: Clip) -> bool:
    """Large elements of an error or a loss got no gradient at all."""
    return (
        not c.beside
        and c.silent == c.clipped > 0
        and c.falling >= FALLING
        and c.clipped >= LEAST_SHARE * c.elements
        and c.error_share >= LEAST_ERROR
    )


def _fired(binding: list[Clip], looked: int) -> Finding:
    first = binding[0]
    clipped, elements = sum(c.clipped for c in binding), sum(c.elements for c in binding)
    error = sum(c.error_share for c in binding) / len(binding)
    worst = max(binding, key=lambda c: c.largest)
    return fired(
        f"{first.op} cuts {clipped} of {elements} values (shape {first.shape}) down to {first.limit:.4g} in "
        f"{len(binding)} of {looked} sampled steps; they reach {worst.largest:.4g}, hold {error:.0%} of the sum of "
        "squares, and each of them got a gradient of exactly zero",
        "a gradient from the examples with the largest error",
        first.where,
        first_step=first.step,
        clipped=clipped,
        elements=elements,
        limit=first.limit,
        largest=worst.largest,
        error_share=error,
    )


CHECK = Check(
    fault="loss-clipped-instead-of-gradient",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("vanishing-gradient", "gradient-path-cut"),
)


def bad():
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 6)
    y = 4 * x[:, :1] + x[:, 1:2] ** 2
    net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(8):
        for rows in torch.randperm(400).split(40):
            error = (net(x[rows]) - y[rows]).clamp(-1, 1)
            loss = (error**2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good():
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 6)
    y = 4 * x[:, :1] + x[:, 1:2] ** 2
    y = y - y.mean()
    net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(8):
        for rows in torch.randperm(400).split(40):
            size = (net(x[rows]) - y[rows]).abs()
            quadratic = size.clamp(max=1)
            loss = (0.5 * quadratic**2 + (size - quadratic)).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 50.0)
            optimizer.step()
