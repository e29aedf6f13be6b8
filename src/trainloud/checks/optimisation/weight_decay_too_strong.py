"""Does the run end much lower without weight decay?

Why it matters: decay that is too strong drives the weights to zero faster than the gradient can hold them; the network
settles at a constant output, and no learning rate helps.

Remedy: start without weight decay; add 1e-4 (SGD) to 1e-2 (AdamW) once the network overfits, and keep it only if the
validation loss falls.

Known limits: asked only where an optimiser decays weights noticeably within the run and the loss ends hardly below
what a constant output gives. Where held-out examples gain nothing without it, strong decay is left alone.

Source: Karpathy (2019), "A Recipe for Training Neural Networks", step 4; Loshchilov and Hutter (2019), "Decoupled
Weight Decay Regularization".
"""

from collections.abc import Sequence

from trainloud.checks.learning import (
    ZERO,
    held_out,
    in_distress,
    losses,
    named,
    not_comparable,
    progress,
    reference,
    shown,
)
from trainloud.core.check import Check, Runs
from trainloud.core.experiment import Experiment
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Optimizer
from trainloud.core.trace import Trace
from trainloud.experiments.compare import drop, end_of

WITHOUT = Experiment(("no-weight-decay",), question="does the run end lower without weight decay?")
SUSPECT = 0.05  # as strong a decay is asked about before learning rates are
LEAST_DECAY = 1e-3  # weaker ones do not hold weights down against a gradient
TIMES = 2.0  # as far below chance without decay
LEAST = 0.05  # of the reference level, by which it must end lower


def strongest(trace: Trace) -> Optimizer | None:
    """The optimiser with the most weight decay, if that is noticeable."""
    found = [o for o in trace.all(Optimizer) if o.settings.get("weight_decay", 0.0) >= LEAST_DECAY]
    return max(found, key=lambda o: o.settings["weight_decay"], default=None)


def asks(runs: Runs) -> Sequence[Experiment]:
    if not_comparable(runs.watched) or strongest(runs.watched) is None or not in_distress(runs):
        return ()
    return (ZERO, WITHOUT)


def judge(runs: Runs) -> Finding:
    watched = runs.watched
    if why := not_comparable(watched):
        return unknown(why)
    one = strongest(watched)
    if one is None:
        return passed(f"no optimiser decays weights by {LEAST_DECAY:g} or more")
    decay = one.settings["weight_decay"]
    end, floor = end_of(losses(watched)), reference(runs)
    if not in_distress(runs):
        return passed(
            f"with a weight decay of {decay:g} the loss ends at {shown(end)}, clearly below the {named(runs)}"
        )
    if WITHOUT.name not in runs:
        return unknown(runs.why_not(WITHOUT.name))
    gain, there = drop(losses(watched), losses(runs[WITHOUT.name])), end_of(losses(runs[WITHOUT.name]))
    said = f"the loss ends at {shown(end)} with a weight decay of {decay:g}, at {shown(there)} without"
    far = progress(runs[WITHOUT.name], floor) > TIMES * max(progress(watched, floor), 0.0)
    if not (gain.beyond() and far and gain.mean > LEAST * abs(floor)):
        return passed(said)
    real, free = held_out(watched), held_out(runs[WITHOUT.name])
    if real and free:
        best, without = min(e for _, e, _ in real), min(e for _, e, _ in free)
        said += f"; on held-out examples it is at best {best:.4g} with it, {without:.4g} without"
        if without > best - LEAST * abs(best):
            return passed(said)
    return fired(
        f"{said}, with nothing else changed, against the {named(runs)}",
        "a loss that does not fall when weight decay is taken away",
        one.where,
        first_step=0,
        weight_decay=decay,
        ends={"as it is": end.mean, WITHOUT.name: there.mean},
    )


CHECK = Check(
    fault="weight-decay-too-strong",
    severity="error",
    basis="experiment",
    judge=judge,
    symptoms=(
        "vanishing-gradient", "dead-relu", "input-carries-no-signal", "inputs-and-labels-misaligned", "input-ignored",
        "capacity-too-small", "class-imbalance-ignored", "learning-rate-too-low", "learning-rate-too-high",
    ),
    needs=("no-weight-decay", "zero-inputs"),
    asks=asks,
)  # fmt: skip


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 12)
    y = (x @ torch.randn(12, 4)).argmax(1)
    net = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1.0)
    for _ in range(8):
        for rows in torch.randperm(600).split(30):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 12)
    y = (x @ torch.randn(12, 4)).argmax(1)
    net = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 4))
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    for _ in range(8):
        for rows in torch.randperm(600).split(30):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
