"""Can the network learn one batch by heart, and does a larger one learn more?

Why it matters: a network that cannot even fit a few examples cannot fit the data: it is too small, or something
between the inputs and the loss stands in its way. That is cheap to know before anything else is tried.

Remedy: raise width or depth until one batch is learned to nearly nothing; if that does not help, look for what cuts
the gradient or the signal.

Known limits: one batch is repeated for 100 steps at the script's own learning rate; what is learned slowly counts as
unknown. A larger network is tried only where the script has an option for its size (width, hidden size, layers).

Source: Karpathy (2019), "A Recipe for Training Neural Networks", step 2, "overfit one batch" and "verify decreasing
training loss".
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from trainloud.checks.learning import (
    BATCH,
    batch_learned,
    in_distress,
    losses,
    not_comparable,
    progress,
    reference,
    shown,
    stands_still,
    start_of,
)
from trainloud.core.check import Check, Runs
from trainloud.core.experiment import Experiment
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Flags
from trainloud.core.trace import Trace
from trainloud.experiments.compare import drop, end_of

TIMES = 1.5  # as far below chance as the network it is: less may be had by tuning
SIZES = re.compile(r"(hidden|width|dim|units|channels|filters|embd|layers|depth|neurons)", re.I)
LARGER = 4


def larger(trace: Trace) -> Experiment | None:
    """The script with the first of its options that set a size, and are set to a whole number, four times as large."""
    for flags in trace.all(Flags):
        for one in flags.options:
            if SIZES.search(one.name) and one.kind == "int" and 0 < int(one.value) <= 4096:
                name = one.name if one.name.startswith("-") else f"hydra:{one.name}"
                grown = int(one.value) * LARGER
                question = f"does a larger network end lower ({one.name}={grown})?"
                return Experiment((f"{name}={grown}",), question=question)
    return None


def asks(runs: Runs) -> Sequence[Experiment]:
    if not_comparable(runs.watched):
        return ()
    one = larger(runs.watched)
    if one is not None and in_distress(runs) and batch_learned(runs) is False:
        return (BATCH, one)
    return (BATCH if in_distress(runs) else replace(BATCH, routine=True),)


def judge(runs: Runs) -> Finding:
    watched = runs.watched
    if why := not_comparable(watched):
        return unknown(why)
    if BATCH.name not in runs:
        return unknown(runs.why_not(BATCH.name))
    curve = losses(runs[BATCH.name])
    said = f"one batch, repeated for {len(curve)} steps, went from {start_of(runs[BATCH.name]):.4g} to {shown(curve)}"
    if batch_learned(runs):
        return passed(said)
    one, end, floor = larger(watched), end_of(losses(watched)), reference(runs)
    if one is None or one.name not in runs:
        return unknown(f"{said}: not learned by heart at this learning rate")
    gain, there = drop(losses(watched), losses(runs[one.name])), end_of(losses(runs[one.name]))
    said += f"; the loss ends at {shown(end)} as it is, at {shown(there)} with {one.name}"
    much = progress(runs[one.name], floor) > TIMES * max(progress(watched, floor), 0.0)
    if not (gain.beyond() and much and stands_still(watched, floor)):
        return passed(said)
    return fired(
        f"{said}, with nothing else changed",
        "a training loss that does not fall much further when the network grows",
        first_step=0,
        ends={"as it is": end.mean, one.name: there.mean},
    )


CHECK = Check(
    fault="capacity-too-small",
    severity="warning",
    basis="experiment",
    judge=judge,
    symptoms=("class-imbalance-ignored", "input-carries-no-signal", "inputs-and-labels-misaligned"),
    needs=("repeat-first-batch", "script-option"),
    asks=asks,
)


def bad() -> None:
    import argparse

    import torch
    from torch import nn

    parser = argparse.ArgumentParser()
    parser.add_argument("--hidden-size", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(0)
    x = torch.randn(800, 8)
    y = (x[:, 0] * x[:, 1] > 0).long() + 2 * (x[:, 2] * x[:, 3] > 0).long()
    narrow = nn.Sequential(nn.Linear(8, args.hidden_size), nn.Tanh(), nn.Linear(args.hidden_size, 64), nn.Tanh())
    net = nn.Sequential(*narrow, nn.Linear(64, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-2)
    for _ in range(12):
        for rows in torch.randperm(800).split(80):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import argparse

    import torch
    from torch import nn

    parser = argparse.ArgumentParser()
    parser.add_argument("--hidden-size", type=int, default=64)
    args = parser.parse_args()
    torch.manual_seed(0)
    x = torch.randn(800, 8)
    y = (x[:, 0] * x[:, 1] > 0).long() + 2 * (x[:, 2] * x[:, 3] > 0).long()
    narrow = nn.Sequential(nn.Linear(8, args.hidden_size), nn.Tanh(), nn.Linear(args.hidden_size, 64), nn.Tanh())
    net = nn.Sequential(*narrow, nn.Linear(64, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-2)
    for _ in range(12):
        for rows in torch.randperm(800).split(80):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
