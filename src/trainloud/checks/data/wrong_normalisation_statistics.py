"""Were pictures normalised by the mean and standard deviation of other data?

Why it matters: a network learns fastest where its inputs have mean 0 and standard deviation 1. Statistics of another
data set, exchanged ones, or ones on the scale of 0 to 255 applied to 0 to 1 shift all inputs to one side or squeeze
them to almost nothing.

Remedy: compute mean and standard deviation of each channel on the training set, on the scale on which they are
applied; for a pretrained backbone take those that it was trained with.

Known limits: judged for pictures of bytes with 1 or 3 channels, where the constants can be read off the values; only
a mean beyond one standard deviation from 0, or a spread off by more than a factor of 4, is told. A network that was
given weights from a checkpoint is left alone: its statistics are its own.

Source: torchvision.transforms.Normalize; Karpathy 2019, A Recipe for Training Neural Networks ("visualize just
before the net"); LeCun et al. 1998, Efficient BackProp, section 4.3.
"""

from dataclasses import dataclass

from trainloud.checks.stepping import loaded
from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Door
from trainloud.core.trace import unpack_labels

OFF = 1.0  # distance of the mean from 0: the constants of another set of photographs stay below 0.5
SPREAD = 4.0  # standard deviation, or one over it
HALF = (0.5, 0.5)  # mean and deviation that map 0..1 to -1..1: a convention, no statistics
PLAUSIBLE = (0.02, 300.0)  # a standard deviation on either scale
ROUND = 0.05  # distance of (value x deviation + mean) x 255 from a whole number
IN_LEVELS = 0.95  # share of the sampled values that are bytes under these constants
LEAST_LEVELS = 8  # different values of a channel
NEAR = 0.02  # of the constants read off the values


@dataclass(frozen=True)
class Channel:
    mean: float
    std: float
    by_mean: float
    by_std: float
    """The constants with which it was normalised, as its range tells."""


def constants(low: float, high: float) -> tuple[float, float]:
    """Mean and deviation that take 0 and 1 to the two ends of a range."""
    deviation = 1 / (high - low)
    return -low * deviation, deviation


def channels(door: Door) -> list[Channel]:
    """The channels of a batch of normalised bytes; empty if it is none."""
    shape = door.tensors[0].shape
    found: list[Channel] = []
    if len(shape) != 4 or shape[1] not in (1, 3) or len(door.columns) != shape[1] or len(door.sample_shape) != 4:
        return []
    values = unpack_labels(door.sample)
    count, each = door.sample_shape[0], door.sample_shape[2] * door.sample_shape[3]
    for k, (mean, std, low, high) in enumerate(door.columns):
        if low >= 0 or high <= low:
            return []
        by_mean, by_std = constants(low, high)
        mine = [values[(n * shape[1] + k) * each + j] for n in range(count) for j in range(each)]
        levels = [(v * by_std + by_mean) * 255 for v in mine]
        in_bytes = sum(abs(v - round(v)) < ROUND for v in levels) >= IN_LEVELS * len(levels)
        if not in_bytes or len(set(mine)) < LEAST_LEVELS or not PLAUSIBLE[0] < by_std < PLAUSIBLE[1]:
            return []
        found.append(Channel(mean, std, by_mean, by_std))
    return found


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None:
        return unknown("no training batch was seen")
    if loaded(trace) & {p.uid for p in network.parameters}:
        return unknown("the network was given weights from a checkpoint: its statistics are those of its training")
    doors = [d for d in trace.all(Door) if d.network == network.network and d.phase == "train" and d.outer]
    known = [(d, c) for d in doors if d.tensors and (c := channels(d))]
    if not known:
        return unknown("no pictures of bytes, normalised by constants, were seen")
    door, found = known[0]
    shown = "; ".join(
        f"channel {k}: mean {c.mean:.3g}, std {c.std:.3g} (normalised by {c.by_mean:.3g} and {c.by_std:.3g})"
        for k, c in enumerate(found)
    )
    half = all(abs(c.by_mean - HALF[0]) < NEAR and abs(c.by_std - HALF[1]) < NEAR for c in found)
    off = all(abs(c.mean) > OFF or not 1 / SPREAD < c.std < SPREAD for c in found)
    if half or not off:
        return passed(shown)
    return fired(
        f"a training batch of shape {door.tensors[0].shape} arrives with {shown}",
        "mean 0 and standard deviation 1 in each channel, by statistics of these pictures",
        network.where,
        first_step=door.step,
        channels=[[c.mean, c.std, c.by_mean, c.by_std] for c in found],
    )


CHECK = Check(fault="wrong-normalisation-statistics", severity="warning", basis="heuristic", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    raw = (torch.rand(300, 1, 12, 12) ** 6 * 255).round().to(torch.uint8)
    y = (raw[:, 0, :6].float().mean((1, 2)) > raw[:, 0, 6:].float().mean((1, 2))).long()
    x = (raw.float() / 255 - 0.485) / 0.229
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(800, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(300).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    raw = (torch.rand(300, 1, 12, 12) ** 6 * 255).round().to(torch.uint8)
    y = (raw[:, 0, :6].float().mean((1, 2)) > raw[:, 0, 6:].float().mean((1, 2))).long()
    x = (raw.float() / 255 - 0.143) / 0.235
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(800, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(300).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
