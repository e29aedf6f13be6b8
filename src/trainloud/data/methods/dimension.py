"""How many directions data varies in."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from trainloud.data.survey import SEED

TRIMMED = 0.1  # share of the largest ratios left out of the fit, as the authors do: outliers stand there
HALVINGS = (1, 2, 4, 8)  # decimation: the estimate on all rows, on a half, a quarter, an eighth
FEWEST = 100  # rows that an estimate takes
REPEATS = 200  # of the bootstrap
CANDIDATES = 6  # nearest rows by quick distances, of which the two nearest are taken
STEADY = 0.2  # relative change from one density to the next up to which an estimate is taken to stay


@dataclass(frozen=True)
class Dimension:
    """Intrinsic dimension at one density of rows."""

    rows: int
    value: float
    low: float
    high: float
    """95 % interval."""


def neighbour_ratio(x: np.ndarray) -> np.ndarray:
    """(m,) distance to the second nearest other row by that to the nearest; rows that repeat another are left out."""
    x = np.unique(np.asarray(x, np.float32), axis=0)
    squares = np.einsum("ij,ij->i", x, x)
    ratio = np.empty(len(x))
    step = max(1, (64 << 20) // (4 * len(x)))
    for a in range(0, len(x), step):
        part = slice(a, a + step)
        distance = squares[part, None] + squares[None] - 2 * (x[part] @ x.T)
        distance[np.arange(distance.shape[0]), np.arange(a, a + distance.shape[0])] = np.inf
        near = np.argpartition(distance, CANDIDATES, axis=1)[:, :CANDIDATES]
        # Differences of large squares lose digits, so that the nearest few are measured again.
        exact = np.stack([np.square(x[part] - x[near[:, c]]).sum(axis=1, dtype=np.float64) for c in range(CANDIDATES)])
        exact.sort(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio[part] = np.sqrt(exact[1] / exact[0])
    return ratio[np.isfinite(ratio)]


def two_nearest(x: np.ndarray) -> list[Dimension]:
    """Intrinsic dimension of the rows of (n, d) by TwoNN, on all rows and on ever fewer of them.

    The ratio of the distances to the two nearest neighbours follows a Pareto law whose exponent is the dimension
    (Facco, d'Errico, Rodriguez, Laio 2017, "Estimating the intrinsic dimension of datasets by a minimal neighborhood
    information", Scientific Reports 7, equation 6). An estimate that falls with fewer rows sees noise at the finest
    scale; the one that stays is the dimension (section "Estimating a scale-dependent intrinsic dimension").
    """
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(x))
    found = []
    for part in HALVINGS:
        rows = order[: len(x) // part]
        if len(rows) < FEWEST:
            break
        ratio = neighbour_ratio(x[rows])
        if len(ratio) < FEWEST // 2:
            break
        value = _exponent(ratio)
        draws = [_exponent(ratio[rng.integers(0, len(ratio), len(ratio))]) for _ in range(REPEATS)]
        found.append(Dimension(len(rows), value, *ends_of(draws)))
    return found


def ends_of(draws: Sequence[float]) -> tuple[float, float]:
    """The middle 95 % of the draws of a bootstrap."""
    return float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975))


def steady(found: list[Dimension]) -> tuple[float, float, float]:
    """The estimate that stays when the rows become fewer, and the ends of its interval and of the next one's: noise at
    the finest scale is left behind. The last estimate where none stays."""
    for at, after in pairwise(found):
        if abs(after.value - at.value) <= STEADY * at.value:
            return at.value, min(at.low, after.low), max(at.high, after.high)
    return found[-1].value, found[-1].low, found[-1].high


def _exponent(ratio: np.ndarray) -> float:
    """Slope through the origin of -log(1 - F) over log(ratio), the largest ratios left out."""
    log = np.log(np.sort(ratio))
    kept = max(int(len(log) * (1 - TRIMMED)), 2)
    level = -np.log(1 - np.arange(1, kept + 1) / len(log))
    return float(level @ log[:kept] / max(float(log[:kept] @ log[:kept]), 1e-12))


def participation(x: np.ndarray) -> tuple[float, np.ndarray]:
    """(sum of eigenvalues)^2 / sum of their squares of the covariance of (n, d): how many directions of equal variance
    would spread as much; and the eigenvalues, largest first."""
    x = np.asarray(x, np.float32) - np.mean(x, axis=0, dtype=np.float64).astype(np.float32)
    gram = (x @ x.T if len(x) < x.shape[1] else x.T @ x).astype(np.float64) / max(len(x) - 1, 1)
    values = np.maximum(np.linalg.eigvalsh(gram)[::-1], 0)
    total = values.sum()
    return float(total * total / max(float((values * values).sum()), 1e-300)), values


def between(x: np.ndarray, codes: np.ndarray, classes: int) -> float:
    """Share of the variance of (n, d) that lies between the classes, corrected for their number (epsilon squared,
    Kelley 1935): 0 is expected where classes mean nothing."""
    x = np.asarray(x, np.float64)
    x = x - x.mean(axis=0)
    total = float(np.square(x).sum())
    counts = np.bincount(codes, minlength=classes)
    sums = np.zeros((classes, x.shape[1]))
    np.add.at(sums, codes, x)
    explained = float((np.square(sums).sum(axis=1) / np.maximum(counts, 1)).sum())
    used, n = int((counts > 0).sum()), len(x)
    if not total > 0 or n <= used:
        return 0.0
    return max((explained - (used - 1) * (total - explained) / (n - used)) / total, 0.0)
