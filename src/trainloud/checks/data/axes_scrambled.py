"""Were the axes of images exchanged by view or reshape where permute was meant?

Why it matters: reshape keeps the memory and changes only how it is read: an image of height, width, channel
reshaped to channel, height, width shows three small interleaved copies in stripes. Neighbouring pixels are
no longer neighbours, so convolutions find nothing to hold on to; training still "works", only worse.

Remedy: `x.permute(0, 3, 1, 2).contiguous()` instead of `x.reshape(n, c, h, w)`; look at one image just
before the network.

Known limits: judged for float images with 3 or 4 channels of at least 8 by 8 pixels, by comparing how smooth
they are with how smooth the same memory is when read as height, width, channel. Scrambled grey images and
exchanged height and width are not seen.

Source: jsbaan/transformer-from-scratch#6; zhouhaoyi/Informer2020#59.
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Door

SMOOTHER = 0.6  # roughness read as height, width, channel over roughness as it is: sound photographs have about 2
ROUGH = 0.3  # mean difference of neighbours over the standard deviation: photographs have 0.1 to 0.3


def scrambled(door: Door) -> bool:
    as_is, as_hwc = door.roughness, door.roughness_as_hwc
    return as_is is not None and as_hwc is not None and as_is > ROUGH and as_hwc < SMOOTHER * as_is


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    doors = [d for d in trace.all(Door) if d.phase == "train" and d.roughness is not None and d.outer]
    if not doors:
        return unknown("no training batch of images with 3 or 4 channels was seen")
    bad = [d for d in doors if scrambled(d)]
    if len(bad) < len(doors):
        sound = next(d for d in doors if d not in bad)
        return passed(
            f"neighbouring pixels differ by {sound.roughness:.2f} standard deviations; {sound.roughness_as_hwc:.2f} "
            "if the memory is read as height, width, channel"
        )
    first = bad[0]
    network = trace.networks.get(first.network)
    return fired(
        f"in all {len(bad)} sampled batches of images (shape {first.tensors[0].shape}) neighbouring pixels differ by "
        f"{first.roughness:.2f} standard deviations, but only by {first.roughness_as_hwc:.2f} when the same memory "
        "is read as height, width, channel",
        "images that are smoothest as they stand",
        network.where if network else None,
        first_step=first.step,
        roughness=first.roughness,
        roughness_as_hwc=first.roughness_as_hwc,
    )


CHECK = Check(
    fault="axes-scrambled", severity="warning", basis="heuristic", judge=judge, symptoms=("capacity-too-small",)
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    grid = torch.linspace(0, 6, 16)
    phase = 6 * torch.rand(200, 1, 1, 3)
    images = torch.sin(grid[:, None, None] + phase) + torch.cos(grid[None, :, None] * phase)  # (n, height, width, 3)
    y = (phase.sum((1, 2, 3)) > 9).long()
    x = images.reshape(200, 3, 16, 16)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(25):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    grid = torch.linspace(0, 6, 16)
    phase = 6 * torch.rand(200, 1, 1, 3)
    images = torch.sin(grid[:, None, None] + phase) + torch.cos(grid[None, :, None] * phase)  # (n, height, width, 3)
    y = (phase.sum((1, 2, 3)) > 9).long()
    x = images.permute(0, 3, 1, 2).contiguous()
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(25):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
