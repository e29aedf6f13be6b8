"""Do raw values (pixels from 0 to 255, dollars, years) enter the first layer unscaled?

Why it matters: default initialisation and learning rates assume inputs of size about one. Inputs a hundred
times as large make first-layer activations and gradients a hundred times as large: the loss starts absurdly
high, units die or saturate, and one large column drowns the others.

Remedy: subtract the training set's mean and divide by its standard deviation (per column, per channel), or
divide pixels by 255; save the two numbers with the model and use them for every split.

Known limits: judged on the first four training batches, and on what reaches the first layer with a weight,
so that a normalisation inside the network counts. Integer inputs (token numbers) are not judged.

Source: LeCun et al. 1998, Efficient BackProp, section 4.3; Karpathy 2019, A Recipe for Training Neural
Networks ("visualize just before the net").
"""

import math

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Door, Network, Tensor
from trainloud.core.trace import Trace

RAW_SIZE = 10.0  # root mean square of a whole input: standardised data have 1, log-mel features up to 8
RAW_COLUMN = 20.0  # root mean square of one column: ten-point ratings and small counts stay below
LIKE = 1e-3  # relative: the door's tensor reached the first layer unchanged
NORMALISING = ("Norm", "Normalize", "Rescale", "Scaler")  # modules that may rescale before the first weight


def size_of(mean: float | None, std: float | None) -> float:
    """Root mean square."""
    return math.hypot(mean or 0.0, 0.0 if std is None or math.isnan(std) else std)


def main_input(door: Door) -> Tensor | None:
    return next((t for t in door.tensors if "float" in t.dtype and t.mean is not None), None)


def entering(door: Door, network: Network | None) -> tuple[Tensor, bool] | None:
    """The tensor to judge, and whether it is the door's own, so that the door's columns describe it."""
    at_door = main_input(door)
    if at_door is None:
        return None
    if door.first_layer:
        first = door.first_layer[0]
        same = first.shape == at_door.shape
        same &= abs(size_of(first.mean, first.std) / max(size_of(at_door.mean, at_door.std), 1e-12) - 1) < LIKE
        return (first, same) if first.mean is not None else None
    modules = network.modules if network else ()
    inside = any(m.batchnorm or any(w in m.kind for w in NORMALISING) for m in modules)
    mixed = any("Embedding" in m.kind for m in modules)
    if inside or (mixed and network is not None):
        return None
    return at_door, True


def raw(door: Door, network: Network | None) -> tuple[str, float] | None:
    """(which part, its root mean square) if this input is raw."""
    found = entering(door, network)
    if found is None:
        return None
    tensor, own = found
    whole = size_of(tensor.mean, tensor.std)
    if own and len(tensor.shape) == 2 and door.columns:
        worst = max(range(len(door.columns)), key=lambda k: size_of(*door.columns[k][:2]))
        column = size_of(*door.columns[worst][:2])
        if column > RAW_COLUMN and len(door.columns) > 1 and whole < column:
            return f"column {worst} of the input {tensor.shape}", column
    return (f"the input {tensor.shape}", whole) if whole > RAW_SIZE else None


def doors_of(trace: Trace) -> list[Door]:
    return [d for d in trace.all(Door) if d.phase == "train" and d.outer and d.network in trace.networks]


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    doors = doors_of(trace)
    judged = [d for d in doors if entering(d, trace.networks.get(d.network))]
    if not judged:
        return unknown("no float input was seen on its way into a layer with a weight")
    bad = [(d, r) for d in judged if (r := raw(d, trace.networks.get(d.network)))]
    if len(bad) < len(judged) / 2 or not bad:
        sizes = [size_of(t[0].mean, t[0].std) for d in judged if (t := entering(d, trace.networks.get(d.network)))]
        return passed(f"what reaches the first layer has a root mean square of at most {max(sizes):.3g}")
    door, (part, size) = bad[0]
    at_door = main_input(door)
    shown = f"values from {at_door.low:.4g} to {at_door.high:.4g}, mean {at_door.mean:.4g}" if at_door else ""
    return fired(
        f"in {len(bad)} of {len(judged)} training batches {part} reaches the first layer with a root mean square "
        f"of {size:.4g} ({shown})",
        "a root mean square near 1 (standardised), certainly below 10",
        trace.networks[door.network].where,
        first_step=door.step,
        size=size,
    )


CHECK = Check(
    fault="input-not-scaled",
    severity="warning",
    basis="heuristic",
    judge=judge,
    symptoms=("bad-initialisation", "exploding-gradient", "dead-relu", "saturated-activation"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    age, income = 20 + 50 * torch.rand(400), 20_000 + 60_000 * torch.rand(400)
    x = torch.stack([age, income, torch.randn(400)], dim=1)
    y = (age > 45).long()
    net = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    age, income = 20 + 50 * torch.rand(400), 20_000 + 60_000 * torch.rand(400)
    x = torch.stack([age, income, torch.randn(400)], dim=1)
    x = (x - x.mean(0)) / x.std(0)
    y = (age > 45).long()
    net = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
