"""Does what is evaluated consist of training examples only?

Why it matters: a figure on training examples says how much was memorised. If the "validation" loop reads the
training set, overfitting cannot show, and the best epoch is always the last.

Remedy: hold out a part of the data before training, and give the evaluation loop that part; keep the score on
training data, if it is wanted, beside it.

Known limits: judged by exact fingerprints over all evaluation passes of the run; one set that is not from
training is enough to pass. A script that scores its training set through the same loader, or by hand, may do
so knowingly, so that is a note; a warning needs a loader of its own whose passes run again and again.

Source: silent-bug reports on a validation loader built from the training set; Kapoor and Narayanan 2023.
"""

from collections import defaultdict

from trainloud.checks.examples import LEAST_NUMBERS, Evaluated, evaluated, ever_changing, width
from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Iteration
from trainloud.core.trace import Trace, unpack_prints

WITHIN = 0.98  # share of the evaluated examples that training used before
LEAST_PASSES = 2
LEAST_EXAMPLES = 50  # distinct: fewer is a toy


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None:
        return unknown("no training batch was seen")
    groups, total = evaluated(trace, network.network)
    groups = [g for g in groups if g.count]
    if not groups or not total:
        return unknown("no evaluation pass with fingerprints was seen beside training")
    if width(trace, network.network) < LEAST_NUMBERS or len(total) < LEAST_EXAMPLES:
        return unknown("the examples are too few or too small for a held-out set to be told from training")
    if any(2 * len(g.distinct) < max(n for _, n in g.passes.values()) for g in groups):
        return unknown("most of the evaluated examples are copies of each other: they cannot be told apart")
    trainers = {i.loader for i in trace.all(Iteration) if i.phase == "train"}
    apart = [g for g in groups if g.dataset is not None and g.loaders and not g.loaders & trainers]
    if len(apart) == len(groups) and (indexed := _by_index(trace, groups)):
        return indexed
    if ever_changing(trace, network.network):
        return unknown("training examples change at every visit (augmentation): they cannot be recognised")
    fresh = [g for g in groups if g.known < WITHIN * g.count]
    if fresh:
        new = max(1 - g.known / g.count for g in fresh)
        return passed(f"{new:.1%} of the examples of an evaluated set are not from training")
    count, known = sum(g.count for g in groups), sum(g.known for g in groups)
    often = max(len(g.passes) for g in groups) >= LEAST_PASSES
    return fired(
        f"{known} of {count} evaluated examples ({known / count:.1%}, {sum(len(g.passes) for g in groups)} passes) "
        "had been trained on, bit for bit, and nothing else was evaluated",
        "a validation set that training never uses",
        (apart or groups)[0].where or network.where,
        first_step=groups[0].first_step,
        severity="warning" if apart and often else "note",
        known=known,
        count=count,
    )


def _by_index(trace: Trace, groups: list[Evaluated]) -> Finding | None:
    """All that is evaluated are positions of the training data set that training drew, whatever their bits are."""
    trained: dict[int, set[int]] = defaultdict(set)
    scored: dict[int, set[int]] = defaultdict(set)
    for i in trace.all(Iteration):
        positions = list(unpack_prints(i.indices)) if i.indices else []
        (trained if i.phase == "train" else scored)[i.dataset].update(positions)
    if not all(g.trained and g.dataset in scored and len(g.passes) >= LEAST_PASSES for g in groups):
        return None
    pairs = [(scored[g.dataset], trained[g.dataset]) for g in groups if g.dataset is not None]
    count = sum(len(s) for s, _ in pairs)
    known = sum(len(s & t) for s, t in pairs)
    if count < LEAST_EXAMPLES or known < WITHIN * count:
        return None
    return fired(
        f"a loader of its own evaluates {known} positions of the very data set that training drew them from, in "
        f"{sum(len(g.passes) for g in groups)} passes, and nothing else was evaluated",
        "a validation set that training never uses",
        groups[0].where,
        first_step=groups[0].first_step,
        known=known,
        count=count,
    )


CHECK = Check(
    fault="evaluation-on-training-data", severity="warning", basis="proof", judge=judge, symptoms=("overfitting",)
)


def bad() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    train_set, val_set = TensorDataset(x[:400], y[:400]), TensorDataset(x[400:], y[400:])
    train = DataLoader(train_set, batch_size=50, shuffle=True)
    validation = DataLoader(train_set, batch_size=100)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for inputs, labels in train:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            right = sum((net(a).argmax(1) == b).sum().item() for a, b in validation)
        print("validation", right / len(validation.dataset))


def good() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    train_set, val_set = TensorDataset(x[:400], y[:400]), TensorDataset(x[400:], y[400:])
    train = DataLoader(train_set, batch_size=50, shuffle=True)
    validation = DataLoader(val_set, batch_size=100)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for inputs, labels in train:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            right = sum((net(a).argmax(1) == b).sum().item() for a, b in validation)
        print("validation", right / len(validation.dataset))
