"""Does a layer with a bias feed a batch norm, which removes it?

Why it matters: batch norm subtracts the mean, so a constant added just before it changes nothing: parameters, memory
and weight decay for a number without effect.

Remedy: make the layer with bias=False; the batch norm's own bias does that work.

Known limits: harmless, therefore a note.

Source: Ioffe and Szegedy 2015, section 3.2.
"""

from trainloud.checks.model._parameters import listed
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import NormInput


def judge(runs: Runs) -> Finding:
    norms = runs.watched.all(NormInput)
    if not norms:
        return unknown("no batch norm in training mode was seen")
    biased = {(n.network, n.biased_by): n for n in norms if n.biased_by}
    if not biased:
        return passed(f"none of {len({(n.network, n.module) for n in norms})} batch norms follows a layer with a bias")
    first = next(iter(biased.values()))
    network = runs.watched.networks.get(first.network)
    return fired(
        f"{len(biased)} layer{'s' * (len(biased) > 1)} with a bias directly before a batch norm: "
        f"{listed([name for _, name in biased])}",
        "bias=False in a layer before a batch norm",
        network.defined or network.where if network is not None else None,
        first_step=first.step,
        layers=[name for _, name in biased],
    )


CHECK = Check(fault="bias-before-batchnorm", severity="note", basis="proof", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x[:, 0] > 0).long()
    net = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(2):
        for rows in torch.randperm(200).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x[:, 0] > 0).long()
    net = nn.Sequential(nn.Linear(8, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(2):
        for rows in torch.randperm(200).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
