"""Values that lie far outside of what the rest of an axis would give."""

import math
from dataclasses import dataclass

import numpy as np

LEAST = 100  # finite values from which their spread is told
SOME = 1001  # order statistics that skewness is told by
FALSE = 0.01  # normal values expected beyond the fences in all of the data, however many there are
TAIL = 3  # values beyond a fence from which the tail's index is told by them
INDEX = 0.05  # of a tail at least: a lone value must be a quarter further out than the fence
DISTINCT = 10  # different values from which an axis is continuous enough to have a tail


@dataclass(frozen=True)
class Fences:
    """Where an axis ends, told by its middle half."""

    low: float
    high: float
    median: float
    quartiles: tuple[float, float]

    def distance(self, values: np.ndarray) -> np.ndarray:
        """How far out each value lies: 1 at a fence, 0 at the median, NaN for NaN."""
        with np.errstate(divide="ignore", invalid="ignore"):
            up = (values - self.median) / (self.high - self.median)
            down = (self.median - values) / (self.median - self.low)
        return np.where(values >= self.median, up, down)


def fences(values: np.ndarray) -> Fences | None:
    """Fences of the adjusted boxplot (Hubert and Vandervieren 2008, "An adjusted boxplot for skewed distributions",
    equation 5), which follow the skewness of the data, moved outwards with the number of values so that about FALSE
    normal values in all lie beyond them. None for too few or too discrete values."""
    finite = np.sort(values[np.isfinite(values)])
    if len(finite) < LEAST:
        return None
    q1, median, q3 = (float(v) for v in np.quantile(finite, (0.25, 0.5, 0.75)))
    if not (q1 < median < q3) or len(np.unique(finite[:: max(len(finite) // SOME, 1)])) < DISTINCT:
        return None
    skew = medcouple(finite)
    reach = _reach(len(finite)) * (q3 - q1)
    below, above = (-4.0, 3.0) if skew >= 0 else (-3.0, 4.0)
    return Fences(q1 - reach * math.exp(below * skew), q3 + reach * math.exp(above * skew), median, (q1, q3))


def _reach(n: int) -> float:
    """Interquartile ranges beyond the quartiles; 1.5 for about seven normal values."""
    z = _normal_quantile(1 - FALSE / (2 * n))
    return max((z - 0.674490) / 1.348980, 1.5)


def _normal_quantile(p: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)


def medcouple(ordered: np.ndarray) -> float:
    """Robust skewness in [-1, 1] (Brys, Hubert, Struyf 2004), on at most SOME order statistics of sorted values."""
    if len(ordered) > SOME:
        ordered = ordered[np.linspace(0, len(ordered) - 1, SOME).round().astype(int)]
    median = float(np.median(ordered))
    low, high = ordered[ordered <= median], ordered[ordered >= median]
    up, down = high[None, :] - median, median - low[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        kernel = (up - down) / (up + down)
    # Values at the median itself: the sign of their ranks, which are 0 on average.
    return float(np.median(np.nan_to_num(kernel, nan=0.0)))


@dataclass(frozen=True)
class Beyond:
    """The values of an axis that lie beyond its fences."""

    fences: Fences
    rows: np.ndarray
    """Farthest out first."""
    isolated: np.ndarray
    """Those of `rows` that not even a heavy tail would give."""


def beyond(values: np.ndarray) -> Beyond | None:
    """What lies beyond the fences of an axis; None where it has none.

    Many values beyond a fence are a heavy tail. Its index is told by their median (for a Pareto tail the logarithm of
    the distance is exponential, Hill 1975), and isolated is what lies beyond all that so many would reach.
    """
    values = np.asarray(values, np.float64)
    found = fences(values)
    if found is None:
        return None
    distance = np.nan_to_num(found.distance(values), nan=0.0, posinf=0.0)
    least = INDEX + 2 / math.sqrt(np.isfinite(values).sum())  # fences of few values lie less surely
    alone: np.ndarray = np.zeros(len(values), bool)
    for side in (values > found.high, values < found.low):
        count = int(side.sum())
        if count:
            index = math.log(float(np.median(distance[side]))) / math.log(2) if count >= TAIL else 0.0
            limit = (count / FALSE) ** max(index, least)
            alone |= side & (distance > limit)
    rows = np.flatnonzero(distance > 1)
    rows = rows[np.argsort(-distance[rows], kind="stable")]
    return Beyond(found, rows, rows[alone[rows]])
