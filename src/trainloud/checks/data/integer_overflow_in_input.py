"""Have the values of images wrapped around on their way to the network?

Why it matters: arithmetic on uint8 goes round at 256: `image * 2` or `image + 60` turns the brightest places black, and
nothing warns. The picture keeps its outlines, so that training works a little, and never well.

Remedy: convert to float before any arithmetic (`image.astype(np.float32)`), or clip in a wider type.

Known limits: images of at least 8 by 8 pixels with smooth shades. Fires where neighbours leap over almost the whole
range, the values on both sides of the leap run on in one direction if the range is closed to a circle, and pixels lie
closer together on the circle than on the line. Quantities that are angles by nature (hue, phase) look the same.

Source: NumPy documentation, "Array types and conversions" (overflow errors); PyTorch forum reports of uint8 arithmetic
in a transform.
"""

from dataclasses import dataclass

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Door
from trainloud.core.trace import unpack_labels

LEAST_SIDE = 8
LEAST_LEAPS, LEAST_SHARE = 100, 0.008  # between neighbours, and of all pairs: edges in photographs give none
LEAP = 0.85  # of the range
ONWARD = 0.55  # share of the leaps that run on around the circle: 0.7 after an overflow, under 0.3 at edges
MIDDLE = 0.12  # share of the pixels in the middle half of the range: without any, it is black and white with noise
CLOSER = 0.85  # mean distance of neighbours on the circle over that on the line
SMOOTH = 0.2  # of the range: noise has 0.25 on the circle
EDGE = 1e-4  # of the range: values at its very ends are saturated, and say nothing


@dataclass
class Tally:
    """What the neighbours in some images are like."""

    pairs: int = 0
    leaps: int = 0
    onward: int = 0
    middle: int = 0
    inside: int = 0
    unlike: int = 0
    line: float = 0.0
    circle: float = 0.0

    @property
    def wrapped(self) -> bool:
        if self.leaps < max(LEAST_LEAPS, LEAST_SHARE * self.pairs) or not self.unlike:
            return False
        circle, line = self.circle / self.unlike, self.line / self.unlike
        runs_on = self.onward >= ONWARD * self.leaps and self.middle >= MIDDLE * self.inside
        return runs_on and circle < CLOSER * line and circle < SMOOTH


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    doors = [d for d in trace.all(Door) if d.phase == "train" and d.outer and d.sample and _sides(d)]
    if not doors:
        return unknown("no training batch of images was seen")
    tallies = [(d, _tally(d)) for d in doors[:6]]
    bad = [(d, t) for d, t in tallies if t.wrapped]
    if len(bad) <= len(tallies) / 2:
        d, t = tallies[0]
        return passed(f"{t.leaps} of {t.pairs} pairs of neighbouring pixels leap over {LEAP:.0%} of the range")
    d, t = bad[0]
    network = trace.networks.get(d.network)
    return fired(
        f"{t.leaps} of {t.pairs} pairs of neighbouring pixels leap over {LEAP:.0%} of the range, and "
        f"{t.onward / t.leaps:.0%} of these run on in one direction around the circle; neighbours differ by "
        f"{t.line / t.unlike:.2f} of the range, but only by {t.circle / t.unlike:.2f} if it is closed to a circle "
        f"(inputs of shape {d.tensors[0].shape})",
        "images in which no leap goes around: arithmetic in a type wide enough",
        network.where if network else None,
        first_step=d.step,
        leaps=t.leaps,
        pairs=t.pairs,
    )


def _sides(door: Door) -> bool:
    shape = door.sample_shape
    return len(shape) in (3, 4) and min(shape[-2:]) >= LEAST_SIDE


def _tally(door: Door) -> Tally:
    """Channel by channel, along rows and columns."""
    shape = door.sample_shape if len(door.sample_shape) == 4 else (door.sample_shape[0], 1, *door.sample_shape[1:])
    n, channels, height, width = shape
    flat, size, tally = unpack_labels(door.sample), height * width, Tally()
    for c in range(channels):
        images = [flat[(k * channels + c) * size : (k * channels + c + 1) * size] for k in range(n)]
        low, high = min(map(min, images)), max(map(max, images))
        if not high - low > 0:
            continue
        for image in images:
            scaled = [(v - low) / (high - low) for v in image]
            shades = [v for v in scaled if EDGE < v < 1 - EDGE]
            tally.inside += len(shades)
            tally.middle += sum(0.25 < v < 0.75 for v in shades)
            for row in range(height):
                _add(tally, scaled[row * width : (row + 1) * width])
            for column in range(width):
                _add(tally, scaled[column::width])
    return tally


def _add(tally: Tally, line: list[float]) -> None:
    for before, a, b, after in zip(line, line[1:], line[2:], line[3:], strict=False):
        apart = abs(a - b)
        tally.pairs += 1
        if apart > 0:
            tally.unlike += 1
            tally.line += apart
            tally.circle += min(apart, 1 - apart)
        if apart > LEAP and EDGE < min(a, b) and max(a, b) < 1 - EDGE:
            tally.leaps += 1
            up = a > b  # going on past the top comes out at the bottom
            tally.onward += before != a and after != b and (a > before) == up and (after > b) == up


CHECK = Check(fault="integer-overflow-in-input", severity="warning", basis="heuristic", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    grid = torch.linspace(0, 6, 24)
    phase = 6 * torch.rand(240, 1, 1)
    waves = torch.sin(grid[:, None] + phase) + torch.cos(grid[None, :] * 0.7 + phase)
    images = (40 + 35 * waves + 2 * torch.randn_like(waves)).clamp(0, 255).to(torch.uint8)[:, None]
    y = (phase.flatten() > 3).long()
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 22 * 22, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(240).split(20):
            brighter = images[rows] * 3
            loss = nn.functional.cross_entropy(net(brighter.float() / 127.5 - 1), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    grid = torch.linspace(0, 6, 24)
    phase = 6 * torch.rand(240, 1, 1)
    waves = torch.sin(grid[:, None] + phase) + torch.cos(grid[None, :] * 0.7 + phase)
    images = (40 + 35 * waves + 2 * torch.randn_like(waves)).clamp(0, 255).to(torch.uint8)[:, None]
    y = (phase.flatten() > 3).long()
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 22 * 22, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(240).split(20):
            brighter = (images[rows].float() * 3).clamp(0, 255)
            loss = nn.functional.cross_entropy(net(brighter / 127.5 - 1), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
