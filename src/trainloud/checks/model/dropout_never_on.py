"""Is dropout on while the network is trained?

Why it matters: a functional dropout with training=False, a module that was left in evaluation mode, or a rate of zero
regularises nothing, and nobody notices: the network trains, and overfits.

Remedy: pass `training=self.training`, call `model.train()` on the whole network, and give the rate that was meant.

Known limits: a rate of zero is only noted, since many use it to switch dropout off. Dropout in a frozen part is not
asked about.

Source: PyTorch documentation of torch.nn.functional.dropout (training).
"""

from collections import defaultdict

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.place import Place
from trainloud.core.records import DropoutUse

LEAST = 4  # sampled forwards


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    sites: dict[tuple[Place | None, str], list[DropoutUse]] = defaultdict(list)
    for d in trace.all(DropoutUse):
        sites[d.where, d.op].append(d)
    if not sites:
        return unknown("no dropout was seen in a training forward of a network in training mode")
    for group in sites.values():
        first = group[0]
        if len(group) >= LEAST and all(d.p > 0 and not d.on and d.around for d in group):
            return fired(
                f"{first.op} with rate {first.p:g} was off in all {len(group)} sampled training forwards, while the "
                "module "
                "around it was in training mode",
                "dropout that is on in training: training=self.training",
                first.where,
                first_step=first.step,
                p=first.p,
            )
    none = [g for g in sites.values() if all(d.p == 0 for d in g)]
    if len(none) == len(sites):
        first = none[0][0]
        return fired(
            f"all {len(none)} places with dropout have rate 0",
            "a rate above 0, or no dropout",
            first.where,
            severity="note",
            places=len(none),
        )
    return passed(f"{len(sites) - len(none)} of {len(sites)} places with dropout are on in training")


CHECK = Check(fault="dropout-never-on", severity="warning", basis="experiment", judge=judge)


def bad():
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = 3 * torch.randn(320, 6) + 2
    y = (x[:, 0] > 2).long()

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(6, 32), nn.Linear(32, 2)

        def forward(self, x):
            return self.b(nn.functional.dropout(self.a(x).relu(), 0.3, training=False))

    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        net.train()
        for rows in torch.randperm(256).split(32):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            print((net(x[256:]).argmax(1) == y[256:]).float().mean())


def good():
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = 3 * torch.randn(320, 6) + 2
    y = (x[:, 0] > 2).long()

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(6, 32), nn.Linear(32, 2)

        def forward(self, x):
            return self.b(nn.functional.dropout(self.a(x).relu(), 0.3, training=self.training))

    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        net.train()
        for rows in torch.randperm(256).split(32):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            print((net(x[256:]).argmax(1) == y[256:]).float().mean())
