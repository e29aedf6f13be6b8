"""Does an evaluation pass score the same examples several times, while others are left out or outweighed?

Why it matters: balancing by repetition belongs in training. A validation set that was oversampled or drawn with
replacement has another mix of classes than the population, and precision, accuracy and calibration on it are not
those that will be met in use.

Remedy: no sampler on evaluation loaders (no WeightedRandomSampler, no `replacement=True`); split first and resample
the training part alone.

Known limits: judged by positions that an evaluation loader drew, and by exact fingerprints of rows or pictures with
enough different values (not of texts); several forwards of one batch (test-time augmentation, Monte Carlo dropout)
are left alone. A set that was thinned out to balance its classes is a note.

Source: Blagus and Lusa 2015, Joint use of over- and under-sampling techniques and cross-validation.
"""

from collections import Counter

from trainloud.checks.examples import natural_rate, varied
from trainloud.checks.streams import main_network, pass_prints, train_prints
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Batch, Door, Iteration, LossCall, Pass
from trainloud.core.trace import Trace, unpack_labels, unpack_prints

REPEATED = 0.1  # share of a pass that repeats an example of the same pass
NATURAL = 0.02  # share of repeated examples in training from which on repetition is the data's own nature
TIMES = 10.0  # over the share that repeats in training
MANY = 1000  # different training examples: as many with hardly a copy among them say that copies are not natural
LEAST_EXAMPLES = 40  # of a pass
BALANCED = 0.02  # relative difference between the most and the least frequent class of a thinned set
SKEWED = 3.0  # most over least frequent class in training


def repeated(values: list[int]) -> float:
    return 1 - len(set(values)) / len(values) if values else 0.0


def drawn_again(trace: Trace) -> Finding | None:
    """An evaluation loader drew positions of its data set more than once in one pass."""
    used = {b.iteration for b in trace.all(Batch) if b.phase == "eval" and b.passage >= 0}
    for i in trace.all(Iteration):
        drawn = list(unpack_prints(i.indices)) if i.indices and i.phase == "eval" and i.iteration in used else []
        share = repeated(drawn)
        if len(drawn) >= LEAST_EXAMPLES and share >= REPEATED and not _in_episodes(drawn, i.drawn):
            left = (i.dataset_length or len(set(drawn))) - len(set(drawn))
            return fired(
                f"one pass over an evaluation loader drew {len(drawn)} positions, only {len(set(drawn))} different "
                f"ones ({share:.0%} repeated); {left} of {i.dataset_length} examples were left out",
                "each evaluated example once",
                i.made or i.where,
                first_step=i.step,
                repeated=share,
            )
    return None


