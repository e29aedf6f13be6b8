"""Is a stack of weight layers no more than one affine map?

Why it matters: linear layers with nothing between them multiply out to a single matrix. The network has the
parameters of a deep one and the power of linear regression.

Remedy: put a nonlinearity (ReLU, GELU, tanh) between the linear layers.

Known limits: the whole network is asked, not each part of it; networks with several inputs or with embeddings are
not judged. A low-rank factorisation (an inner width below both ends) is a choice and is not reported.

Source: nutonomy/nuscenes-devkit#728.
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Linearity

AFFINE = 1e-4  # deviation over the spread of the outputs: rounding in single precision through a few layers


def judge(runs: Runs) -> Finding:
    charts = runs.watched.all(Linearity)
    if not charts:
        return unknown("no trained network with a single float input whose output changes with it was seen")
    for c in charts:
        if c.residual > AFFINE or c.weights < 2:
            continue
        if c.narrowest < min(c.input_width, c.output_width):
            continue  # a bottleneck: the factorisation restricts the rank
        network = runs.watched.networks.get(c.network)
        return fired(
            f"f(a) + f(b) - f(a+b) - f(0) is {c.residual:.2g} of the spread of f: {c.weights} weight matrices of "
            f"widths {c.narrowest} and more amount to one affine map from {c.input_width} to {c.output_width} numbers",
            f"a deviation far above {AFFINE:g}, from a nonlinearity between the layers",
            network.defined or network.where if network is not None else None,
            first_step=c.step,
            residual=c.residual,
            weights=c.weights,
            narrowest=c.narrowest,
        )
    c = charts[0]
    if c.weights < 2:
        return passed(f"{c.weights} weight matrix on the way from input to output: linear or not by choice")
    return passed(f"f(a) + f(b) - f(a+b) - f(0) is {c.residual:.2g} of the spread of f; it is 0 for a linear network")


CHECK = Check(
    fault="missing-nonlinearity", severity="warning", basis="proof", judge=judge, symptoms=("capacity-too-small",)
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 6)
    y = (x[:, :2] ** 2).sum(1, keepdim=True)
    net = nn.Sequential(nn.Linear(6, 32), nn.Dropout(0.1), nn.Linear(32, 32), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(200).split(40):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 16)
    x = x @ torch.randn(16, 16)
    net = nn.Sequential(nn.Linear(16, 3), nn.Linear(3, 16))  # a linear autoencoder: the bottleneck is the point
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(200).split(40):
            loss = nn.functional.mse_loss(net(x[rows]), x[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
