"""Does batch norm take its statistics from a handful of values?

Why it matters: mean and variance of two or three values are mostly noise. Training sees each example through that
noise, evaluation uses the running averages, and the two disagree.

Remedy: use larger batches, or GroupNorm or LayerNorm; gradient accumulation does not help here.

Known limits: what counts is the number of values behind each channel: a convolution on one large image has enough of
them. A single small last batch is not reported.

Source: Wu and He 2018 ("Group Normalization"); PyTorch documentation of BatchNorm.
"""

from statistics import median

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import NormInput

FEW = 4  # values behind a channel's statistics: the relative error of a variance from four is about 80 %
LEAST_FORWARDS = 3  # training forwards that were looked at


def judge(runs: Runs) -> Finding:
    values: dict[tuple[int, str], list[NormInput]] = {}
    for n in runs.watched.all(NormInput):
        values.setdefault((n.network, n.module), []).append(n)
    judged = [g for g in values.values() if len(g) >= LEAST_FORWARDS]
    if not judged:
        return unknown(f"no batch norm was seen in {LEAST_FORWARDS} training forwards")
    least = min(judged, key=lambda g: median(n.per_channel for n in g))
    number = median(n.per_channel for n in least)
    if number > FEW:
        return passed(f"at least {number:g} values stand behind each channel's statistics")
    network = runs.watched.networks.get(least[0].network)
    return fired(
        f"batch norm {least[0].module!r} takes mean and variance from {number:g} values a channel (batches of "
        f"{median(n.batch for n in least):g} examples), in {len(least)} sampled forwards",
        f"more than {FEW} values a channel, better 32",
        network.defined or network.where if network is not None else None,
        first_step=least[0].step,
        values=number,
        batch=least[0].batch,
    )


CHECK = Check(fault="batchnorm-on-tiny-batches", severity="warning", basis="heuristic", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(60, 8)
    y = (x[:, 0] > 0).long()
    net = nn.Sequential(nn.Linear(8, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for rows in torch.randperm(60).split(2):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(60, 3, 16, 16)
    y = (x.mean((1, 2, 3)) > 0).long()
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 14 * 14, 2)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for rows in torch.randperm(60).split(2):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
