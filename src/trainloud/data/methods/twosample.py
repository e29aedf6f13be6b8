"""Do two samples come from one distribution? A classifier over all columns, and a test for each column.

The classifier is the cross-fitted additive fit of `binned.py`; its area under the ROC curve is 0.5 where the samples
are alike (Lopez-Paz and Oquab 2017, "Revisiting Classifier Two-Sample Tests", section 3), with the interval of DeLong.
Each column is tested by itself: numbers by Kolmogorov and Smirnov, words by Pearson's chi squared, missing cells by
their share; corrected for as many tests (Holm 1979).
"""

import math
from dataclasses import dataclass

import numpy as np

from trainloud.data.methods.binned import Bins, additive, folds
from trainloud.data.methods.statistics import auroc, auroc_interval
from trainloud.data.survey import SEED

SURE = 3.3  # standard errors: one-sided 5e-4
SHUFFLES = 40  # shuffled samples: their deviation is then known to 11 %
SURE_SHUFFLED = 4.0  # their deviations: 3e-5, and 2e-4 if their deviation is 11 % too small
FEWEST = 5.0  # expected cells of a bin of the chi squared; rarer ones are taken together (Cochran 1954)


@dataclass(frozen=True)
class Shift:
    """How one column differs between two samples."""

    name: str
    distance: float
    """Largest difference of the two distribution functions for numbers, total variation for words; 0 .. 1."""
    p: float
    """Not yet corrected for the number of columns."""


@dataclass(frozen=True)
class TwoSample:
    """How well two samples can be told apart by all columns together."""

    area: float
    """Area under the ROC curve, out of fold."""
    low: float
    high: float
    """95 % interval."""
    sure: bool
    """The area lies above one half by more than chance gives."""
    score: np.ndarray
    """(m,) out of fold: higher for rows that look like the second sample."""


def classify(bins: Bins, second: np.ndarray, least: float) -> TwoSample:
    """Tell the rows of the second sample (m,) bool from those of the first by all columns.

    DeLong's interval takes rows for independent. Where they are not (families, copies), shuffled samples tell how far
    the area strays by chance: asked where the area is at least `least`.
    """
    fold = folds(len(second), second.astype(np.int8))
    score = additive(bins, second.astype(np.float64), fold)
    area, low, high = auroc_interval(score, second)
    sure = auroc_interval(score, second, SURE)[1] > 0.5
    if sure and area >= least:
        strays = _by_chance(bins, second, fold)
        sure = area - max(strays.mean(), 0.5) > SURE_SHUFFLED * strays.std(ddof=1)
    return TwoSample(area, low, high, bool(sure), score)


def _by_chance(bins: Bins, second: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """(SHUFFLES,) areas of samples that are shuffled inside the folds; all are fitted at once."""
    rng = np.random.default_rng(SEED)
    shuffled: np.ndarray = np.empty((len(second), SHUFFLES))
    for f in range(int(fold.max()) + 1):
        rows = np.flatnonzero(fold == f)
        shuffled[rows] = rng.permuted(np.repeat(second[rows, None], SHUFFLES, axis=1), axis=0)
    scores = additive(bins, shuffled, fold)
    return np.array([auroc(scores[:, i], shuffled[:, i] > 0) for i in range(SHUFFLES)])


def shift_of_numbers(name: str, a: np.ndarray, b: np.ndarray) -> Shift:
    """Two samples of a column of numbers, NaN for missing."""
    gone = _shares(int(np.isnan(a).sum()), len(a), int(np.isnan(b).sum()), len(b))
    a, b = np.sort(a[~np.isnan(a)]), np.sort(b[~np.isnan(b)])
    if not len(a) or not len(b):
        return Shift(name, *gone)
    both = np.unique(np.concatenate([a, b]))
    below = np.searchsorted(a, both, side="right") / len(a) - np.searchsorted(b, both, side="right") / len(b)
    distance = float(np.abs(below).max())
    ks = distance, kolmogorov(distance, len(a), len(b))
    far, near = (ks, gone) if ks[0] >= gone[0] else (gone, ks)
    return Shift(name, far[0], min(2 * min(far[1], near[1]), 1.0) if gone[0] else ks[1])


def shift_of_words(name: str, a: np.ndarray, b: np.ndarray) -> Shift:
    """Two samples of codes, -1 for missing (a value of its own)."""
    size = int(max(a.max(initial=-1), b.max(initial=-1))) + 2
    table = np.stack([np.bincount(a + 1, minlength=size), np.bincount(b + 1, minlength=size)]).astype(np.float64)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    distance = float(np.abs(shares[0] - shares[1]).sum() / 2)
    expected = table.sum(axis=0) * table.sum(axis=1).min() / max(table.sum(), 1)
    rare = expected < FEWEST
    table = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
    table = table[:, table.sum(axis=0) * table.sum(axis=1).min() >= FEWEST * max(table.sum(), 1)]
    merged = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    # Rare words differ between any two samples: what they add to the distance is no evidence.
    distance = min(distance, float(np.abs(merged[0] - merged[1]).sum() / 2)) if table.shape[1] else 0.0
    return Shift(name, distance, chi_squared(table))


def kolmogorov(distance: float, n: int, m: int) -> float:
    """p value of a distance of two distribution functions (Smirnov 1948), with Stephens's correction for few rows."""
    root = math.sqrt(n * m / (n + m))
    x = (root + 0.12 + 0.11 / root) * distance
    if x < 0.2:
        return 1.0
    return min(max(2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101)), 0.0), 1.0)


def chi_squared(table: np.ndarray) -> float:
    """p value of independence of a (2, k) table, by the cube root of Wilson and Hilferty 1931."""
    free = table.shape[1] - 1
    if free < 1 or (table.sum(axis=1) == 0).any():
        return 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    z = ((statistic / free) ** (1 / 3) - (1 - 2 / (9 * free))) / math.sqrt(2 / (9 * free))
    return 0.5 * math.erfc(z / math.sqrt(2))


def _shares(a: int, n: int, b: int, m: int) -> tuple[float, float]:
    """(difference of two shares, p value of it)."""
    if not n or not m:
        return 0.0, 1.0
    whole = (a + b) / (n + m)
    error = math.sqrt(whole * (1 - whole) * (1 / n + 1 / m))
    off = abs(a / n - b / m)
    return off, math.erfc(off / error / math.sqrt(2)) if error > 0 else 1.0
