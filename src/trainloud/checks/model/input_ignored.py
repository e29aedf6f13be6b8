"""Does the network's output depend on its input at all?

Why it matters: a forward that overwrites its input, reads a tensor kept on the module, multiplies by zero or normalises
over an axis of length one gives every example the same answer. The loss still falls, to that of the best constant.

Remedy: follow the argument through `forward`: each variable that is assigned must be made from the one before; no
softmax or normalisation may run over an axis of length 1.

Known limits: asked with one real batch of each network, in a copy, with fixed random numbers, early and at the end of
the run. A network whose output moves in the last digit only is not reported here.

Source: Karpathy, A Recipe for Training Neural Networks (input-independent baseline).
"""

from trainloud.checks.model._dependence import LEAST_STEP, late, looks, reason
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Dependence


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    found = looks(trace)
    asked = {n: g for n, g in found.items() if any(a.varied and not a.answer for a in g[0].arguments)}
    if not asked:
        return unknown(reason(trace))
    early = False
    for number, group in asked.items():
        if all(d.all_ignored for d in group):
            if late(group):
                return _fired(runs, number, group)
            early = True
    if early:
        return unknown(f"the output does not depend on the input so far, but fewer than {LEAST_STEP} steps were made")
    looked = sum(len(g) for g in asked.values())
    return passed(f"exchanging the inputs moved the outputs in {looked} looks at {len(asked)} networks")


def _fired(runs: Runs, number: int, group: list[Dependence]) -> Finding:
    network = runs.watched.networks.get(number)
    first = group[0]
    shapes = ", ".join(str(a.shape) for a in first.arguments if not a.answer)
    return fired(
        f"exchanging all inputs (shape {shapes}) across the batch, and putting them to zero, left all {first.outputs} "
        f"outputs the same to the last bit in {len(group)} of {len(group)} looks, up to step {group[-1].step}",
        "outputs that change with the input",
        (network.defined or network.where) if network is not None else None,
        first_step=first.step,
        looks=len(group),
        last_step=group[-1].step,
    )


CHECK = Check(
    fault="input-ignored",
    severity="error",
    basis="experiment",
    judge=judge,
    symptoms=("conditioning-input-ignored", "parameters-unused", "final-bias-not-initialised", "vanishing-gradient"),
)


def bad():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.score, self.out = nn.Linear(6, 16), nn.Linear(16, 1), nn.Linear(1, 2)

        def forward(self, x):
            h = self.embed(x).relu()
            weight = torch.softmax(self.score(h), dim=1)  # over an axis of length 1: always 1
            return self.out(weight)

    torch.manual_seed(0)
    x = torch.randn(256, 6)
    y = (x[:, 0] > 0).long()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for rows in torch.randperm(256).split(32):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.score, self.out = nn.Linear(6, 16), nn.Linear(16, 1), nn.Linear(16, 2)
            nn.init.zeros_(self.out.weight)  # independent of the input at first only

        def forward(self, x):
            h = self.embed(x).relu()
            return self.out(torch.sigmoid(self.score(h)) * h)

    torch.manual_seed(0)
    x = torch.randn(256, 6)
    y = (x[:, 0] > 0).long()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for rows in torch.randperm(256).split(32):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