def _in_episodes(drawn: list[int], batches: int) -> bool:
    """Each batch is a draw of its own without repetition, as the tasks of few-shot learning are."""
    size = -(-len(drawn) // max(batches, 1))
    return size > 1 and all(not repeated(drawn[k : k + size]) for k in range(0, len(drawn), size))


def copied(trace: Trace, network: int) -> Finding | None:
    """Distinct positions, equal examples: the evaluated set itself was oversampled."""
    total = Counter(train_prints(trace, network))
    rate = natural_rate(trace, network, total)
    if rate is None or rate > NATURAL or not _float_input(trace, network):
        return None
    if not varied(trace, network) and len(total) < MANY:
        return None
    for p in trace.passes:
        if p.network != network or p.repeats > 1 or not p.scored:
            continue
        values = pass_prints(trace, p)
        share = repeated(values)
        mine = [b for b in trace.all(Batch) if b.passage == p.passage and b.network == network]
        once = len({b.iteration for b in mine}) <= 1 and min((b.size for b in mine[:-1]), default=2) > 1
        if once and len(values) >= LEAST_EXAMPLES and share >= max(REPEATED, TIMES * rate) and _uneven(values):
            return fired(
                f"an evaluation pass scored {len(values)} examples, only {len(set(values))} different ones "
                f"({share:.0%} repeated, one of them {max(Counter(values).values())} times); in training "
                f"{rate:.1%} repeat",
                "each evaluated example once",
                p.where,
                first_step=p.step,
                repeated=share,
            )
    return None


def _float_input(trace: Trace, network: int) -> bool:
    """Not tokens: texts that are generated or cut into prefixes begin alike by nature."""
    doors = [d for d in trace.all(Door) if d.network == network and d.tensors]
    return bool(doors) and all("float" in d.tensors[0].dtype for d in doors)


def _uneven(values: list[int]) -> bool:
    """Some examples repeat and others do not: not the whole set scored several times."""
    counts = Counter(values).values()
    return min(counts) < max(counts)


def thinned(trace: Trace) -> Finding | None:
    """Equal shares of classes in an evaluation pass although training has a skewed mix."""
    learned: Counter[float] = Counter()
    for c in trace.all(LossCall):
        if c.phase == "train" and c.labels:
            learned.update(unpack_labels(c.labels))
    scored: dict[int, Counter[float]] = {}
    for c in trace.all(LossCall):
        if c.phase == "eval" and c.labels:
            scored.setdefault(c.passage, Counter()).update(unpack_labels(c.labels))
    if not 2 <= len(learned) <= 20 or max(learned.values()) < SKEWED * min(learned.values()):
        return None
    places = {p.passage: p for p in trace.all(Pass)}
    for passage, counts in scored.items():
        known = set(counts) == set(learned) and counts.total() >= LEAST_EXAMPLES and passage in places
        if known and max(counts.values()) <= (1 + BALANCED) * min(counts.values()):
            skew = max(learned.values()) / min(learned.values())
            return fired(
                f"an evaluation pass holds {min(counts.values())} to {max(counts.values())} examples of each of "
                f"{len(counts)} classes; in training the most frequent class is {skew:.1f} times as frequent as the "
                "rarest",
                "the population's mix of classes in evaluation",
                places[passage].where,
                first_step=places[passage].step,
                severity="note",
                basis="heuristic",
                skew=skew,
            )
    return None


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    passes = [p for p in trace.passes if network and p.network == network.network]
    if network is None or not passes:
        return unknown("no evaluation pass of the trained network was seen")
    bad = drawn_again(trace) or copied(trace, network.network) or thinned(trace)
    return bad or passed(f"no example repeats in an uneven way inside one of {len(passes)} evaluation passes")


CHECK = Check(fault="evaluation-data-resampled", severity="warning", basis="proof", judge=judge)


def bad() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

    torch.manual_seed(0)
    y = (torch.rand(800) < 0.2).long()
    x = torch.randn(800, 10) + y[:, None]

    def balanced(labels):
        weights = 1.0 / torch.bincount(labels)[labels]
        return WeightedRandomSampler(weights, len(labels))

    train = DataLoader(TensorDataset(x[:600], y[:600]), batch_size=50, sampler=balanced(y[:600]))
    validation = DataLoader(TensorDataset(x[600:], y[600:]), batch_size=50, sampler=balanced(y[600:]))
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for inputs, labels in train:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            right = sum((net(a).argmax(1) == b).sum().item() for a, b in validation)
        print("validation", right / 200)


def good() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

    torch.manual_seed(0)
    y = (torch.rand(800) < 0.2).long()
    x = torch.randn(800, 10) + y[:, None]

    def balanced(labels):
        weights = 1.0 / torch.bincount(labels)[labels]
        return WeightedRandomSampler(weights, len(labels))

    train = DataLoader(TensorDataset(x[:600], y[:600]), batch_size=50, sampler=balanced(y[:600]))
    validation = DataLoader(TensorDataset(x[600:], y[600:]), batch_size=50)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for inputs, labels in train:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            right = sum((net(a).argmax(1) == b).sum().item() for a, b in validation)
        print("validation", right / 200)
