"""Does the data set hand out one example, or a handful, whatever position is asked for?

Why it matters: an index that is never advanced, a closure over a loop variable or a cached file handle makes
every batch the same few examples. The loss falls beautifully on them and nothing general is learned.

Remedy: check `dataset[0]` against `dataset[1]`; make `__getitem__` depend on nothing but its index (no
counter, no open generator), and keep the length in step with what can really be returned.

Known limits: judged where one iteration of the training loader gave at least 50 examples of enough different
numbers, or inside batches that are made by hand; inputs that are few by nature (truth tables, single tokens)
are not judged.

Source: silent-bug reports on `__getitem__` closing over a generator; PyTorch documentation of
torch.utils.data.Dataset.
"""

from trainloud.checks.examples import drawn_indices, varied
from trainloud.checks.streams import epochs, main_network, prints
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Iteration, Network
from trainloud.core.trace import Trace, unpack_prints

FEW = 0.1  # distinct examples for each position asked for: oversampled data keep several times as many
LEAST_DRAWN = 50  # examples of one iteration
LEAST_IN_BATCH = 8  # examples of a batch made by hand: smaller ones may be views of one


def _by_hand(trace: Trace, network: Network) -> Finding:
    """Without a loader an epoch is not known, but a batch is not made of one example."""
    batches = [b for b in trace.trained_batches if b.network == network.network and b.size >= LEAST_IN_BATCH]
    known = [(b, p) for b in batches if len(p := prints([b])) == b.size]
    drawn, distinct = sum(len(p) for _, p in known), sum(len(set(p)) for _, p in known)
    if drawn < LEAST_DRAWN or distinct > FEW * drawn or not varied(trace, network.network):
        return unknown("no complete iteration of a training loader was seen")
    whole = len({p for _, some in known for p in some})
    return fired(
        f"{len(known)} batches with {drawn} examples hold {distinct / len(known):.1f} distinct examples each on "
        f"average, bit for bit ({whole} distinct in all)",
        "about as many distinct examples in a batch as the batch is long",
        network.where,
        first_step=known[0][0].step,
        distinct=whole,
        asked=drawn,
    )


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None:
        return unknown("no training batch was seen")
    complete = epochs(trace, network.network)
    if not complete:
        return _by_hand(trace, network)
    first = complete[0]
    values = prints(first)
    if len(values) < LEAST_DRAWN:
        return unknown(f"one epoch gave {len(values)} examples, fewer than {LEAST_DRAWN}")
    distinct = len(set(values))
    loop = next((i for i in trace.all(Iteration) if i.iteration == first[0].iteration), None)
    indices = drawn_indices(trace, first[0].iteration)
    if indices and len(indices) != len(values):
        return unknown("the positions that were asked for do not match the examples that entered the network")
    asked = len(set(indices)) if indices else len(values)
    if distinct > FEW * asked:
        return passed(f"{asked} positions of the data set gave {distinct} distinct examples in one epoch")
    if not indices and sum(len(set(unpack_prints(b.prints))) for b in first) > FEW * len(values):
        return unknown("the same examples come back in one iteration, but not inside a batch: perhaps on purpose")
    if distinct > 1 and not varied(trace, network.network):
        return unknown(f"{distinct} distinct examples in one epoch, but of so few numbers that this may be natural")
    return fired(
        f"one epoch asked the data set for {asked} positions and got {distinct} distinct "
        f"example{'s' if distinct > 1 else ''}, bit for bit",
        f"about {asked} distinct examples",
        (loop.where if loop else None) or network.where,
        first_step=first[0].step,
        distinct=distinct,
        asked=asked,
    )


CHECK = Check(
    fault="dataset-returns-same-item",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("duplicate-examples", "overfitting", "constant-or-dead-features", "input-carries-no-signal"),
)


def bad() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    torch.manual_seed(0)
    x = torch.randn(300, 10)
    y = (x[:, :3].sum(1) > 0).long()

    class Rows(Dataset):
        def __init__(self):
            self.position = 0

        def __len__(self):
            return len(x)

        def __getitem__(self, index):
            return x[self.position], y[self.position]

    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for inputs, labels in DataLoader(Rows(), batch_size=30, shuffle=True):
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    torch.manual_seed(0)
    x = torch.randn(300, 10)
    y = (x[:, :3].sum(1) > 0).long()

    class Rows(Dataset):
        def __len__(self):
            return len(x)

        def __getitem__(self, index):
            return x[index], y[index]

    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for inputs, labels in DataLoader(Rows(), batch_size=30, shuffle=True):
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
