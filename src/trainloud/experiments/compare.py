"""Paired comparison of two runs: the same step, mostly the same batch, so that the data's noise falls out.

The standard error allows for neighbouring steps that resemble each other, by the effective sample size of a
first-order autoregressive series (Bayley and Hammersley 1946, "The 'Effective' Number of Independent Observations").
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

LAST = 0.2  # share of the steps at the end that make a level: enough to average, short enough to be the end
LEAST = 5  # steps behind a level
MOST_CORRELATION = 0.95  # of neighbouring steps: beyond, the series is a trend
SURE = 4.0  # standard errors: one in 16,000 by chance, and a session makes some ten comparisons


@dataclass(frozen=True)
class Level:
    """A mean with its standard error, of `count` steps."""

    mean: float
    error: float
    count: int

    def beyond(self, times: float = SURE) -> bool:
        """Whether it is above zero by so many standard errors."""
        return self.count >= LEAST and self.mean > times * self.error


def level(values: Sequence[float]) -> Level:
    """Mean of a series that may be correlated from step to step; infinite where a value is not finite."""
    n = len(values)
    if not n:
        return Level(math.nan, math.inf, 0)
    if not all(math.isfinite(v) for v in values):
        return Level(math.inf, math.inf, n)
    mean = fmean(values)
    if n < 2:
        return Level(mean, math.inf, n)
    deviations = [v - mean for v in values]
    variance = sum(d * d for d in deviations) / (n - 1)
    lagged = sum(a * b for a, b in itertools.pairwise(deviations)) / (n - 1)
    rho = min(max(lagged / variance, 0.0), MOST_CORRELATION) if variance else 0.0
    return Level(mean, math.sqrt(variance / n * (1 + rho) / (1 - rho)), n)


def end_of(losses: Sequence[float]) -> Level:
    """The level of the last steps."""
    return level(losses[-max(int(len(losses) * LAST), LEAST) :])


def drop(before: Sequence[float], after: Sequence[float]) -> Level:
    """How much lower the second series ends than the first, step by step over the last part of the shorter."""
    n = min(len(before), len(after))
    window = max(int(n * LAST), LEAST)
    pairs = list(zip(before[:n], after[:n], strict=True))[-window:]
    finite = [(a, b) for a, b in pairs if math.isfinite(b)]
    if len(finite) < len(pairs):
        return Level(-math.inf, math.inf, len(pairs))
    if not all(math.isfinite(a) for a, _ in pairs):
        return Level(math.inf, 0.0, len(pairs))
    return level([a - b for a, b in pairs])
