"""Do gradients fade towards the input by orders of magnitude?

Why it matters: when each layer passes on a fraction of the gradient, the first layers hardly learn while the last ones
fit what random features give. The loss falls a little and stops.

Remedy: use rectifiers instead of sigmoids, residual connections, normalisation layers, He or Xavier initialisation;
for recurrent networks gated cells.

Known limits: judged by the order in which layers are registered, on at least four weight matrices and only for a
steady trend of five orders of magnitude; less is common in sound deep networks.

Source: Glorot and Bengio 2010; He et al. 2015.
"""

from trainloud.checks.model._depth import LEAST_LAYERS, LEAST_SAMPLES, profiles, slope
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown

FADED = -5.0  # log10 of first layers' gradient-to-weight ratio over the last layers'
TREND = 0.8  # rank correlation of the ratio with depth: steady, not one odd layer
MOSTLY = 0.8  # share of the sampled steps


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    steepest, judged = 0.0, 0
    for network in trace.networks.values():
        rows = profiles(trace, network)
        if len(rows) < LEAST_SAMPLES:
            continue
        judged += 1
        slopes = [slope(row) for _, row in rows]
        faded = [fall <= FADED and trend >= TREND for fall, trend in slopes]
        steepest = min(steepest, *(fall for fall, _ in slopes))
        if sum(faded) >= MOSTLY * len(faded) and faded[-1]:
            step, row = rows[-1]
            return fired(
                f"at step {step} gradient over weight is {row[0][1]:.2g} in {row[0][0]} and {row[-1][1]:.2g} in "
                f"{row[-1][0]}: {-slopes[-1][0]:.1f} orders of magnitude over {len(row)} layers, in {sum(faded)} of "
                f"{len(faded)} sampled steps",
                f"under {-FADED:g} orders of magnitude from the last layers to the first",
                network.defined or network.where,
                first_step=rows[faded.index(True)][0],
                orders=-slopes[-1][0],
                layers=len(row),
            )
    if not judged:
        return unknown(f"no network with {LEAST_LAYERS} weight matrices in {LEAST_SAMPLES} sampled steps was seen")
    return passed(f"gradient over weight falls by at most {-steepest:.1f} orders of magnitude towards the input")


CHECK = Check(fault="vanishing-gradient", severity="warning", basis="heuristic", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 10)
    y = (x[:, 0] > 0).long()
    layers: list[nn.Module] = [nn.Linear(10, 16), nn.Sigmoid()]
    for _ in range(10):
        layers += [nn.Linear(16, 16), nn.Sigmoid()]
    net = nn.Sequential(*layers, nn.Linear(16, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 10)
    y = (x[:, 0] > 0).long()
    layers: list[nn.Module] = [nn.Linear(10, 16), nn.ReLU()]
    for _ in range(10):
        layers += [nn.Linear(16, 16), nn.LayerNorm(16), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Linear(16, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
