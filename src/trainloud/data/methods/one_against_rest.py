"""How well one attribute tells each class from all others, out of sample, from counts alone.

The attribute is cut into bins, each bin scores a class by its share among the other folds' rows, and the area under
the ROC curve is counted fold by fold. So a class in the middle of an axis is seen as well as one at its end.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from trainloud.data.methods.binned import BINS, Binned, bin_numbers, bin_words, folds, tally_classes
from trainloud.data.survey import Survey

FEWEST = (
    10  # rows of a class, below which nothing is said of it: perfect separation is then chance in 1 of 10,000 tries
)
ROWS = 20_000
ROWS_A_BIN = 50
ALPHA = 0.05  # chance that any of all intervals together misses


@dataclass(frozen=True)
class Areas:
    """One attribute against every class."""

    area: np.ndarray
    """(classes,) area under the ROC curve, 0.5 for nothing; NaN for classes with fewer than FEWEST rows."""
    error: np.ndarray
    """(classes,) its standard error."""


@dataclass(frozen=True)
class Labelled:
    """Rows of the training split that have a label."""

    rows: np.ndarray
    codes: np.ndarray
    """(m,) 0 .. classes - 1."""
    names: tuple[str, ...]
    fold: np.ndarray


def labelled(survey: Survey, limit: int = ROWS) -> Labelled | None:
    """At most `limit` labelled training rows; None without two classes of FEWEST rows each."""
    return survey.once(("labelled", limit), lambda: _labelled(survey, limit)) if survey.labels is not None else None


def _labelled(survey: Survey, limit: int) -> Labelled | None:
    assert survey.labels is not None
    codes, names = survey.labels
    rows = survey.sample(limit, np.flatnonzero(survey.training & (codes >= 0)))
    counts = np.bincount(codes[rows], minlength=len(names)) if len(rows) else np.zeros(1, int)
    if (counts >= FEWEST).sum() < 2:
        return None
    return Labelled(rows, codes[rows], names, folds(len(rows), codes[rows]))


def attributes(survey: Survey, data: Labelled) -> dict[str, Binned]:
    """Every measured axis and word of these rows in bins; those with one value only are left out."""
    bins = bins_for(len(data.rows))
    found = {k: bin_numbers(np.asarray(v, np.float64)[data.rows], bins) for k, v in survey.measured.axes.items()}
    found |= {k: bin_words(codes[data.rows], words, bins) for k, (codes, words) in survey.measured.words.items()}
    return {k: v for k, v in found.items() if v.size > 1}


def bins_for(rows: int) -> int:
    """As many as leave ROWS_A_BIN rows in each: shares of fewer rows are noise, which costs area out of sample."""
    return int(np.clip(rows // ROWS_A_BIN, 8, BINS))


def areas(column: Binned, data: Labelled) -> Areas:
    """One attribute against every class, with the variance of DeLong, DeLong and Clarke-Pearson 1988."""
    tallied = tally_classes(column, data.codes, len(data.names), data.fold)
    score: np.ndarray = tallied.means  # (folds, bins, classes)
    mine: np.ndarray = tallied.sums.astype(np.float64)
    rest = mine.sum(axis=2, keepdims=True) - mine
    order = np.argsort(score, axis=1, kind="stable")
    mine, rest = np.take_along_axis(mine, order, axis=1), np.take_along_axis(rest, order, axis=1)
    p, n = mine.sum(axis=1), rest.sum(axis=1)  # (folds, classes)
    with np.errstate(invalid="ignore", divide="ignore"):
        below = (np.cumsum(rest, axis=1) - rest / 2) / n[:, None]  # of each positive: negatives that score lower
        above = 1 - (np.cumsum(mine, axis=1) - mine / 2) / p[:, None]  # of each negative: positives that score higher
        area = (mine * below).sum(axis=1) / p
        variance = _variance(mine, below, area, p) + _variance(rest, above, area, n)
        weight = p / p.sum(axis=0)
    whole = (weight * area).sum(axis=0)
    error = np.sqrt((weight**2 * variance).sum(axis=0))
    # Perfect separation has no variance of its own: one row more could end it.
    error = np.maximum(error, 0.5 / np.minimum(p.sum(axis=0), n.sum(axis=0)).clip(1))
    few = p.sum(axis=0) < FEWEST
    return Areas(np.where(few, np.nan, whole), np.where(few, np.nan, error))


def _variance(weight: np.ndarray, place: np.ndarray, area: np.ndarray, count: np.ndarray) -> np.ndarray:
    """(folds, classes) variance of the mean of the places."""
    spread = (weight * (place - area[:, None]) ** 2).sum(axis=1)
    return spread / np.maximum(count - 1, 1) / count


def corrected(tests: int) -> float:
    """Standard errors of an interval that holds for as many tests together (Bonferroni)."""
    return NormalDist().inv_cdf(1 - ALPHA / (2 * max(tests, 1)))


def robust_z(values: np.ndarray, least_spread: float) -> np.ndarray:
    """Distance of each value from the median of the others, in 1.4826 times their median absolute deviation (at least
    `least_spread`). NaN values stay NaN."""
    out = np.full(len(values), np.nan)
    for i in np.flatnonzero(np.isfinite(values)):
        others: np.ndarray = np.delete(values, i)
        others = others[np.isfinite(others)]
        if len(others):
            middle = float(np.median(others))
            spread = max(1.4826 * float(np.median(np.abs(others - middle))), least_spread)
            out[i] = (values[i] - middle) / spread
    return out
