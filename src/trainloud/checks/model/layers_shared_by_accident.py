"""Is one layer object repeated where several layers were meant?

Why it matters: `[layer] * n` and a loop that appends the same object give n names to one layer. The network has the
depth of n layers and the parameters of one.

Remedy: make each layer anew: `[make_layer() for _ in range(n)]`, or copy.deepcopy.

Known limits: weight sharing can be meant; it is a warning only where one container holds the same object in
neighbouring places and each runs on what the one before gave, and a note otherwise.

Source: PyTorch forum reports of nn.ModuleList([layer] * n).
"""

from trainloud.checks.model._parameters import listed
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown


def _one_container(names: tuple[str, ...]) -> bool:
    """Numbered neighbours in one list: layers.0, layers.1, ..."""
    parts = [n.rpartition(".") for n in names]
    numbers = sorted(int(p[2]) for p in parts if p[2].isdecimal())
    return (
        len(numbers) == len(parts)
        and len({p[0] for p in parts}) == 1
        and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    )


def judge(runs: Runs) -> Finding:
    networks = runs.watched.networks.values()
    if not networks:
        return unknown("no trained network was seen")
    for network in networks:
        groups = [g for g in network.repeats if _one_container(g)]
        outermost = [g for g in groups if not any(o is not g and g[0].startswith(o[0] + ".") for o in groups)]
        if not outermost:
            continue
        group = max(outermost, key=lambda g: (g[0] in network.chained, len(g)))
        in_a_row = group[0] in network.chained
        return fired(
            f"{listed(list(group))} of {network.kind} are one and the same object"
            + (", and it runs on its own result" if in_a_row else ""),
            f"{len(group)} separate layers, if they are not meant to share weights",
            network.defined or network.where,
            first_step=network.step,
            severity="warning" if in_a_row else "note",
            names=list(group),
        )
    return passed("no container holds the same layer in neighbouring places")


CHECK = Check(
    fault="layers-shared-by-accident",
    severity="warning",
    basis="heuristic",
    judge=judge,
    symptoms=("capacity-too-small",),
)


def bad() -> None:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(8, 8)] * 3)
            self.head = nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self.layers:
                x = layer(x).relu()
            return self.head(x)

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x[:, 0] > 0).long()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)  # shared on purpose: one layer, applied three times
            self.head = nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(3):
                x = self.layer(x).relu()
            return self.head(x)

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x[:, 0] > 0).long()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
