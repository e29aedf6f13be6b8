"""Is the input of evaluation prepared differently from the input of training?

Why it matters: a network sees at evaluation what it has never seen in training: unnormalised pixels, another
unit, another channel statistic. The validation figure is then far too bad for reasons that no change of the
network can repair, and deployment repeats the mistake.

Remedy: build both data sets with the same preparation (the same mean and standard deviation, taken from the
training set); leave out of validation only what is random (crops, flips, noise).

Known limits: judged on statistics of the first batches of each phase; a mild difference (less than a factor
of 2.5 in spread, or means less than 2.5 standard deviations apart) is taken for sampling or augmentation.
Where columns drift with time, the same statistics can differ although the preparation is the same: windows of a
series are judged only where the values of evaluation lie outside the range of training.

Source: lightning and torchvision users' reports of `transform` passed to one data set only; Karpathy 2019,
A Recipe for Training Neural Networks ("visualize just before the net").
"""

import math
from dataclasses import dataclass

from trainloud.checks.frames import of_a_series
from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Door, Network
from trainloud.core.trace import Trace

SPREAD = 2.5  # ratio of standard deviations: masking, mixing and noise in training stay below 2
APART = 2.5  # pooled standard deviations between the means: two nearly disjoint distributions
DIFFERS = 1.2  # ratio of standard deviations beyond which a column takes part in a shift of all columns
LEAST_EXAMPLES = 32  # in each phase


@dataclass
class Column:
    """Mean and standard deviation in training and in evaluation."""

    train: tuple[float, float]
    scored: tuple[float, float]

    @property
    def ratio(self) -> float:
        """The larger spread over the smaller one; 1 for a column that is constant in either."""
        low, high = sorted((self.train[1], self.scored[1]))
        return high / low if low > 0 else 1.0

    @property
    def apart(self) -> float:
        pooled = math.sqrt((self.train[1] ** 2 + self.scored[1] ** 2) / 2)
        return abs(self.train[0] - self.scored[0]) / pooled if pooled > 0 else 0.0


def pooled(doors: list[Door]) -> list[tuple[float, float]]:
    """(mean, standard deviation) of each column over some batches of any size."""
    sizes = [d.tensors[0].shape[0] for d in doors]
    total = sum(sizes)
    found = []
    for k in range(len(doors[0].columns)):
        mean = sum(n * d.columns[k][0] for n, d in zip(sizes, doors, strict=True)) / total
        square = sum(n * (d.columns[k][1] ** 2 + d.columns[k][0] ** 2) for n, d in zip(sizes, doors, strict=True))
        found.append((mean, math.sqrt(max(square / total - mean**2, 0.0))))
    return found


def examples(doors: list[Door]) -> int:
    return sum(d.tensors[0].shape[0] for d in doors)


def compared(trace: Trace, network: Network) -> tuple[list[Column], list[Door], list[Door]]:
    """The columns with the doors of both phases; empty if they cannot be compared."""
    mine = [d for d in trace.all(Door) if d.network == network.network and d.columns and d.outer]
    scored_steps = {p.step for p in trace.passes if p.network == network.network and p.scored}
    train = [d for d in mine if d.phase == "train"]
    scored = [d for d in mine if d.phase == "eval" and d.step in scored_steps]
    if not train:
        return [], [], []
    wide, axes = len(train[0].columns), len(train[0].tensors[0].shape)
    alike = [d for d in scored if len(d.columns) == wide and len(d.tensors[0].shape) == axes]
    train = [d for d in train if len(d.columns) == wide]
    if examples(alike) < LEAST_EXAMPLES or examples(train) < LEAST_EXAMPLES:
        return [], train, alike
    return [Column(a, b) for a, b in zip(pooled(train), pooled(alike), strict=True)], train, alike


def different(columns: list[Column], axes: int) -> bool:
    """Nearly all columns changed, and by more than sampling or augmentation would."""
    live = [c for c in columns if c.train[1] > 0 and c.scored[1] > 0]
    if not live or len(live) < len(columns) / 2:
        return False
    middle = sorted(c.ratio for c in live)[(len(live) - 1) // 2]
    one_way = len({c.train[1] > c.scored[1] for c in live}) == 1
    limit = SPREAD if axes >= 4 or len(live) > 1 else 2 * SPREAD
    if one_way and middle >= limit:
        return True
    shifted = [c for c in live if c.apart >= APART]
    moved = [c for c in live if c.apart >= 0.5 or c.ratio >= DIFFERS]
    return len(live) > 1 and bool(shifted) and len(moved) == len(live)


def disjoint(train: list[Door], scored: list[Door]) -> bool:
    """No column's values of evaluation reach into the range of training."""
    ranges = [
        (min(d.columns[k][2] for d in side), max(d.columns[k][3] for d in side))
        for k in range(len(train[0].columns))
        for side in (train, scored)
    ]
    return all(a[1] < b[0] or b[1] < a[0] for a, b in zip(ranges[::2], ranges[1::2], strict=True))


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None:
        return unknown("no training batch was seen")
    columns, train, scored = compared(trace, network)
    if not columns:
        return unknown("no float inputs of both training and evaluation were seen in the same layout")
    worst = max(columns, key=lambda c: max(math.log(c.ratio) / math.log(SPREAD), c.apart / APART))
    shown = (
        f"column {columns.index(worst)}: mean {worst.train[0]:.3g}, std {worst.train[1]:.3g} in training against mean "
        f"{worst.scored[0]:.3g}, std {worst.scored[1]:.3g} in evaluation"
    )
    if not different(columns, len(train[0].tensors[0].shape)):
        return passed(f"inputs of both phases are alike; most different {shown}")
    if of_a_series(trace, network.network) and not disjoint(train, scored):
        return unknown(f"the inputs are windows of a series, whose level may drift with time; {shown}")
    place = next((p.where for p in trace.passes if p.step == scored[0].step and p.where), network.where)
    return fired(
        f"inputs of {examples(scored)} evaluated and {examples(train)} training examples differ in all of "
        f"{len(columns)} columns or channels; {shown}",
        f"spreads within a factor of {SPREAD} and means within {APART} standard deviations",
        place,
        first_step=scored[0].step,
        train=[c.train for c in columns[:16]],
        scored=[c.scored for c in columns[:16]],
    )


CHECK = Check(
    fault="train-eval-preprocessing-mismatch",
    severity="warning",
    basis="heuristic",
    judge=judge,
    symptoms=("overfitting", "wrong-normalisation-statistics"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = 3 + 0.3 * torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 9).long()
    train, validation = x[:400], x[400:]
    train = (train - x[:400].mean(0)) / x[:400].std(0)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(train[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("validation", nn.functional.cross_entropy(net(validation), y[400:]).item())


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = 3 + 0.3 * torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 9).long()
    x = (x - x[:400].mean(0)) / x[:400].std(0)
    train, validation = x[:400], x[400:]
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(train[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("validation", nn.functional.cross_entropy(net(validation), y[400:]).item())
