"""Were pictures divided by 255, or normalised, twice?

Why it matters: `ToTensor()` divides bytes by 255 already; a second division leaves values up to 0.004. The first
layer sees next to nothing, and the bias terms decide. Normalised twice, pictures are shifted and stretched.

Remedy: scale once: either in the transform or by hand.

Known limits: judged for pictures of bytes (flattened ones too, without normalisation); another scaling that was
applied twice is not told from data that are small by nature. Statistics on the scale of 0 to 255, applied to pictures
of 0 to 1, give the same numbers as a second division before normalising.

Source: forum reports of `ToTensor()` followed by `/ 255`; Karpathy 2019, A Recipe for Training Neural Networks
("visualize just before the net").
"""

from trainloud.checks.data.wrong_normalisation_statistics import Channel, channels
from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.place import Place
from trainloud.core.records import Door
from trainloud.core.trace import unpack_labels

TWICE = 255.0 * 255.0
HIGHEST = 1.001 / 255  # the greatest value of bytes that were divided twice
LEAST_HIGH = 0.5 / 255  # their greatest is a bright pixel
ROUND = 0.02  # distance from a whole number of levels; float32 leaves less than 0.01 at level 255
LEAST_LEVELS = 10  # different values of one batch
LEAST_VALUES = 64  # of one example
FLAT = 5.0  # a standard deviation that no picture of 0 to 1 has; 0.2 to 0.4 are usual
ALIKE = 0.3  # relative distance of the constants from those of two normalisations
SHIFTED = 0.1  # absolute distance of the mean from theirs


def in_levels(values: list[float]) -> tuple[int, float]:
    """(different values, greatest distance from a multiple of 1 / 255 squared, in such units)."""
    levels = {v * TWICE for v in values}
    return len(levels), max((abs(v - round(v)) for v in levels), default=1.0)


def normalised(door: Door, where: Place | None) -> Finding | None:
    """Constants read off a normalised picture that are those of two scalings, one after the other."""
    found = channels(door)
    if not found:
        return None
    c = found[0]
    shown = (
        f"inputs of shape {door.tensors[0].shape} arrive with mean {c.mean:.3g} and std {c.std:.3g}: pictures of 0 "
        f"to 1 less {c.by_mean:.3g}, over {c.by_std:.3g}"
    )
    if all(c.by_std >= FLAT for c in found):
        return fired(
            shown + ", as if divided by 255 once more before they were normalised",
            "mean 0 and std 1 after one division by 255 and one normalisation",
            where,
            first_step=door.step,
            severity="warning",
            basis="heuristic",
            by_std=c.by_std,
        )
    if all(_two_normalisations(c) for c in found):
        return fired(
            shown + ", as if the pictures' own mean and std were taken off twice",
            "mean 0 and std 1 after one normalisation",
            where,
            first_step=door.step,
            severity="warning",
            basis="heuristic",
            by_std=c.by_std,
        )
    return None


def _two_normalisations(c: Channel) -> bool:
    """((x - m) / s - m) / s is one normalisation by m + m s and s squared."""
    own_std, own_mean = c.std * c.by_std, c.mean * c.by_std + c.by_mean
    alike = abs(c.by_std - own_std**2) < ALIKE * own_std**2
    return alike and abs(c.by_mean - own_mean * (1 + own_std)) < SHIFTED and c.std > 2


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    doors = [d for d in trace.all(Door) if network and d.network == network.network and d.sample and d.outer]
    doors = [d for d in doors if len(unpack_labels(d.sample)) >= LEAST_VALUES * max(d.sample_shape[0], 1)]
    if not doors:
        return unknown("no float input with many values an example was seen")
    door = doors[0]
    twice = normalised(door, network.where if network else None)
    if twice is not None:
        return twice
    values = list(unpack_labels(door.sample))
    whole = next((t for t in door.tensors if t.high is not None and t.dtype.startswith("float")), None)
    high = whole.high if whole is not None and whole.high is not None else max(values)
    low = whole.low if whole is not None and whole.low is not None else min(values)
    if low < 0 or not LEAST_HIGH <= high <= HIGHEST:
        return passed(f"inputs reach from {low:.4g} to {high:.4g}: not bytes over 255 squared", high=high)
    count, off = in_levels(values)
    if count < LEAST_LEVELS or off > ROUND:
        return passed(f"inputs reach {high:.4g} only, but in no steps of 1 / 65025", high=high)
    return fired(
        f"inputs of shape {door.tensors[0].shape} reach from {low:.4g} to {high:.4g}, in steps of 1 / 65025: bytes "
        "that were divided by 255 twice",
        "bytes divided by 255 once: values up to 1",
        network.where if network else None,
        first_step=door.step,
        high=high,
    )


CHECK = Check(
    fault="input-scaled-twice",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("input-not-scaled", "vanishing-gradient", "learning-rate-too-low"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    raw = torch.randint(0, 256, (300, 1, 12, 12), dtype=torch.uint8)
    y = (raw[:, 0, :6].float().mean((1, 2)) > 127).long()
    x = raw.float() / 255
    net = nn.Sequential(nn.Flatten(), nn.Linear(144, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(300).split(50):
            loss = nn.functional.cross_entropy(net(x[rows] / 255), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    raw = torch.randint(0, 256, (300, 1, 12, 12), dtype=torch.uint8)
    y = (raw[:, 0, :6].float().mean((1, 2)) > 127).long()
    x = raw.float() / 255
    net = nn.Sequential(nn.Flatten(), nn.Linear(144, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(300).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
