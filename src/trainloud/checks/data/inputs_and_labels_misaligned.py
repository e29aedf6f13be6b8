"""Do the inputs tell anything about the labels of examples that were not trained on?

Why it matters: inputs and labels that were shuffled, sorted or indexed apart train like a hard task: the loss settles
at what the label frequencies give, or the pairs are learned by heart one by one.

Remedy: look at ten pairs as they enter the network, next to each other; match files by name and not by their order
in two listings; shuffle inputs and labels by one permutation; split both with the same indices.

Known limits: data whose inputs really say nothing about the labels, and tasks that are learned by heart long before
they are understood (modular arithmetic), look the same. Asked only where training stands still near the loss of a
constant output, or held-out examples gain nothing while training does.

Source: Karpathy (2019), "A Recipe for Training Neural Networks", step 2, "input-independent baseline"; Zhang et al.
(2017), "Understanding deep learning requires rethinking generalization".
"""

from collections.abc import Sequence

from trainloud.checks.learning import (
    BATCH,
    ZERO,
    batch_learned,
    beats_zero,
    held_out,
    in_distress,
    losses,
    named,
    not_comparable,
    reference,
    shown,
    stands_still,
    start_of,
    wrong_share,
)
from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.experiment import Experiment
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.experiments.compare import end_of

LEAST_STEPS = 50  # after fewer, a sound network may not have begun to use its inputs
WORSE = 0.2  # above chance, relative
LONG = 100  # steps, before a loss that stands still is no plateau at the start, as transformers often have one
MEMORISED = 0.7  # of the loss with zeroed inputs: training has gone clearly below it


def asks(runs: Runs) -> Sequence[Experiment]:
    if not_comparable(runs.watched) or len(runs.watched.steps) < LEAST_STEPS or not suspicious(runs):
        return ()
    floor = reference(runs)
    if not end_of(losses(runs.watched)).mean < floor + WORSE * abs(floor):
        return ()  # training does harm: that is no matter of the data
    return (ZERO, BATCH)


def suspicious(runs: Runs) -> bool:
    """Training ends near chance, or its held-out error has not gone below where it began."""
    if in_distress(runs):
        return True
    errors = held_out(runs.watched)
    return len(errors) > 1 and min(e for _, e, _ in errors) > 0.97 * errors[0][1]


def judge(runs: Runs) -> Finding:
    watched = runs.watched
    if why := not_comparable(watched):
        return unknown(why)
    if len(watched.steps) < LEAST_STEPS:
        return unknown(f"{len(watched.steps)} steps are too few: inputs may not have begun to matter")
    end = end_of(losses(watched))
    if not suspicious(runs):
        return passed(f"the loss ends at {shown(end)}, clearly below the {named(runs)}")
    if ZERO.name not in runs or BATCH.name not in runs:
        return unknown(runs.why_not(ZERO.name, BATCH.name))
    zero, floor = end_of(losses(runs[ZERO.name])), reference(runs)
    said = _said(runs, end.mean, zero.mean)
    if beats_zero(runs) is not False:
        if beats_zero(runs):
            return passed(said)
        return unknown(f"{said}: no figure on examples that are new to the network tells the two clearly apart")
    still = stands_still(watched, floor) and len(watched.steps) >= LONG
    if not (still or end.mean < MEMORISED * zero.mean):
        why = f"{len(watched.steps)} steps are few" if len(watched.steps) < LONG else "the loss still moves"
        return unknown(f"{said}, but {why}: the run is too short to tell")
    if not batch_learned(runs):
        return unknown(f"{said}, and one batch is not learned either: something else stands in the way")
    one = runs[BATCH.name]
    network = main_network(watched)
    return fired(
        f"{said}; yet one batch alone is learned by heart (from {start_of(one):.4g} to {shown(losses(one))} in "
        f"{len(one.steps)} steps): the network learns, but as if inputs and labels had nothing to do with each other",
        "real inputs that do better than zeroed ones on examples that were not trained on",
        network.where if network else None,
        first_step=0,
        real=end.mean,
        zeroed=zero.mean,
        one_batch=end_of(losses(one)).mean,
    )


def _said(runs: Runs, end: float, zero: float) -> str:
    text = f"the training loss ends at {end:.4g} with the real inputs, at {zero:.4g} with zeroed ones"
    real_errors, zero_errors = held_out(runs.watched), held_out(runs[ZERO.name])
    if real_errors and zero_errors:
        best, without = min(e for _, e, _ in real_errors), min(e for _, e, _ in zero_errors)
        what = "the share of wrong predictions" if real_errors == wrong_share(runs.watched) else "the loss"
        text += f"; on held-out examples {what} is at best {best:.4g} against {without:.4g}"
    return text


CHECK = Check(
    fault="inputs-and-labels-misaligned",
    severity="warning",
    basis="experiment",
    judge=judge,
    symptoms=("labels-noisy", "overfitting", "class-imbalance-ignored", "loss-ignores-metric"),
    needs=("zero-inputs", "repeat-first-batch"),
    asks=asks,
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(1000, 12)
    y = (x @ torch.randn(12, 4)).argmax(1)
    x = x[torch.randperm(1000)]
    net = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for rows in torch.randperm(800).split(20):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("validation", nn.functional.cross_entropy(net(x[800:]), y[800:]).item())


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(1000, 12)
    y = (x @ torch.randn(12, 4)).argmax(1)
    order = torch.randperm(1000)
    x, y = x[order], y[order]
    net = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for rows in torch.randperm(800).split(20):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("validation", nn.functional.cross_entropy(net(x[800:]), y[800:]).item())
