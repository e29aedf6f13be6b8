"""Is a reported figure the mean of batch figures where that is not the figure of the whole set?

Why it matters: with a smaller last batch, the mean of batch means gives its few examples the weight of many.
F1, AUC and their like are not means at all: their average over batches is another number, and it changes
with the batch size.

Remedy: add up `loss.item() * len(x)` and divide by the number of examples; collect predictions and targets
and call the metric once after the loop.

Known limits: judged where the figure is printed after a pass whose batch losses or hits were seen, at the
printed precision, in at least two passes; figures that go to a logger are not seen. A difference of less than
one percent in the usual pass is only a note, one below a thousandth in all passes is none.

Source: mlcommons/training#89; Forman and Scholz 2010, Apples-to-apples in cross-validation studies (F1).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, Severity, fired, passed, unknown
from trainloud.core.place import Place
from trainloud.core.records import Batch, Pass
from trainloud.core.trace import Trace

LEAST_PASSES = 2  # in which the same printed place shows the mean of batch means
SERIOUS = 0.01  # relative difference from the true figure
NEGLIGIBLE = 1e-3  # the same, below which no decision turns on it
LEAST_CALLS = 2  # of a metric in one pass


@dataclass(frozen=True)
class Figure:
    """A figure of one pass in the two ways of computing it."""

    kind: str
    of_batches: float
    of_whole: float

    def shows(self, printed: str) -> bool | None:
        """Whether the printed number is the mean over batches (True), the true figure (False) or neither."""
        value, half = float(printed), half_unit(printed)
        for scale in (1.0, 100.0) if self.kind == "accuracy" else (1.0,):
            if abs(self.of_whole - self.of_batches) * scale < 2 * half:
                continue  # cannot be told apart at this precision
            if abs(value - self.of_batches * scale) <= half * 1.01:
                return True
            if abs(value - self.of_whole * scale) <= half * 1.01:
                return False
        return None


def half_unit(printed: str) -> float:
    """Half of the last printed decimal."""
    mantissa, _, exponent = printed.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.5 * 10.0 ** (int(exponent or 0) - decimals)


def streams(trace: Trace, one: Pass) -> Iterator[slice]:
    """The batches of a pass, as a whole and by the loader iteration that they came from."""
    yield slice(None)
    mine = [b for b in trace.all(Batch) if b.passage == one.passage and b.network == one.network]
    start = 0
    for k in range(1, len(mine) + 1):
        if k == len(mine) or mine[k].iteration != mine[start].iteration:
            if (start, k) != (0, len(mine)):
                yield slice(start, k)
            start = k


def both_ways(pairs: Sequence[tuple[float, int]]) -> tuple[float, float] | None:
    """(mean over batches, mean over targets) of (batch mean, targets)."""
    total = sum(n for _, n in pairs)
    if len(pairs) < 2 or not total or len({n for _, n in pairs}) < 2 or not all(math.isfinite(v) for v, _ in pairs):
        return None
    return sum(v for v, _ in pairs) / len(pairs), sum(v * n for v, n in pairs) / total


def figures_of(trace: Trace, one: Pass) -> list[Figure]:
    found = []
    for part in streams(trace, one):
        for kind, pairs in (
            ("loss", [(v, n) for v, n in one.losses if n]),
            ("accuracy", [(c / n, n) for c, n in one.corrects if n]),
        ):
            if part != slice(None) and len(pairs) != one.forwards:
                continue
            ways = both_ways(pairs[part])
            if ways is not None:
                found.append(Figure(kind, *ways))
    return found


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    passes = [p for p in trace.passes if network and p.network == network.network]
    if not passes:
        return unknown("no evaluation pass of the trained network was seen")
    metric = _metric_averaged(passes)
    if metric is not None:
        return metric
    hits: dict[tuple[str, int], list[tuple[Pass, Figure, str]]] = {}
    truths: set[tuple[str, int]] = set()
    judged = 0
    for p in passes:
        figures = figures_of(trace, p)
        judged += bool(figures and p.figures)
        for place, printed in enumerate(p.figures):
            for figure in figures:
                shown = figure.shows(printed)
                if shown is True:
                    hits.setdefault((figure.kind, place), []).append((p, figure, printed))
                elif shown is False:
                    truths.add((figure.kind, place))
    sure = {k: v for k, v in hits.items() if k not in truths and len({p.passage for p, _, _ in v}) >= LEAST_PASSES}
    if sure:
        found = max(sure.values(), key=lambda v: len(v))
        most = max(_off(f) for _, f, _ in found)
        if most >= NEGLIGIBLE:
            return _fired(found)
        return passed(f"the mean of the batches' means is at most {most:.1g} of the true figure away from it")
    if not judged:
        if any(p.metrics for p in passes):
            return unknown("metrics were taken batch by batch, but whether their mean is reported was not seen")
        return unknown("no printed figure could be set against batches of different sizes")
    return passed(f"no printed figure of {judged} passes is a plain mean over batches of different sizes")


def _off(figure: Figure) -> float:
    return abs(figure.of_whole - figure.of_batches) / max(abs(figure.of_whole), 1e-12)


def _fired(found: list[tuple[Pass, Figure, str]]) -> Finding:
    one, figure, printed = max(found, key=lambda f: abs(f[1].of_whole - f[1].of_batches))
    off = _off(figure)
    # By the usual pass: the worst of many passes grows with their number alone.
    severity: Severity = "warning" if median(_off(f) for _, f, _ in found) >= SERIOUS else "note"
    return fired(
        f"the printed {figure.kind} {printed} is the mean of the batches' means in {len(found)} passes; weighted by "
        f"targets it is {figure.of_whole:.6g} ({off:.1%} away; batches of different sizes)",
        "each example with the same weight",
        one.figures_where or one.where,
        first_step=found[0][0].step,
        severity=severity,
        of_batches=figure.of_batches,
        of_whole=figure.of_whole,
    )


def _metric_averaged(passes: Sequence[Pass]) -> Finding | None:
    """A metric of scikit-learn, called batch by batch, whose mean is what the script printed."""
    found: list[tuple[Pass, str, float, int, float, Place | None]] = []
    for p in passes:
        for name, mean, calls, whole, where in p.metrics:
            if calls < LEAST_CALLS or not math.isfinite(mean) or not math.isfinite(whole):
                continue
            if any(Figure("accuracy", mean, whole).shows(f) for f in p.figures):
                found.append((p, name, mean, calls, whole, where))
    if len(found) < LEAST_PASSES:
        return None
    one, name, mean, calls, whole, where = max(found, key=lambda f: abs(f[2] - f[4]))
    return fired(
        f"{name} was taken in {calls} batches and the mean {mean:.4f} was reported; over all examples at once it is "
        f"{whole:.4f} ({len(found)} passes)",
        f"one call of {name} on all predictions and targets of the pass",
        where or one.where,
        first_step=found[0][0].step,
        severity="warning" if abs(mean - whole) >= SERIOUS * max(abs(whole), 1e-12) else "note",
        metric=name,
        of_batches=mean,
        of_whole=whole,
    )


CHECK = Check(
    fault="metric-averaged-over-uneven-batches",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("metric-wrong-axis",),
)


def bad() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(610, 10)
    y = (x[:, :3].sum(1) > 0).long()
    x[600:] = -x[600:]  # the last few are of another kind
    train = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=50, shuffle=True)
    validation = DataLoader(TensorDataset(x[400:], y[400:]), batch_size=100)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for epoch in range(5):
        for inputs, labels in train:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            total = sum(nn.functional.cross_entropy(net(a), b).item() for a, b in validation)
        print(f"epoch {epoch} validation loss {total / len(validation):.4f}")


def good() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(610, 10)
    y = (x[:, :3].sum(1) > 0).long()
    x[600:] = -x[600:]
    train = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=50, shuffle=True)
    validation = DataLoader(TensorDataset(x[400:], y[400:]), batch_size=100)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for epoch in range(5):
        for inputs, labels in train:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            total = sum(nn.functional.cross_entropy(net(a), b).item() * len(a) for a, b in validation)
        print(f"epoch {epoch} validation loss {total / len(validation.dataset):.4f}")
