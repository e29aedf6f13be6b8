"""Ridge regression in closed form, every row predicted by a fit that has not seen its fold."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

START = 1000.0  # penalty that the search begins at: near the best for a few thousand standardised rows
FACTOR = 3.16  # between penalties: the error is flat to about that much around its minimum
LEAST, MOST = 0.1, 1e6  # penalties tried at most: below, single precision is what is fitted
ENOUGH = 2000  # rows whose error chooses the penalty
SMALLEST = 1e-6  # of the largest deviation: a column below is constant


@dataclass(frozen=True)
class Fit:
    """What cross-fitting gave."""

    predicted: np.ndarray
    """(n, k) float32: the prediction of each row by the fit without its fold."""
    penalty: float
    weights: tuple[np.ndarray, ...]
    """One (d, k) float32 a fold, fitted without it."""
    middle: np.ndarray
    """(k,) what a row of zeros is predicted."""


def standardised(x: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and deviation 1, float32; constant columns become 0. NaN counts as the column's mean."""
    x = np.array(x, np.float32)
    bad = ~np.isfinite(x)
    if bad.any():
        x[bad] = np.nan
        mean = np.nan_to_num(np.nanmean(np.where(bad.all(axis=0), 0, x), axis=0))
        np.copyto(x, np.broadcast_to(mean, x.shape), where=bad)
    x -= x.mean(axis=0)
    deviation = x.std(axis=0)
    x /= np.where(deviation > SMALLEST * max(float(deviation.max(initial=0)), 1e-30), deviation, np.inf)
    return x


def cross_fitted(x: np.ndarray, y: np.ndarray, folds: np.ndarray, weight: np.ndarray | None = None) -> Fit:
    """Predict every row of `y` (n, k) from the standardised `x` (n, d), fitted on the other folds.

    The penalty is the one with the smallest squared error on held-out folds, searched downhill by factors of
    `FACTOR`. Folds are numbered from 0. Solved in the primal for d <= n, in the dual otherwise: O(n d min(n, d)).
    """
    order = np.argsort(folds, kind="stable")
    cuts = np.concatenate([[0], np.cumsum(np.bincount(folds))])
    x = np.ascontiguousarray(x[order], np.float32)
    root = np.ones((len(x), 1), np.float32) if weight is None else np.sqrt(weight[order, None], dtype=np.float32)
    y = np.asarray(y[order], np.float32)
    middle = (y * root**2).sum(axis=0) / (root**2).sum()
    y = y - middle
    solve = (_Primal if x.shape[1] <= len(x) else _Dual)(x, y, root, cuts)
    penalty = _downhill(lambda p: _error(solve, y, root, cuts, p))
    weights = tuple(solve.without(k, penalty) for k in range(len(cuts) - 1))
    predicted = np.empty_like(y)
    for k, w in enumerate(weights):
        predicted[order[cuts[k] : cuts[k + 1]]] = x[cuts[k] : cuts[k + 1]] @ w + middle
    return Fit(predicted, penalty, weights, middle)


class _Primal:
    """Normal equations of all rows less those of one fold."""

    def __init__(self, x: np.ndarray, y: np.ndarray, root: np.ndarray, cuts: np.ndarray):
        self.x = x
        parts = [(x[a:b] * root[a:b], y[a:b] * root[a:b]) for a, b in pairwise(cuts.tolist())]
        self.grams = [p.T @ p for p, _ in parts]
        self.rights = [p.T @ q for p, q in parts]
        self.gram = np.sum(self.grams, axis=0, dtype=np.float32)
        self.right = np.sum(self.rights, axis=0, dtype=np.float32)

    def without(self, fold: int, penalty: float) -> np.ndarray:
        gram = self.gram - self.grams[fold]
        gram.flat[:: len(gram) + 1] += np.float32(penalty)
        return np.linalg.solve(gram, self.right - self.rights[fold])


class _Dual:
    """The same through the products of rows, for fewer rows than columns."""

    def __init__(self, x: np.ndarray, y: np.ndarray, root: np.ndarray, cuts: np.ndarray):
        self.x = x * root
        self.y = y * root
        self.products = self.x @ self.x.T
        self.cuts = cuts

    def without(self, fold: int, penalty: float) -> np.ndarray:
        keep = np.r_[0 : self.cuts[fold], self.cuts[fold + 1] : len(self.x)]
        gram = self.products[np.ix_(keep, keep)]
        gram.flat[:: len(gram) + 1] += np.float32(penalty)
        return self.x[keep].T @ np.linalg.solve(gram, self.y[keep])


def _error(solve: "_Primal | _Dual", y: np.ndarray, root: np.ndarray, cuts: np.ndarray, penalty: float) -> float:
    """Mean squared error on the first folds that hold enough rows together."""
    total, rows = 0.0, 0
    for k in range(len(cuts) - 1):
        part = slice(cuts[k], cuts[k + 1])
        x = solve.x[part] / (1 if isinstance(solve, _Primal) else root[part])
        error = (x @ solve.without(k, penalty) - y[part]) * root[part]
        total += float(np.square(error, dtype=np.float64).sum())
        rows += int(cuts[k + 1] - cuts[k])
        if rows >= ENOUGH:
            break
    return total / max(rows, 1)


def _downhill(error: Callable[[float], float]) -> float:
    """The penalty at the bottom, from START by factors."""
    best, lowest = START, error(START)
    for step in (FACTOR, 1 / FACTOR):
        at = START * step
        moved = False
        while LEAST <= at <= MOST:
            value = error(at)
            if not value < lowest:
                break
            best, lowest, moved = at, value, True
            at *= step
        if moved:
            break
    return best
