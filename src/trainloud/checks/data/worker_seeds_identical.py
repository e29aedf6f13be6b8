"""Do the workers of a DataLoader draw the same random numbers?

Why it matters: with equal seeds each worker augments its batches with the same crops, flips and noise, and with the
same again in each epoch: N workers give one N-th of the variety that the augmentation was meant to give.

Remedy: leave seeding to the DataLoader, or derive it from the worker: `numpy.random.seed(torch.initial_seed() %
2**32)` in `worker_init_fn`; make a generator of the data set's own in `worker_init_fn` (from
`get_worker_info().seed`), not in `__init__`.

Known limits: the states of torch, numpy, random and of generators that the data set holds as attributes are compared
before and after the first fetch of each worker; a source counts where it was drawn from. Workers that begin alike and
end apart (seeds set by the example's number) are left alone.

Source: pytorch/pytorch#5059 (NumPy seeds in workers); "My data loader workers return identical random numbers",
PyTorch FAQ.
"""

from collections import defaultdict

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Draws, Iteration


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    drawn = [d for d in trace.all(Draws) if d.worker >= 0 and d.before != d.after]
    if not drawn:
        return unknown("no worker process was seen to draw random numbers while it fetched examples")
    loops = {i.iteration: i for i in trace.all(Iteration)}
    groups: dict[tuple[int, str], list[Draws]] = defaultdict(list)
    for d in drawn:
        if d.iteration not in loops or loops[d.iteration].phase == "train":
            groups[d.iteration, d.source].append(d)
    several = {k: v for k, v in groups.items() if len({d.worker for d in v}) > 1}
    for (iteration, source), found in several.items():
        if source.startswith(".") and not (iteration in loops and loops[iteration].indices):
            continue  # workers that share out one shuffled stream draw its order alike on purpose
        same = [d for d in found if sum(_alike(o, d) for o in found) > 1]
        if same:
            loop = loops.get(iteration)
            epochs = sum(len({d.before for d in v}) < len(v) for (_, s), v in several.items() if s == source)
            return fired(
                f"{len({d.worker for d in same})} of {len({d.worker for d in found})} workers began with the same "
                f"state of {_named(source)} and drew from it, in {epochs} of {len(several)} loops over the loader",
                "a state of its own for each worker",
                loop.made or loop.where if loop else None,
                first_step=loop.step if loop else None,
                source=source,
            )
    if not several:
        return unknown("one worker alone was seen to draw random numbers")
    return passed(f"workers drew random numbers from states of their own, in {len({n for n, _ in several})} loops")


def _alike(a: Draws, b: Draws) -> bool:
    """The same state before, and after it as well where a data set may give its generator a seed at the first fetch.

    The loader gives each worker other states of the global sources: where these are the same, they were set alike.
    """
    return a.before == b.before and (a.after == b.after or not a.source.startswith("."))


def _named(source: str) -> str:
    return f"the data set's own generator ({source[1:]})" if source.startswith(".") else f"the {source} generator"


CHECK = Check(
    fault="worker-seeds-identical", severity="error", basis="proof", judge=judge, symptoms=("augmentation-frozen",)
)


def bad() -> None:
    import numpy as np
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    class Noisy(Dataset):
        def __init__(self, x, y):
            self.x, self.y = x, y

        def __len__(self):
            return len(self.x)

        def __getitem__(self, i):
            return self.x[i] + 0.1 * torch.from_numpy(np.random.randn(10)).float(), self.y[i]

    def begin(worker):
        np.random.seed(1)

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x[:, :3].sum(1) > 0).long()
    loader = DataLoader(Noisy(x, y), batch_size=50, shuffle=True, num_workers=2, worker_init_fn=begin)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for inputs, labels in loader:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import numpy as np
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    class Noisy(Dataset):
        def __init__(self, x, y):
            self.x, self.y = x, y

        def __len__(self):
            return len(self.x)

        def __getitem__(self, i):
            return self.x[i] + 0.1 * torch.from_numpy(np.random.randn(10)).float(), self.y[i]

    def begin(worker):
        np.random.seed(torch.initial_seed() % 2**32)

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x[:, :3].sum(1) > 0).long()
    loader = DataLoader(Noisy(x, y), batch_size=50, shuffle=True, num_workers=2, worker_init_fn=begin)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for inputs, labels in loader:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
