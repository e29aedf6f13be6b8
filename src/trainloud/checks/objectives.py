"""What backward started from, and how the loss went, as checks look at them."""

import math
from collections import defaultdict
from statistics import fmean

from trainloud.core.records import Objective, Optimizer, Step, Term
from trainloud.core.trace import Trace

SAME = 1e-3  # relative: a weight that is exactly 1 or 1/k, as single precision gives it
FEW = 4  # sampled steps at either end


def by_step(trace: Trace) -> dict[int, list[Objective]]:
    """Step -> its backwards in order; only steps that an optimiser made."""
    made = {s.index for s in trace.steps}
    found: dict[int, list[Objective]] = defaultdict(list)
    for o in trace.all(Objective):
        if o.step in made:
            found[o.step].append(o)
    return dict(sorted(found.items()))


def close(a: float, b: float) -> bool:
    return abs(a - b) <= SAME * max(abs(a), abs(b))


def adaptive(optimizer: Optimizer) -> bool:
    """It divides the gradient by its own size, so that a constant factor in the loss changes nothing."""
    return "dampening" not in optimizer.settings


def term_values(terms: list[tuple[int, Term]]) -> tuple[float, float] | None:
    """Mean value of a loss at the first and at the last sampled steps; None without enough of them."""
    known = [t.value for _, t in sorted(terms, key=lambda p: p[0]) if t.value is not None]
    if len(known) < 2 * FEW:
        return None
    return fmean(known[:FEW]), fmean(known[-FEW:])


def losses(steps: list[Step]) -> list[float]:
    return [s.loss for s in steps if s.loss is not None]


def ends(values: list[float]) -> tuple[float, float] | None:
    """Mean of the first and of the last tenth (at least four) of a series; infinity where it is not finite."""
    if len(values) < 3 * FEW:
        return None
    size = max(len(values) // 10, FEW)
    first, last = fmean(values[:size]), fmean(values[-size:])
    return first, last if math.isfinite(last) else math.inf
