"""Are momentum or the betas at values that stop learning?

Why it matters: momentum of 0.999 sums up a thousand gradients, so that plain SGD steps a thousand times as far as its
rate says and answers a thousand steps late. Swapped betas (0.999, 0.9) make Adam slow to turn and quick to forget the
gradient's size; a tiny second beta makes each step as long as the rate, whatever the gradient.

Remedy: momentum 0.9; betas (0.9, 0.999), or (0.9, 0.95) for large language models.

Known limits: with such values and a loss that falls all the same, only a note. What standard values would have given
is a question for an experiment.

Source: Kingma and Ba 2015, "Adam"; Sutskever et al. 2013, "On the importance of initialization and momentum".
"""

import math

from trainloud.checks.objectives import ends, losses
from trainloud.checks.stepping import by_optimizer, first_records
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Optimizer, Step

HIGH = 0.9989  # momentum or first beta: the memory is a thousand steps
SWAPPED = 0.98  # first beta, with the second well below it
TINY = 0.5  # second beta, with a usual first one
USUAL = 0.8
LEAST_STEPS = 20
WORSE = 0.9  # of the loss at the start: what is left at the end, at least
HALVES = 1.5  # times: the loss in the last tenth over the least tenth before


def _odd(o: Optimizer) -> tuple[str, str]:
    """What is odd about its settings, and what would be usual; "" for nothing."""
    beta1, beta2, momentum = (o.settings.get(k) for k in ("beta1", "beta2", "momentum"))
    if beta1 is not None and beta2 is not None:
        if beta1 >= SWAPPED and beta2 < beta1 - 0.01:
            return f"betas of ({beta1:g}, {beta2:g}), the wrong way round", "betas near (0.9, 0.999)"
        if beta1 >= HIGH:
            return f"a first beta of {beta1:g}: a memory of {_memory(beta1)} steps", "a first beta near 0.9"
        if beta2 <= TINY and beta1 >= USUAL:
            return f"a second beta of {beta2:g}: a memory of {_memory(beta2)} steps", "a second beta of 0.9 to 0.999"
    if momentum is not None and momentum >= HIGH:
        return f"momentum of {momentum:g}: a memory of {_memory(momentum)} steps", "momentum near 0.9"
    return "", ""


def _memory(beta: float) -> str:
    return f"{1 / (1 - beta):.0f}" if beta < 1 else "endlessly many"


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    optimizers = first_records(trace)
    known = [o for o in optimizers.values() if {"momentum", "beta1"} & set(o.settings)]
    if not known:
        return unknown("no optimiser with momentum or betas stepped")
    groups = by_optimizer(trace)
    for o in known:
        odd, usual = _odd(o)
        if not odd:
            continue
        harm, proof = _harm(groups.get(o.optimizer, []))
        return fired(
            f"{o.kind} has {odd}; {harm}",
            usual + ", and a loss that falls",
            o.where,
            first_step=o.step,
            severity="warning" if proof else "note",
            momentum=o.settings.get("momentum"),
            beta1=o.settings.get("beta1"),
            beta2=o.settings.get("beta2"),
        )
    shown = ", ".join(
        f"{o.kind} {'momentum' if 'momentum' in o.settings else 'beta1'} "
        f"{o.settings.get('momentum', o.settings.get('beta1', 0.0)):g}"
        for o in known[:4]
    )
    return passed(shown)


def _harm(steps: list[Step]) -> tuple[str, bool]:
    """How the loss went, and whether that is bad."""
    values = losses(steps)
    went = ends(values)
    if went is None or len(steps) < LEAST_STEPS:
        return f"only {len(values)} losses were seen", False
    first, last = went
    size = max(len(values) // 10, 4)
    finite = [v for v in values if math.isfinite(v)]
    least = min((sum(finite[k : k + size]) / size for k in range(0, len(finite) - size + 1, size)), default=first)
    bad = last > WORSE * first if first > 0 else last > first
    bad = bad or (least > 0 and last > HALVES * least)
    return f"the loss went from {first:.4g} over {least:.4g} to {last:.4g} in {len(steps)} steps", bad


CHECK = Check(
    fault="momentum-misconfigured",
    severity="warning",
    basis="heuristic",
    judge=judge,
    symptoms=("learning-rate-too-high", "learning-rate-too-low", "exploding-gradient", "non-finite-hidden"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2, momentum=0.999)
    for _ in range(6):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2, momentum=0.9)
    for _ in range(6):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
