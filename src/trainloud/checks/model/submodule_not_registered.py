"""Are there layers that run but that the network does not know as its own?

Why it matters: layers in a plain list or dict, or made inside `forward`, are not in `parameters()`: the optimiser never
moves them, `.to(device)` and `state_dict()` pass them by. The rest of the network learns around random features.

Remedy: hold them in nn.ModuleList, nn.ModuleDict or nn.Sequential, made in `__init__`.

Known limits: modules that an optimiser holds all the same, that run in evaluation mode, or whose weights were loaded
(a teacher, a perceptual network kept out on purpose) are not reported.

Source: pytorch/pytorch#1053; LianpoWang/SLIIF#13.
"""

from trainloud.checks.model._parameters import held, loaded
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Foreign


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    if not trace.networks:
        return unknown("no trained network was seen")
    excused = held(trace) | loaded(trace)
    for network in trace.networks.values():
        lost: list[tuple[Foreign, int]] = [
            (f, n) for f, (_, n, _) in zip(network.foreign, network.unregistered, strict=False)
            if f.training and not excused & set(f.uids)
        ]  # fmt: skip
        if not lost:
            continue
        own = sum(m.parameters for m in network.modules)
        elements = sum(n for _, n in lost)
        kinds = sorted({f.kind for f, _ in lost})
        return fired(
            f"{len(lost)} module{'s' * (len(lost) > 1)} ({', '.join(kinds)}) with {elements} trainable elements "
            f"ran inside {network.kind}, whose parameters() holds {own} elements and none of theirs; "
            "no optimiser holds them",
            "every layer that runs is registered with the network",
            lost[0][0].where,
            first_step=network.step,
            modules=len(lost),
            elements=elements,
            own=own,
        )
    return passed("every trainable module that ran inside a network is registered with it or held by an optimiser")


CHECK = Check(
    fault="submodule-not-registered",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("optimizer-misses-parameters", "capacity-too-small", "learning-rate-too-low"),
)


def bad() -> None:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.branches = [nn.Linear(8, 16), nn.Linear(8, 16)]
            self.head = nn.Linear(32, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.cat([b(x).relu() for b in self.branches], 1))

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
            self.branches = nn.ModuleList([nn.Linear(8, 16), nn.Linear(8, 16)])
            self.head = nn.Linear(32, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.cat([b(x).relu() for b in self.branches], 1))

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
