"""Which evaluated examples training had used before: the ground of the checks on leaks and on what was scored."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from trainloud.checks.streams import epochs, prints
from trainloud.core.place import Place
from trainloud.core.records import Batch, Door, Iteration
from trainloud.core.trace import Trace, unpack_labels, unpack_prints

WITHIN = 0.98  # share of a batch: from here on it is taken as training data scored on purpose
SETTLED = 0.5  # share of all training examples of the run that must have been used before a pass is judged
REPLACED = 0.5  # variance over mean of visits: 0 for epochs over distinct examples, 1 for drawing with replacement
LEAST_NUMBERS = 8  # of an example: fewer repeat by nature
LEAST_ROWS = 16  # different sampled rows of a table, to tell a continuous column
OWN_VALUES = 0.9  # different values of a column for each row: measured to few digits, two rows may agree
LEAST_COLUMNS = 4  # continuous columns: one alone may be a rounded figure
LEAST_VALUES = 5  # different numbers in an example: one-hot and binary inputs repeat by nature


@dataclass
class Evaluated:
    """One evaluated set of examples: all passes over one data set, or all batches made by hand."""

    dataset: int | None
    """Identifies the data set object; None for batches made by hand."""
    where: Place | None
    trained: bool
    """Training iterated over the same data set object."""
    known: int = 0
    """Examples (each pass counted) that training had used before."""
    count: int = 0
    passes: dict[int, list[int]] = field(default_factory=dict)
    """Pass -> [known, count], where training had settled."""
    distinct: set[int] = field(default_factory=set)
    first_step: int = 0
    loaders: set[int] = field(default_factory=set)

    @property
    def share(self) -> float:
        """The least share of one pass that training had used before."""
        return min((k / n for k, n in self.passes.values() if n), default=0.0)


def width(trace: Trace, network: int) -> int:
    """Numbers that make up one example, over all arguments that share the batch's length."""
    for door in trace.all(Door):
        if door.network == network and door.phase == "train" and door.tensors:
            size = door.tensors[0].shape[0]
            return sum(_product(t.shape[1:]) for t in door.tensors if t.shape[0] == size)
    return 0


def _product(shape: tuple[int, ...]) -> int:
    n = 1
    for s in shape:
        n *= s
    return n


def evaluated(trace: Trace, network: int) -> tuple[list[Evaluated], Counter[int]]:
    """The evaluated sets of a network, and how often training used each example."""
    iterations = {i.iteration: i for i in trace.all(Iteration)}
    trained_sets = {i.dataset for i in iterations.values() if i.phase == "train"}
    passes = {p.passage: p for p in trace.passes if p.network == network}
    total = Counter(prints([b for b in trace.trained_batches if b.network == network]))
    seen: set[int] = set()
    found: dict[tuple[int | None, bool], Evaluated] = {}
    for b in _in_order(trace, network):
        values = unpack_prints(b.prints)
        if b.phase == "train":
            seen.update(values)
            continue
        if b.passage not in passes or len(seen) < SETTLED * len(total) or not len(values):
            continue
        known = sum(v in seen for v in values)
        drawn = iterations.get(b.iteration)
        loaded = drawn is not None and drawn.phase == "eval"
        dataset = drawn.dataset if loaded and drawn is not None else None
        key = (dataset, dataset is None and known >= WITHIN * len(values))
        if key not in found:
            place = drawn.where if loaded and drawn is not None else passes[b.passage].where
            found[key] = Evaluated(dataset, place, dataset in trained_sets, first_step=b.step)
        group = found[key]
        group.known, group.count = group.known + known, group.count + len(values)
        one = group.passes.setdefault(b.passage, [0, 0])
        one[0], one[1] = one[0] + known, one[1] + len(values)
        group.distinct.update(values)
        if drawn is not None:
            group.loaders.add(drawn.loader)
    return list(found.values()), total


def _in_order(trace: Trace, network: int) -> Iterator[Batch]:
    """Batches of a network by step; of one step the evaluation first, as a step's index is that of the next step."""
    mine = [b for b in trace.all(Batch) if b.network == network and b.prints]
    yield from sorted(mine, key=lambda b: (b.step, b.phase == "train"))


def natural_rate(trace: Trace, network: int, total: Counter[int]) -> float | None:
    """Share of training examples of one epoch with a copy in the same epoch; None if training draws at random.

    Without epochs to look at, an example that was used 1.5 times as often as the median counts as repeated.
    """
    complete = epochs(trace, network)
    if complete:
        once = Counter(prints(complete[0]))
        size = sum(once.values())
        return sum(c for c in once.values() if c > 1) / size if size else None
    if not total:
        return None
    visits = list(total.values())
    mean = sum(visits) / len(visits)
    spread = sum((v - mean) ** 2 for v in visits) / len(visits)
    if mean >= 1.5 and spread >= REPLACED * mean:
        return None
    usual = median(visits)
    return sum(v for v in visits if v >= 1.5 * usual) / sum(visits)


def ever_changing(trace: Trace, network: int) -> bool:
    """Training went through its data at least twice, yet hardly any example came back with the same bits."""
    complete = epochs(trace, network)
    if len(complete) < 2:
        return False
    first, second = set(prints(complete[0])), set(prints(complete[1]))
    return bool(first) and len(first & second) < 0.05 * len(first)


def varied(trace: Trace, network: int) -> bool:
    """Examples have enough different numbers that two of them are not equal by nature."""
    return width(trace, network) >= LEAST_NUMBERS and values_of(trace, network) >= LEAST_VALUES


def continuous(trace: Trace, network: int) -> bool:
    """Of a table's columns, at least four have another value in each sampled row, so that equal rows are copies."""
    rows: set[tuple[float, ...]] = set()
    for door in trace.all(Door):
        if door.network == network and door.phase == "train" and door.sample and len(door.sample_shape) == 2:
            flat, size = unpack_labels(door.sample), door.sample_shape[1]
            rows.update(tuple(flat[k : k + size]) for k in range(0, len(flat), size))
    columns = [len(set(c)) for c in zip(*rows, strict=False)]
    return len(rows) >= LEAST_ROWS and sum(c >= OWN_VALUES * len(rows) for c in columns) >= LEAST_COLUMNS


def values_of(trace: Trace, network: int) -> float:
    """Mean count of different numbers in one sampled example, at the network's door."""
    counts = []
    for door in trace.all(Door):
        if door.network == network and door.phase == "train" and door.sample and door.sample_shape:
            flat, rows = unpack_labels(door.sample), door.sample_shape[0]
            size = len(flat) // max(rows, 1)
            counts += [len(set(flat[k * size : (k + 1) * size])) for k in range(rows)]
    return sum(counts) / len(counts) if counts else 0.0


def drawn_indices(trace: Trace, iteration: int) -> list[int]:
    """Positions of the data set that a loader's iteration drew; empty if unknown."""
    one = next((i for i in trace.all(Iteration) if i.iteration == iteration), None)
    return list(unpack_prints(one.indices)) if one and one.indices else []
