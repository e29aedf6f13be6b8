"""Whether and how far a run learns: its loss from step to step against what a constant output would give."""

import itertools
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from statistics import median

from trainloud.checks.streams import prints
from trainloud.core.check import Runs
from trainloud.core.experiment import Experiment
from trainloud.core.records import Batch, Choices, Hits, LossSample, Pass
from trainloud.core.trace import Trace
from trainloud.experiments.compare import Level, drop, end_of, level

LEAST_STEPS = 20  # fewer say nothing about learning
MANY_TURNS = 20  # from one optimiser to another: no phases, but one network against another
CHOOSING = 0.5  # share of the steps before which a policy acts
ZERO = Experiment(("zero-inputs",), question="do real inputs beat zeroed ones?")
BATCH = Experiment(("repeat-first-batch",), 100, "can the network learn one batch by heart?")


def losses(trace: Trace) -> list[float]:
    """The loss at each step; what is not finite stays so."""
    return [s.loss for s in trace.steps if s.loss is not None]


def not_comparable(trace: Trace) -> str:
    """Why the losses of two runs of this script cannot be compared; "" if they can."""
    used = Counter(s.optimizer for s in trace.steps)
    order = [s.optimizer for s in trace.steps]
    turns = sum(a != b for a, b in itertools.pairwise(order))
    if len(used) > 1 and (turns >= MANY_TURNS or len(order) - max(used.values()) > 0.1 * len(order)):
        if turns < len(used):
            return "several optimisers train one after the other: their losses may count different things"
        return "several optimisers take turns: their losses pull against each other or count different things"
    if len(losses(trace)) < LEAST_STEPS:
        return f"{len(losses(trace))} steps with a loss are too few to compare runs; it takes {LEAST_STEPS}"
    drawn = trace.last(Choices)
    if drawn is not None and drawn.steps > CHOOSING * len(trace.steps):
        return "values are drawn from a network's output between most steps: it makes its own data, as a policy does"
    if _tried_first(trace) > CHOOSING:
        return "examples enter without gradients before they are trained on: the network makes its own data or targets"
    if len(trace.passes) < len(trace.all(Pass)):
        return "a network runs without gradients between most steps, as where it makes its own data or targets"
    return ""


@lru_cache(maxsize=4)
def _tried_first(trace: Trace) -> float:
    """Share of the examples new to training in its second half that a network had seen without gradients before."""
    batches = [b for b in trace.all(Batch) if b.prints]
    if sum(b.phase != "train" for b in batches) < len(trace.steps):
        return 0.0
    known: dict[int, bool] = {}
    new: list[bool] = []
    for b in batches:
        training = b.phase == "train"
        for one in prints([b]):
            if training and b.step >= len(trace.steps) // 2 and known.get(one) is not True:
                new.append(one in known)
            if training or b.step:
                known[one] = training or known.get(one, False)
    return sum(new) / len(new) if new else 0.0


def start_of(trace: Trace) -> float:
    """The loss before training: median of the first three steps."""
    return median(losses(trace)[:3])


def chance(runs: Runs) -> float | None:
    """The loss without any information from the inputs: of the best constant or the run with zeroed inputs."""
    constant, zeroed = _best_constant(runs), runs.get(ZERO.name)
    found = [] if zeroed is None else [end_of(losses(zeroed)).mean]
    return min(found + ([] if constant is None else [constant]), default=None)


def _best_constant(runs: Runs) -> float | None:
    known = [s for s in runs.watched.all(LossSample) if s.phase == "train" and s.best_constant is not None]
    if not known or known[0].value is None or abs(known[0].value - losses(runs.watched)[0]) > 0.1 * abs(known[0].value):
        return None  # the loss that is followed is made of more than this one
    return median(s.best_constant for s in known if s.best_constant is not None)


def reference(runs: Runs) -> float:
    """What a run that learns must go below: the loss of chance, or that at the start if it is lower or all there is."""
    known = chance(runs)
    first = start_of(runs.watched)
    return first if known is None else min(known, first)


def named(runs: Runs) -> str:
    """The reference, for people."""
    known, first = chance(runs), start_of(runs.watched)
    return f"{known:.4g} of a constant output" if known is not None and known <= first else f"{first:.4g} at the start"


