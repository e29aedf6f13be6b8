"""Is the learning rate so low that the run hardly moves?

Why it matters: a loss that creeps looks like a hard task or a small network. Steps that change the weights by a
hundred-thousandth of their size need a hundred times as many of them.

Remedy: start from Adam at 3e-4; a step should change the weights by about a thousandth of their size.

Known limits: asked only where the loss has hardly fallen and the sampled steps change the weights by less than a
ten-thousandth of their norm, and not where the loss begins far below that of a constant output, as in fine-tuning.
One higher rate is tried, the one that would bring that to a thousandth.

Source: Karpathy, CS231n notes "Neural Networks Part 3", ratio of weights and updates ("should be somewhere around
1e-3").
"""

import math
from collections.abc import Sequence
from statistics import median

from trainloud.checks.learning import chance, losses, not_comparable, shown, start_of
from trainloud.checks.stepping import first_records
from trainloud.core.check import Check, Runs
from trainloud.core.experiment import Experiment
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import GradientSample
from trainloud.core.trace import Trace
from trainloud.experiments.compare import drop, end_of

PART, LEAST_STEPS = 0.6, 100  # of the run, and steps: enough to see which rate is better
USUAL = 1e-3  # update over weight, by norm
SMALL = 1e-4
HARDLY = 0.1  # of the loss at the start, by which it has fallen at most
LEARNED_BEFORE = 0.7  # of the loss of a constant output: no new network begins below
TIMES = 4.0  # as much progress at the higher rate: a rate ten times as high gives ten times where the loss is linear


def update_ratio(trace: Trace) -> float | None:
    """Median over parameters and sampled steps of the norm of the update over that of the weight."""
    found = [
        p.update
        for g in trace.all(GradientSample)
        for p in g.parameters
        if p.update is not None and p.weight > 0 and p.gradient
    ]
    return median(found) if found else None


def higher(trace: Trace) -> Experiment | None:
    """The run at the rate at which updates would be of the usual size; None where they are not small."""
    ratio = update_ratio(trace)
    if ratio is None or not 0 < ratio < SMALL:
        return None
    factor = 10 ** min(math.ceil(math.log10(USUAL / ratio)), 6)
    steps = max(int(PART * len(trace.steps)), LEAST_STEPS)
    question = f"does {factor} times the learning rate end lower?"
    return Experiment((f"learning-rate=x{factor}",), steps, question)


def crawls(trace: Trace) -> bool:
    curve = losses(trace)
    start = start_of(trace)
    return end_of(curve).mean > start - HARDLY * abs(start)


def learned_before(runs: Runs) -> bool:
    """The first loss is far below what a constant output gives: weights that were trained before are fine-tuned."""
    known = chance(runs)
    return known is not None and start_of(runs.watched) < LEARNED_BEFORE * known


def asks(runs: Runs) -> Sequence[Experiment]:
    if not_comparable(runs.watched) or not crawls(runs.watched) or learned_before(runs):
        return ()
    one = higher(runs.watched)
    return (one,) if one is not None else ()


def judge(runs: Runs) -> Finding:
    watched = runs.watched
    if why := not_comparable(watched):
        return unknown(why)
    ratio = update_ratio(watched)
    if ratio is None:
        return unknown("no step's updates were sampled")
    start, end = start_of(watched), end_of(losses(watched))
    one = higher(watched)
    moved = f"steps change the weights by {ratio:.1e} of their norm; the loss went from {start:.4g} to {end.mean:.4g}"
    if one is None or not crawls(watched):
        return passed(moved)
    if learned_before(runs):
        return unknown(f"{moved}: it began far below the {chance(runs):.4g} of a constant output, as in fine-tuning")
    if one.name not in runs:
        return unknown(runs.why_not(one.name))
    gain, there = drop(losses(watched), losses(runs[one.name])), end_of(losses(runs[one.name]))
    factor = one.name.partition("=")[2]
    said = f"the loss goes from {start:.4g} to {shown(end)} as it is, to {shown(there)} at {factor} the rate"
    much = start - there.mean > TIMES * max(start - end.mean, 0.0) and gain.mean > HARDLY * abs(start)
    if not (gain.beyond() and much):
        return passed(said)
    made = first_records(watched).get(watched.steps[0].optimizer)
    rate = max((max(s.rates, default=0.0) for s in watched.steps), default=0.0)
    return fired(
        f"a step changes the weights by {ratio:.1e} of their norm (learning rate up to {rate:.3g}); {said}, with "
        "nothing else changed",
        f"updates of about {USUAL:.0e} of the weights, and a loss that falls",
        made.where if made else None,
        first_step=0,
        update_to_weight=ratio,
        ends={"as it is": end.mean, one.name: there.mean},
    )


CHECK = Check(
    fault="learning-rate-too-low",
    severity="warning",
    basis="experiment",
    judge=judge,
    symptoms=(
        "stopped-too-early", "capacity-too-small", "input-carries-no-signal", "class-imbalance-ignored",
        "final-bias-not-initialised",
    ),
    needs=("learning-rate",),
    asks=asks,
)  # fmt: skip


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 12)
    y = (x @ torch.randn(12, 4)).argmax(1)
    net = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-6)
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
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(8):
        for rows in torch.randperm(600).split(30):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
