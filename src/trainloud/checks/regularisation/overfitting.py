"""Does the validation loss rise again while the training loss falls?

Why it matters: from the turning point on the network learns its training examples by heart; each further epoch makes
it worse on new ones.

Remedy: more data or augmentation first; then stop at the best validation loss and keep those weights, and try weight
decay, dropout or a smaller network one at a time.

Known limits: judged on losses of evaluation passes of one size, five at least. A rise of the loss need not be a fall
of the accuracy, and overfitting a small batch on purpose looks the same:
a note. A warning where the loss ends half as high again, the training loss has halved and no weights were kept.

Source: Prechelt 1998, Early stopping, but when?; Karpathy 2019, A Recipe for Training Neural Networks (overfit, then
regularize).
"""

import math

from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Checkpoint, Pass
from trainloud.core.trace import Trace

LEAST_PASSES = 5
WORSE = 1.1  # mean of the last two passes over the best one
BETTER = 0.95  # training loss at the end over that at the best pass
FAR = 1.5  # the same: far enough to warn, with a training loss half as high and no kept weights
LEARNED = 0.5
NEAR = 25  # optimiser steps whose mean loss is compared


def curve(trace: Trace, network: int) -> list[tuple[Pass, float]]:
    """(pass, mean loss) of the evaluation passes over the most frequent number of targets."""
    found: dict[int, list[tuple[Pass, float]]] = {}
    for p in trace.passes:
        count = sum(n for _, n in p.losses)
        if p.network == network and count and all(math.isfinite(v) for v, _ in p.losses):
            found.setdefault(count, []).append((p, sum(v * n for v, n in p.losses) / count))
    return max(found.values(), key=len, default=[])


def training_loss(trace: Trace, step: int) -> float | None:
    """Mean loss of the steps before one."""
    losses = [s.loss for s in trace.steps[max(step - NEAR, 0) : step] if s.loss is not None and math.isfinite(s.loss)]
    return sum(losses) / len(losses) if losses else None


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    points = curve(trace, network.network) if network else []
    if len(points) < LEAST_PASSES:
        return unknown(f"fewer than {LEAST_PASSES} evaluation passes with a loss over the same number of targets")
    place = min(range(len(points)), key=lambda k: points[k][1])
    best, least = points[place]
    last = sum(v for _, v in points[-2:]) / 2
    then, now = training_loss(trace, best.step), training_loss(trace, points[-1][0].step)
    if then is None or now is None or least <= 0:
        return unknown("no positive training and validation losses to compare")
    if place > len(points) - 3 or last < WORSE * least or now > BETTER * then:
        return passed(f"best validation loss {least:.4g} at pass {place + 1} of {len(points)}, {last:.4g} at the end")
    return fired(
        f"the validation loss was best at pass {place + 1} of {len(points)} (step {best.step}): {least:.4g}; it ends "
        f"at {last:.4g}, {last / least - 1:.0%} higher, while the training loss went from {then:.4g} to {now:.4g}",
        "a validation loss that falls as long as training goes on",
        best.where,
        first_step=best.step,
        severity="warning" if last > FAR * least and now < LEARNED * then and not _kept(trace, best.step) else "note",
        best=least,
        last=last,
        passes=len(points),
    )


def _kept(trace: Trace, step: int) -> bool:
    """Weights were saved, copied or loaded from the best pass on: the end is not what will be used."""
    return any(c.step >= step for c in trace.all(Checkpoint))


CHECK = Check(fault="overfitting", severity="note", basis="heuristic", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(300, 20)
    y = (x[:, 0] + torch.randn(300) > 0).long()
    net = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(20):
        for rows in torch.randperm(100).split(25):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("validation", nn.functional.cross_entropy(net(x[100:]), y[100:]).item())


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(1200, 20)
    y = (x[:, 0] + torch.randn(1200) > 0).long()
    net = nn.Sequential(nn.Linear(20, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(8):
        for rows in torch.randperm(1000).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("validation", nn.functional.cross_entropy(net(x[1000:]), y[1000:]).item())