def in_distress(runs: Runs) -> bool:
    """The run ends not clearly below what a constant output gives, or above its own lowest level."""
    curve = losses(runs.watched)
    last, floor = end_of(curve), reference(runs)
    if not last.mean < float("inf"):
        return True
    parts = [end_of(curve[: len(curve) * k // 5]).mean for k in (2, 3, 4, 5)]
    risen = last.mean - min(parts) > 0.25 * abs(floor - min(parts))
    return last.mean > floor - 0.1 * abs(floor) or risen


def progress(trace: Trace, floor: float, steps: int = 0) -> float:
    """How far below the reference a run ends (after so many steps)."""
    curve = losses(trace)
    return floor - end_of(curve[: steps or len(curve)]).mean


def held_out(trace: Trace) -> list[tuple[int, float, int]]:
    """(step, error, examples) of each evaluation pass: the mean loss, or else the share of wrong predictions."""
    by_loss = []
    for p in trace.passes:
        count = sum(n for _, n in p.losses)
        if p.scored and count:
            by_loss.append((p.step, sum(v * n for v, n in p.losses) / count, p.examples))
    return by_loss or wrong_share(trace)


def wrong_share(trace: Trace) -> list[tuple[int, float, int]]:
    """(step, share of wrong predictions, predictions) of each evaluation pass in which they were counted."""
    by_loss = [
        (p.step, 1 - sum(c for c, _ in p.corrects) / total, total)
        for p in trace.passes
        if p.corrects and (total := sum(n for _, n in p.corrects))
    ]
    return by_loss or [(h.step, 1 - h.correct / h.count, h.count) for h in trace.all(Hits) if h.count]


def shown(values: Sequence[float] | Level) -> str:
    """A level for people."""
    one = values if isinstance(values, Level) else end_of(values)
    return f"{one.mean:.4g}"


FLAT = 0.05  # of the reference level: a loss that moves less between the middle and the end of the run stands still
LEARNED = 0.5  # of the loss at the start: what is left once one batch is well on the way to being known by heart


def stands_still(trace: Trace, floor: float) -> bool:
    """The loss no longer moves in the second half of the run: neither falls nor flies apart."""
    curve = losses(trace)
    middle = curve[: len(curve) * 3 // 5]
    return abs(end_of(middle).mean - end_of(curve).mean) < FLAT * abs(floor)


def batch_learned(runs: Runs) -> bool | None:
    """Whether one batch was well on the way to being known by heart; None without that run."""
    if BATCH.name not in runs:
        return None
    curve = losses(runs[BATCH.name])
    return end_of(curve).mean < min(LEARNED * start_of(runs[BATCH.name]), start_of(runs[BATCH.name]))


SURELY = 2.5  # standard errors of the differences between the batches of two evaluation passes
BETTER = 0.03  # of the loss with zeroed inputs, that real ones are clearly better by
HARDLY_BETTER = 0.005  # a weak signal may be behind more than this


def beats_zero(runs: Runs) -> bool | None:
    """Whether real inputs do better than zeroed ones on examples that were not trained on; None if that cannot be told.

    Held-out figures are compared where both runs have them, each at its best; else the loss on batches of the first
    epoch, each of which is new when it comes.
    """
    watched, zero = runs.watched, runs[ZERO.name]
    real_errors, zero_errors = held_out(watched), held_out(zero)
    if real_errors and zero_errors:
        _, best, n = min(real_errors, key=lambda e: e[1])
        _, without, _ = min(zero_errors, key=lambda e: e[1])
        shares = real_errors == wrong_share(watched)
        noise = 2 * (max(without * (1 - without), 0.0) / n) ** 0.5 if shares else 0.0
        if without - best > max(BETTER * abs(without), noise) or _surely_better(watched, zero):
            return True
        return None if not shares and without - best > HARDLY_BETTER * abs(without) else False
    first = [s.loss for s in watched.steps if s.epoch <= 0 and s.loss is not None]
    if len(first) < LEAST_STEPS or len(losses(zero)) < len(first):
        return None
    better, least = drop(losses(zero)[: len(first)], first), BETTER * abs(end_of(losses(zero)).mean)
    if better.beyond(2.0) and better.mean > least:
        return True
    return None if better.mean + 2 * better.error > least else False


def _surely_better(real: Trace, zero: Trace) -> bool:
    """The best evaluation passes of two runs, batch by batch: a weak signal shows in the differences."""
    a, b = _best_pass(real), _best_pass(zero)
    if [n for _, n in a] != [n for _, n in b]:
        return False
    better = level([without - best for (best, _), (without, _) in zip(a, b, strict=True)])
    return better.beyond(SURELY)


def _best_pass(trace: Trace) -> tuple[tuple[float, int], ...]:
    """(mean loss, targets) of each batch of the evaluation pass with the lowest loss."""
    scored = [p.losses for p in trace.passes if p.scored and sum(n for _, n in p.losses) > 0]
    return min(scored, key=lambda x: sum(v * n for v, n in x) / sum(n for _, n in x), default=())
