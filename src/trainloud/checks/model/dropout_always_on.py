"""Does dropout stay on while the network is in evaluation mode?

Why it matters: functional dropout without `training=self.training`, or a dropout module made inside `forward`, is
not reached by `model.eval()`. Validation and deployment run with noise, and no module shows it.

Remedy: pass `training=self.training` to F.dropout (and 0.0 outside training to scaled_dot_product_attention), or make
nn.Dropout in `__init__`.

Known limits: Monte-Carlo dropout, which evaluates one batch several times on purpose, is not reported. Other
sources of noise (sampling in a VAE) are not dropout and are not asked about.

Source: yangze0930/NTS-Net#14; rixwew/pytorch-fm#21.
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Batch, Independence, Pass, Stochastic

DELIBERATE = 2  # forwards of one batch in one evaluation pass: Monte-Carlo dropout


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    seen = trace.last(Stochastic)
    if seen is None:
        if not any(not c.reason for c in trace.all(Independence)):
            return unknown("no copy of a trained network could be run in evaluation mode")
        return passed("no dropout ran in a copy of the network in evaluation mode")
    if any(p.repeats >= DELIBERATE for p in trace.all(Pass) if p.network == seen.network):
        return passed("dropout stays on in evaluation, and batches are evaluated several times: Monte-Carlo dropout")
    evaluated = any(b.phase == "eval" and not b.training for b in trace.all(Batch) if b.network == seen.network)
    return fired(
        f"with every module in evaluation mode {seen.op} was still on: two forwards of one batch differ by "
        f"{seen.change:.3g} times the spread of the outputs",
        "the same output twice",
        seen.where,
        first_step=seen.step,
        severity="warning" if evaluated else "note",
        change=seen.change,
    )


CHECK = Check(fault="dropout-always-on", severity="warning", basis="experiment", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(8, 32), nn.Linear(32, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(nn.functional.dropout(self.a(x).relu(), 0.5))

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x[:, 0] > 0).long()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        net.train()
        for rows in torch.randperm(160).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            print((net(x[160:]).argmax(1) == y[160:]).float().mean())


def good() -> None:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(8, 32), nn.Linear(32, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(nn.functional.dropout(self.a(x).relu(), 0.5, training=self.training))

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x[:, 0] > 0).long()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        net.train()
        for rows in torch.randperm(160).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            print((net(x[160:]).argmax(1) == y[160:]).float().mean())
