"""Intervals and tests, each with its source."""

import math

import numpy as np

Z95 = 1.959964  # of the normal distribution: 95 % two-sided


def wilson(hits: float, of: float, z: float = Z95) -> tuple[float, float]:
    """Interval of a share (Wilson 1927; Brown, Cai, DasGupta 2001, section 3.1.1). (0, 1) for no trials."""
    if of <= 0:
        return 0.0, 1.0
    p = hits / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def auroc(score: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve: the probability that a positive scores higher than a negative, ties counting half
    (Mann and Whitney 1947). NaN where one side is empty."""
    positive = np.asarray(positive, bool)
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if not n1 or not n0:
        return math.nan
    ranks = midranks(np.asarray(score, np.float64))
    return float((ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def auroc_interval(score: np.ndarray, positive: np.ndarray, z: float = Z95) -> tuple[float, float, float]:
    """(area, low, high) by the variance of DeLong, DeLong and Clarke-Pearson 1988, in O(n log n) (Sun and Xu 2014)."""
    positive = np.asarray(positive, bool)
    score = np.asarray(score, np.float64)
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if n1 < 2 or n0 < 2:
        return auroc(score, positive), 0.0, 1.0
    together = midranks(score)
    v10 = (together[positive] - midranks(score[positive])) / n0
    v01 = 1 - (together[~positive] - midranks(score[~positive])) / n1
    area = float(v10.mean())
    half = z * math.sqrt(float(v10.var(ddof=1)) / n1 + float(v01.var(ddof=1)) / n0)
    return area, max(area - half, 0.0), min(area + half, 1.0)


def midranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, ties sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[inverse]


def holm(p: np.ndarray) -> np.ndarray:
    """p values corrected for as many tests (Holm 1979)."""
    p = np.asarray(p, np.float64)
    order = np.argsort(p)
    out = np.empty_like(p)
    out[order] = np.minimum(np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))), 1.0)
    return out
