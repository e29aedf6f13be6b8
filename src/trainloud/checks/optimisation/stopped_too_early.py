"""Does training end while the loss still falls fast?

Why it matters: the figure at the end is then that of a network half-way; comparisons of settings on such a budget
choose what starts fast, not what ends well.

Remedy: train longer, until the validation loss stops falling; let a schedule end where the training ends.

Known limits: judged by the training loss of the last fifth of the steps against the fifth before, for runs of at least
100 steps whose learning rate has not decayed. Where the validation loss has stopped falling, longer training is not
advised. A short demonstration looks the same: a note.

Source: Hoffer, Hubara and Soudry 2017, Train longer, generalize better; Karpathy 2019, A Recipe for Training Neural
Networks ("leave it training").
"""

import math

from trainloud.checks.regularisation.overfitting import curve
from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown

LEAST_STEPS = 100
PARTS = 5
FALL = 0.15  # relative, from the last but one fifth to the last
SURE = 4.0  # standard errors of the difference
DECAYED = 0.5  # final learning rate over the highest: below, the end was planned


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    steps = [s for s in trace.steps if s.loss is not None and math.isfinite(s.loss)]
    if len(steps) < LEAST_STEPS or len({s.optimizer for s in steps}) > 1:
        return unknown(f"fewer than {LEAST_STEPS} steps with a loss, or several optimisers")
    size = len(steps) // PARTS
    a, error_a = _mean([s.loss or 0.0 for s in steps[-2 * size : -size]])
    b, error_b = _mean([s.loss or 0.0 for s in steps[-size:]])
    if a <= 0 or b < 0:
        return unknown("the loss is not positive: a relative fall means nothing")
    rates = [max(s.rates) for s in steps if s.rates]
    fall = 1 - b / a
    planned = bool(rates) and rates[-1] < DECAYED * max(rates)
    sure = a - b > SURE * math.hypot(error_a, error_b)
    network = main_network(trace)
    points = curve(trace, network.network) if network else []
    turned = len(points) >= 3 and points[-1][1] > min(v for _, v in points[:-1])
    if fall < FALL or not sure or planned or turned:
        moved = f"{'fell' if fall >= 0 else 'rose'} by {abs(fall):.0%}"
        return passed(f"the training loss {moved} between the last two fifths of {len(steps)} steps")
    return fired(
        f"the training loss fell from {a:.4g} to {b:.4g} ({fall:.0%}) between the last two fifths of "
        f"{len(steps)} steps",
        f"a fall below {FALL:.0%} where training ends",
        network.where if network else None,
        first_step=steps[-size].index,
        before=a,
        last=b,
    )


def _mean(values: list[float]) -> tuple[float, float]:
    """The mean and its standard error."""
    mean = sum(values) / len(values)
    spread = sum((v - mean) ** 2 for v in values) / max(len(values) - 1, 1)
    return mean, math.sqrt(spread / len(values))


CHECK = Check(fault="stopped-too-early", severity="note", basis="heuristic", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = x @ torch.randn(10, 1)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(15):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = x @ torch.randn(10, 1) + torch.randn(400, 1)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(30):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
