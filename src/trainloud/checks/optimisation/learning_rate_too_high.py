"""Does the run end much lower with a lower learning rate?

Why it matters: a rate that is too high makes the loss jump over the valley: it diverges, or stalls at a level that
looks like the difficulty of the task. It is the first thing to suspect and the easiest to try.

Remedy: start from Adam at 3e-4, or take the rate at which the run below ended lowest; raise it only as long as the
loss at equal steps falls.

Known limits: asked only where the watched run ends hardly below what a constant output gives, or above its own lowest
level. Two lower rates are tried, a tenth and a hundredth. Losses that are not comparable between runs (GANs,
reinforcement learning) are left alone, and so are runs whose rate grows a hundredfold from the first step to the last.

Source: Bengio (2012), "Practical Recommendations for Gradient-Based Training of Deep Architectures", section 3.1.1;
Karpathy (2019), "A Recipe for Training Neural Networks", step 3.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from trainloud.checks.learning import ZERO, in_distress, losses, named, not_comparable, progress, reference, shown
from trainloud.checks.optimisation.learning_rate_too_low import SMALL, update_ratio
from trainloud.checks.optimisation.weight_decay_too_strong import SUSPECT, WITHOUT, strongest
from trainloud.checks.stepping import first_records
from trainloud.core.check import Check, Runs
from trainloud.core.experiment import Experiment
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.trace import Trace
from trainloud.experiments.compare import drop, end_of

LOWER = (
    Experiment(("learning-rate=x0.1",), question="does a tenth of the learning rate end lower?"),
    Experiment(("learning-rate=x0.01",), question="does a hundredth of the learning rate end lower?"),
)
PART = 0.6  # of the run: enough to see which rate is better
LEAST_STEPS = 100
LEAP = 0.03  # update over weight, by norm: thirty times the usual
TIMES = 2.0  # the lower rate gets at least this many times as far below chance: less is a matter of tuning
SOUGHT = 100.0  # times the first rate, at the last step: a range test, or a warm-up that outlasts the run
LEAST = 0.05  # of the reference level, by which it must end lower


def sought(trace: Trace) -> bool:
    """The rate grew from step to step over the whole run, many times over: a search for the rate that is too high."""
    rates = [max(s.rates) for s in trace.steps if s.rates]
    rising = all(b >= a for a, b in itertools.pairwise(rates))
    return bool(rates) and rising and rates[-1] >= SOUGHT * rates[0] > 0


def asks(runs: Runs) -> Sequence[Experiment]:
    if not_comparable(runs.watched) or sought(runs.watched) or not in_distress(runs):
        return ()
    steps, ratio = enough(runs), update_ratio(runs.watched)
    if ratio is not None and ratio < SMALL:
        return ()
    decayed = strongest(runs.watched)
    first = (WITHOUT,) if decayed is not None and decayed.settings["weight_decay"] >= SUSPECT else ()
    return (ZERO, *first, *(replace(e, steps=steps) for e in (LOWER[::-1] if leaps(runs.watched) else LOWER)))


def leaps(trace: Trace) -> bool:
    """Steps change the weights by so much that a tenth of the rate is too much still."""
    ratio = update_ratio(trace)
    return ratio is not None and not ratio < LEAP


def enough(runs: Runs) -> int:
    """Steps after which lower rates can be compared; 0 for all, where the run got into trouble late."""
    steps = max(int(PART * len(runs.watched.steps)), LEAST_STEPS)
    early, floor = end_of(losses(runs.watched)[:steps]).mean, reference(runs)
    return 0 if early < floor - 0.1 * abs(floor) else steps


def judge(runs: Runs) -> Finding:
    watched = runs.watched
    if why := not_comparable(watched):
        return unknown(why)
    ratio = update_ratio(watched)
    if ratio is not None and ratio < SMALL:
        return passed(f"steps change the weights by {ratio:.1e} of their norm")
    end, floor = end_of(losses(watched)), reference(runs)
    if not in_distress(runs):
        return passed(f"the loss ends at {shown(end)}, clearly below the {named(runs)}")
    if sought(watched):
        first, last = max(watched.steps[0].rates), max(watched.steps[-1].rates)
        return unknown(f"the rate grows from {first:.3g} to {last:.3g} over the whole run, as in a search for one")
    tried = [e for e in LOWER if e.name in runs]
    if not tried:
        return unknown(runs.why_not(*(e.name for e in LOWER)))
    best = max(tried, key=lambda e: progress(runs[e.name], floor))
    there = losses(runs[best.name])
    gain = drop(losses(watched), there)
    low, far = end_of(there), progress(runs[best.name], floor)
    said = ", ".join(f"{shown(losses(runs[e.name]))} with {e.name.partition('=')[2]}" for e in tried)
    lower = far > TIMES * max(progress(watched, floor, len(there)), 0.0) and gain.mean > LEAST * abs(floor)
    if not (gain.beyond() and lower):
        if len(tried) < len(LOWER):
            return unknown(runs.why_not(*(e.name for e in LOWER)))
        return passed(f"the loss ends at {shown(end)} as it is, at {said} the learning rate")
    used = max(watched.steps, key=lambda s: max(s.rates, default=0.0))
    made = first_records(watched).get(used.optimizer)
    return fired(
        f"at the script's learning rate (up to {max(used.rates, default=0.0):.3g}) the loss ends at {shown(end)}, "
        f"against the {named(runs)}; with the rate {best.name.partition('=')[2]} and nothing else "
        f"changed it ends at {shown(low)}",
        "a loss that does not end lower at a much lower rate",
        made.where if made else None,
        first_step=0,
        ends={"as it is": end.mean, **{e.name: end_of(losses(runs[e.name])).mean for e in tried}},
        reference=floor,
        steps=len(watched.steps),
    )


CHECK = Check(
    fault="learning-rate-too-high",
    severity="error",
    basis="experiment",
    judge=judge,
    symptoms=(
        "dead-relu", "saturated-activation", "exploding-gradient", "vanishing-gradient", "non-finite-hidden",
        "input-carries-no-signal", "inputs-and-labels-misaligned", "capacity-too-small", "input-ignored",
        "gradient-clipping-too-tight", "class-imbalance-ignored", "stopped-too-early", "final-bias-not-initialised",
    ),
    needs=("learning-rate", "zero-inputs"),
    asks=asks,
)  # fmt: skip


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 12)
    y = (x @ torch.randn(12, 4)).argmax(1)
    net = nn.Sequential(nn.Linear(12, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.3)
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
    net = nn.Sequential(nn.Linear(12, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(8):
        for rows in torch.randperm(600).split(30):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
