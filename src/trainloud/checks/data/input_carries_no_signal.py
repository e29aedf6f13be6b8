"""Do real inputs do better than zeroed ones?

Why it matters: inputs that were zeroed, cropped to the background, blurred away or overwritten leave the network with
the label frequencies. The loss falls a little, to what a constant output gives, and stays.

Remedy: look at what enters the network, as a picture or as numbers, right before its forward.

Known limits: the run with zeroed inputs is short where the real ones are clearly ahead. Fires where even one batch
cannot be learned, not even slowly; where it can, the check on misaligned inputs and labels speaks.

Source: Karpathy (2019), "A Recipe for Training Neural Networks", step 2, "input-independent baseline".
"""

from collections.abc import Sequence
from dataclasses import replace

from trainloud.checks.learning import (
    BATCH,
    ZERO,
    batch_learned,
    beats_zero,
    in_distress,
    losses,
    not_comparable,
    shown,
    start_of,
)
from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.experiment import Experiment
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.experiments.compare import drop, end_of

SHORT = 60  # steps of the baseline where the run is not in distress: the loss of a constant settles fast
LEAST_STEPS = 50
FALLING = 0.02  # of the loss at the start, in the second half: one batch is being learned, if slowly


def asks(runs: Runs) -> Sequence[Experiment]:
    if not_comparable(runs.watched):
        return ()
    if in_distress(runs):
        return (ZERO, BATCH)
    return (replace(ZERO, steps=min(SHORT, len(runs.watched.steps)), routine=True),)


def still_falls(curve: Sequence[float]) -> bool:
    """The loss goes on falling in the second half."""
    half = end_of(curve[: len(curve) * 3 // 5])
    return half.mean - end_of(curve).mean > FALLING * abs(curve[0])


def judge(runs: Runs) -> Finding:
    watched = runs.watched
    if why := not_comparable(watched):
        return unknown(why)
    if ZERO.name not in runs:
        return unknown(runs.why_not(ZERO.name))
    zero = runs[ZERO.name]
    end, without = end_of(losses(watched)), end_of(losses(zero))
    said = f"the loss ends at {shown(end)} with the real inputs, at {shown(without)} with zeroed ones"
    said += f" ({len(zero.steps)} steps)" if len(zero.steps) < len(watched.steps) else ""
    ahead = drop(losses(zero), losses(watched)) if len(zero.steps) == len(watched.steps) else None
    if end.mean < without.mean - 0.05 * abs(without.mean) or (ahead is not None and ahead.beyond()):
        return passed(said)
    if len(watched.steps) < LEAST_STEPS:
        return unknown(f"{said}: too few steps to tell")
    if BATCH.name not in runs or len(zero.steps) < len(watched.steps):
        return unknown(runs.why_not(BATCH.name))
    if batch_learned(runs) or beats_zero(runs) is not False:
        one = losses(runs[BATCH.name])
        return passed(f"{said}; one batch goes from {start_of(runs[BATCH.name]):.4g} to {shown(one)}")
    if still_falls(losses(runs[BATCH.name])):
        one = losses(runs[BATCH.name])
        return unknown(f"{said}; one batch goes from {one[0]:.4g} to {shown(one)}, and still falls: learning is slow")
    network = main_network(watched)
    return fired(
        f"{said}; one batch alone is not learned either ({start_of(runs[BATCH.name]):.4g} to "
        f"{shown(losses(runs[BATCH.name]))} in {len(runs[BATCH.name].steps)} steps): nothing of the inputs arrives",
        "real inputs that end clearly below zeroed ones",
        network.where if network else None,
        first_step=0,
        real=end.mean,
        zeroed=without.mean,
    )


CHECK = Check(
    fault="input-carries-no-signal",
    severity="warning",
    basis="experiment",
    judge=judge,
    symptoms=("class-imbalance-ignored",),
    needs=("zero-inputs", "repeat-first-batch"),
    asks=asks,
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    images = torch.zeros(600, 1, 16, 16)
    y = torch.randint(0, 4, (600,))
    for k in range(600):
        row, column = divmod(int(y[k]), 2)
        images[k, 0, 1 + 9 * row : 6 + 9 * row, 1 + 9 * column : 6 + 9 * column] = 1.0
    crop = images[:, :, 6:10, 6:10] + 0.5
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(5):
        for rows in torch.randperm(600).split(30):
            loss = nn.functional.cross_entropy(net(crop[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    images = torch.zeros(600, 1, 16, 16)
    y = torch.randint(0, 4, (600,))
    for k in range(600):
        row, column = divmod(int(y[k]), 2)
        images[k, 0, 1 + 9 * row : 6 + 9 * row, 1 + 9 * column : 6 + 9 * column] = 1.0
    images += 0.1 * torch.randn_like(images)
    net = nn.Sequential(nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(5):
        for rows in torch.randperm(600).split(30):
            loss = nn.functional.cross_entropy(net(images[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
