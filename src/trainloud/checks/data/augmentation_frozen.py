"""Does random augmentation give each example the same bits in each epoch?

Why it matters: augmentation is meant to show another version of an example at each visit. Where its result is cached,
or its random numbers begin anew in each epoch, the network sees one fixed set again and again and learns it by heart.

Remedy: draw inside `__getitem__` (or in the loop) at each visit and cache only what comes before the augmentation;
set seeds once, before the first epoch, not inside the loop or in `worker_init_fn` with a constant.

Known limits: needs a DataLoader, two whole epochs and random numbers drawn while examples are fetched. A data set that
was augmented before it was wrapped cannot be told from plain data. Seeding for each example (fixed synthetic data)
looks alike and is left alone.

Source: torch.utils.data, "Data Loading Randomness"; forum reports of augmentation in a cached __getitem__ and of
`torch.manual_seed` inside the epoch loop.
"""

from collections import defaultdict

from trainloud.checks.streams import epochs, main_network, prints
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Draws, Iteration
from trainloud.core.trace import Trace, unpack_prints

SAME = 0.98  # share of an epoch's examples that came with the same bits in the epoch before
LEAST_EXAMPLES = 32


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    whole = epochs(trace, network.network) if network else []
    if network is None or len(whole) < 2:
        return unknown("no two whole epochs of a DataLoader were seen")
    loops = {i.iteration: i for i in trace.all(Iteration)}
    numbers = [w[0].iteration for w in whole if loops[w[0].iteration].dataset == loops[whole[0][0].iteration].dataset]
    per = {w[0].iteration: prints(w) for w in whole}
    drew: dict[int, list[Draws]] = defaultdict(list)
    known = {d.iteration for d in trace.all(Draws)}
    for d in trace.all(Draws):
        if d.before != d.after:
            drew[d.iteration].append(d)
    numbers = [n for n in numbers if n in known]
    if len(numbers) < 2 or not drew[numbers[0]]:
        return unknown("no random number was drawn while the first examples of the first epoch were fetched")
    one, two = numbers[0], numbers[1]
    first, second = set(per[one]), per[two]
    if len(first) < LEAST_EXAMPLES or len(second) < LEAST_EXAMPLES:
        return unknown("too few examples to compare two epochs")
    same = sum(p in first for p in second) / len(second)
    if same < SAME:
        return passed(f"{1 - same:.0%} of the examples of the second epoch came with other bits than in the first")
    loop = loops[two]
    orders = _order(trace, one), _order(trace, two)
    order = bool(orders[0]) and orders[0] == orders[1]
    other_order = all(orders) and not order  # unknown for a data set that is no more than iterated over
    sources = ", ".join(sorted({d.source.lstrip(".") for d in drew[one]}))
    if _constant(drew[one], [d for d in trace.all(Draws) if d.iteration == two]) and other_order:
        how = "after the first fetch of both they stood in the same state: a constant seed is set at each fetch"
    elif not drew[two]:
        how = "none was drawn at the start of the second: what was drawn once is kept"
    elif _begins_alike(drew[one], drew[two]):
        how = "they began in the same state in both epochs"
    else:
        return unknown("random numbers were drawn at each fetch, but nothing that reaches the network depends on them")
    return fired(
        f"{same:.1%} of {len(second)} examples came with the same bits in the first two epochs, although "
        f"random numbers ({sources}) were drawn while they were fetched; {how}"
        + (", and so did their order" if order else ""),
        "other random numbers for each visit",
        loop.where or loop.made,
        first_step=loop.step,
        same=same,
    )


def _begins_alike(a: list[Draws], b: list[Draws]) -> bool:
    """Each source that was drawn from had the same state before both epochs, in each worker."""
    before = {(d.worker, d.source): d.before for d in a}
    shared = [d for d in b if (d.worker, d.source) in before]
    return bool(shared) and all(before[d.worker, d.source] == d.before for d in shared)


def _constant(a: list[Draws], b: list[Draws]) -> bool:
    """Different states before the first fetch of both epochs, the same one after it, for each source drawn from."""
    ends = {(d.worker, d.source): d for d in b}
    shared = [(d, ends[d.worker, d.source]) for d in a if (d.worker, d.source) in ends]
    return bool(shared) and all(x.before != y.before and x.after == y.after for x, y in shared)


def _order(trace: Trace, iteration: int) -> list[int]:
    one = next((i for i in trace.all(Iteration) if i.iteration == iteration), None)
    return list(unpack_prints(one.indices)) if one and one.indices else []


CHECK = Check(fault="augmentation-frozen", severity="warning", basis="proof", judge=judge)


def bad() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    class Noisy(Dataset):
        def __init__(self, x, y):
            self.x, self.y, self.cache = x, y, {}

        def __len__(self):
            return len(self.x)

        def __getitem__(self, i):
            if i not in self.cache:
                self.cache[i] = self.x[i] + 0.1 * torch.randn(10)
            return self.cache[i], self.y[i]

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x[:, :3].sum(1) > 0).long()
    loader = DataLoader(Noisy(x, y), batch_size=50, shuffle=True)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for inputs, labels in loader:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    class Noisy(Dataset):
        def __init__(self, x, y):
            self.x, self.y = x, y

        def __len__(self):
            return len(self.x)

        def __getitem__(self, i):
            return self.x[i] + 0.1 * torch.randn(10), self.y[i]

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x[:, :3].sum(1) > 0).long()
    loader = DataLoader(Noisy(x, y), batch_size=50, shuffle=True)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for inputs, labels in loader:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
