"""Do the class weights of the loss favour the classes that are frequent anyway?

Why it matters: class weights are there to let rare classes count. The frequencies themselves, used as
weights, square the imbalance: the network may ignore the rare classes altogether, and the weighted loss
looks lower than the honest one.

Remedy: weights that fall with the frequency, for instance n_total / (n_classes * n_of_class); check that
weight times count is about equal for all classes.

Known limits: a majority class that was thinned out on purpose and is weighted back up looks the same.
Classes of weight 0 are set aside. Two classes are judged only where the weights are the frequencies.

Source: mlcommons/GaNDLF#209.
"""

import math
from collections import defaultdict

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import LossSample

ENOUGH = 200  # targets: shares of classes are then known to a few percent
UNEVEN = 1.2  # ratio of the largest to the least, of weights and of counts: below, nothing is at stake
FREQUENCY = (0.8, 1.25)  # slope of log weight on log count: 1 where the weights are the frequencies
ALIGNED = 0.8  # correlation of log weight and log count over three classes or more


def slope_and_correlation(counts: list[float], weights: list[float]) -> tuple[float, float]:
    """Of log weight on log count."""
    x, y = [math.log(c) for c in counts], [math.log(w) for w in weights]
    mx, my = sum(x) / len(x), sum(y) / len(y)
    xx, yy = sum((a - mx) ** 2 for a in x), sum((b - my) ** 2 for b in y)
    xy = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return (xy / xx, xy / math.sqrt(xx * yy)) if xx and yy else (0.0, 0.0)


def judge(runs: Runs) -> Finding:
    samples = [s for s in runs.watched.all(LossSample) if s.phase == "train" and s.weight and s.counts]
    if not samples:
        return unknown("no loss with class weights was seen")
    sites: dict[tuple[object, tuple[float, ...]], list[LossSample]] = defaultdict(list)
    for s in samples:
        sites[(s.where, s.weight)].append(s)
    findings = [_site(group) for group in sites.values()]
    order = ("fired", "passed", "unknown")
    return min(findings, key=lambda f: order.index(f.outcome))


def _site(group: list[LossSample]) -> Finding:
    """One line with one set of weights."""
    weight = group[0].weight
    counts = [sum(s.counts[k] for s in group if k < len(s.counts)) for k in range(len(weight))]
    known = [(float(c), w) for c, w in zip(counts, weight, strict=True) if c > 0 and w > 0]
    if sum(counts) < ENOUGH or len(known) < 2:
        return unknown(f"{sum(counts)} targets of {len(known)} weighted classes are too few to compare with weights")
    n, w = [c for c, _ in known], [v for _, v in known]
    if max(w) / min(w) < UNEVEN or max(n) / min(n) < UNEVEN:
        return passed("classes or their weights are about even")
    slope, correlation = slope_and_correlation(n, w)
    frequencies = FREQUENCY[0] <= slope <= FREQUENCY[1] and correlation > 0.95
    aligned = len(known) > 2 and correlation >= ALIGNED
    most, least = max(known), min(known)
    facts = (
        f"the weight of the most frequent class is {most[1]:.3g} ({most[0] / sum(n):.0%} of the targets), "
        f"of the rarest {least[1]:.3g} ({least[0] / sum(n):.1%}); correlation of weight and count {correlation:+.2f}"
    )
    if not frequencies and not aligned:
        return passed(facts)
    before, after = most[0] / least[0], most[0] * most[1] / (least[0] * least[1])
    return fired(
        f"{facts}: weighted, the imbalance is {after:.3g} to 1 instead of {before:.3g} to 1",
        "weights that fall as the frequency rises",
        group[0].where,
        first_step=group[0].step,
        slope=slope,
        correlation=correlation,
        weights=weight[:64],
        counts=counts[:64],
    )


CHECK = Check(
    fault="class-weights-reversed",
    severity="warning",
    basis="heuristic",
    judge=judge,
    symptoms=("class-imbalance-ignored",),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 6)
    y = (x[:, 0] > 1.1).long()
    share = torch.bincount(y) / len(y)
    net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
    criterion = nn.CrossEntropyLoss(weight=share)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(600).split(60):
            loss = criterion(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 6)
    y = (x[:, 0] > 1.1).long()
    share = torch.bincount(y) / len(y)
    net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
    criterion = nn.CrossEntropyLoss(weight=1 / (2 * share))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(600).split(60):
            loss = criterion(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
