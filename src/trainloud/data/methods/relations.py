"""Small formulas that reproduce a number exactly from other columns: sums, differences, affine functions, products.

Found by closed forms on a sample of rows and checked on the values themselves: what is told is the share of rows on
which the formula gives the target to its last digit. Two searches:

- all sums and differences of up to four columns, ranked by the variance that they leave, which needs the covariances
  alone; the best are checked. What is left may be one constant, or one of a few (a surcharge): then it must be far
  fewer values than the target and the grid between them would allow.
- least squares on all columns at once: where it leaves nothing, the columns with an effect are the formula. The same
  in logarithms with powers of one finds products and ratios.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainloud.data.methods.columns import decimals, say

LEAST_ROWS = 50  # complete rows: fewer can be met by chance
SIZE = 4  # columns of a formula at most: one of more is a model, not a leak
CANDIDATES = 16  # columns that sums are tried of: 34,000 sums
SOLVED = 100  # columns of the least squares
CHECKED = 24  # best sums that are checked on the values
EXACT = 0.99  # share of rows to the last digit; a few may be mended by hand
RARE = 0.05  # what may be missing of that share, each different value of the target counted once
AMOUNTS = 16  # constants that may be left over ...
COVERED = 0.95  # ... in this share of the rows,
SPREAD = 0.5  # where as many values of the target itself hold at most this share,
OCCUPIED = 0.1  # and are at most this share of the grid between the smallest and the largest of them
ROUNDING = 0.01  # of the target's standard deviation: coarser digits could be met by a good model, not a formula
HUGE = 1e100  # numbers beyond, whose squares overflow, are in no formula
NOTHING_LEFT = 1e-6  # of the target's standard deviation: float32 keeps 7 digits


@dataclass(frozen=True)
class Relation:
    """The target as a formula of a few columns."""

    columns: tuple[str, ...]
    formula: str
    """ "casual + registered"."""
    share: float
    """Rows of the sample that it gives to the last digit."""
    rows: int
    """Rows of the sample."""
    amounts: int = 1
    """Constants of which one is added: 1 where the formula is exact by itself."""


def relations(names: Sequence[str], x: np.ndarray, y: np.ndarray) -> list[Relation]:
    """Formulas of the target `y` (m,) in the columns `x` (m, k), NaN for missing, the surest and shortest first."""
    names, x, y = _complete(names, x, y)
    if len(y) < LEAST_ROWS or not len(names) or np.ptp(y) == 0:
        return []
    found = [*_sums(names, x, y), *_linear(names, x, y), *_products(names, x, y)]
    best: dict[frozenset[str], Relation] = {}
    for r in sorted(found, key=lambda r: (r.amounts, len(r.columns), -r.share)):
        if not any(known <= set(r.columns) or known >= set(r.columns) for known in best):
            best[frozenset(r.columns)] = r
    return list(best.values())


def _complete(names: Sequence[str], x: np.ndarray, y: np.ndarray) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Columns that are mostly there and vary, on the rows where all of them are."""
    rows = np.isfinite(y)
    x, y = x[rows], y[rows]
    there = np.isfinite(x)
    kept = [i for i in range(x.shape[1]) if there[:, i].mean() > 0.5]
    whole = there[:, kept].all(axis=1)
    x, y = x[whole][:, kept], y[whole]
    huge = len(y) and float(np.abs(y).max()) > HUGE
    varies = [i for i in range(len(kept)) if len(x) and not huge and float(np.abs(x[:, i]).max()) <= HUGE]
    varies = [i for i in varies if np.ptp(x[:, i]) > 0]
    return [names[kept[i]] for i in varies], x[:, varies], y


def _sums(names: list[str], x: np.ndarray, y: np.ndarray) -> list[Relation]:
    chosen = _candidates(x, y, CANDIDATES)
    x = x[:, chosen]
    spread = x - x.mean(axis=0)
    target = y - y.mean()
    weights = _signs(len(chosen))
    left = target @ target - 2 * weights @ (spread.T @ target) + ((weights @ (spread.T @ spread)) * weights).sum(axis=1)
    order = np.lexsort((np.abs(weights).sum(axis=1), np.maximum(left, 0)))
    found = []
    for i in order[:CHECKED]:
        if left[i] > 0.25 * target @ target:  # a sum that leaves more is no account of the target
            break
        told = _told(y - x @ weights[i], y)
        if told is not None:
            share, amounts, constant = told
            terms = np.argsort(-weights[i], kind="stable")  # what is added comes first
            terms = terms[weights[i][terms] != 0]
            used = [names[chosen[j]] for j in terms]
            formula = _sum_words(used, weights[i][terms], constant if amounts == 1 else 0.0)
            found.append(Relation(tuple(used), formula, share, len(y), amounts))
    return found


def _told(left: np.ndarray, y: np.ndarray) -> tuple[float, int, float] | None:
    """(share of rows, number of constants, the most frequent) of what a sum leaves; None where it is no constant."""
    scale = max(float(np.abs(y).max()), float(np.abs(left).max()), 1e-300)
    places = decimals(y)
    digits = int(9 - np.ceil(np.log10(scale))) if places is None else min(places, int(12 - np.ceil(np.log10(scale))))
    rounded = np.round(left, max(digits, 0)) + 0.0  # + 0.0: no -0
    values, counts = np.unique(rounded, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:AMOUNTS]
    if _everywhere(rounded == values[order[0]], y):
        return float(counts[order[0]] / len(y)), 1, float(values[order[0]])
    needed = int(np.searchsorted(np.cumsum(counts[order]), COVERED * len(y))) + 1
    if needed > len(order) or places is None:
        return None
    own = np.sort(np.unique(y, return_counts=True)[1])[::-1]
    used = values[order[:needed]]
    grid = np.ptp(used) * 10**places + 1
    if own[:needed].sum() > SPREAD * len(y) or needed > OCCUPIED * grid:
        return None
    return float(counts[order[:needed]].sum() / len(y)), needed, float(values[order[0]])


def _linear(names: list[str], x: np.ndarray, y: np.ndarray) -> list[Relation]:
    chosen = _independent(x, _candidates(x, y, min(SOLVED, len(y) // 4)))
    if not chosen:
        return []
    tolerance = _tolerance(y)
    z = (x[:, chosen] - x[:, chosen].mean(axis=0)) / x[:, chosen].std(axis=0)
    effect, *_ = np.linalg.lstsq(z, y - y.mean(), rcond=None)
    if np.quantile(np.abs(y - y.mean() - z @ effect), EXACT) > 2 * tolerance:
        return []
    used = [chosen[i] for i in np.flatnonzero(np.abs(effect) > 1e-3 * y.std())]
    if not 0 < len(used) <= SIZE:
        return []
    design = np.column_stack([x[:, used], np.ones(len(y))])
    scale = np.abs(design).max(axis=0)
    weights = np.linalg.lstsq(design / scale, y, rcond=None)[0] / scale
    met = np.abs(y - design @ weights) <= tolerance
    if not _everywhere(met, y):
        return []
    formula = _sum_words([names[i] for i in used], weights[:-1], weights[-1] if abs(weights[-1]) > tolerance else 0.0)
    return [Relation(tuple(names[i] for i in used), formula, float(met.mean()), len(y))]


def _products(names: list[str], x: np.ndarray, y: np.ndarray) -> list[Relation]:
    positive = [i for i in range(x.shape[1]) if (x[:, i] > 0).all()]
    if not positive or not (y > 0).all():
        return []
    logs, target = np.log(x[:, positive]), np.log(y)
    chosen = _candidates(logs, target, CANDIDATES)
    spread = logs[:, chosen] - logs[:, chosen].mean(axis=0)
    target = target - target.mean()
    weights = _signs(len(chosen), 3)
    left = target @ target - 2 * weights @ (spread.T @ target) + ((weights @ (spread.T @ spread)) * weights).sum(axis=1)
    tolerance = np.maximum(_tolerance(y), NOTHING_LEFT * y)
    for i in np.lexsort((np.abs(weights).sum(axis=1), np.maximum(left, 0)))[:3]:
        product = np.exp(np.log(x[:, positive][:, chosen]) @ weights[i])
        factor = float(np.median(y / product))
        met = np.abs(y - factor * product) <= tolerance
        if _everywhere(met, y):
            used = [names[positive[chosen[j]]] for j in np.flatnonzero(weights[i])]
            signs = weights[i][weights[i] != 0]
            return [Relation(tuple(used), _product_words(used, signs, factor), float(met.mean()), len(y))]
    return []


def _everywhere(met: np.ndarray, y: np.ndarray, share: float = EXACT) -> bool:
    """Is it met in this share of the rows, and for rare values of the target too? Two rates that are 0 and 1 most of
    the time agree in most rows and are yet two things."""
    if met.mean() < share:
        return False
    _, which, counts = np.unique(y, return_inverse=True, return_counts=True)
    return float((np.bincount(which, met) / counts).mean()) >= share - RARE


def _tolerance(y: np.ndarray) -> float:
    """How far a formula may miss: half a unit of the target's last digit, if that is fine enough."""
    spread = float(y.std())
    places = decimals(y)
    half = 0.6 * 10.0**-places if places is not None else 0.0  # the formula's own numbers are found to a few digits
    return max(NOTHING_LEFT * spread, half if half <= ROUNDING * spread else 0.0)


def _candidates(x: np.ndarray, y: np.ndarray, limit: int) -> list[int]:
    """The columns that matter most in a joint linear fit, in order of the table."""
    if x.shape[1] <= limit:
        return list(range(x.shape[1]))
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    alone = np.abs(z.T @ (y - y.mean()))
    first = np.sort(np.argsort(-alone, kind="stable")[: max(limit, min(4 * limit, len(y) // 4))])
    z = z[:, first]
    gram = z.T @ z + 1e-6 * len(y) * np.eye(len(first))
    joint = np.abs(np.linalg.solve(gram, z.T @ (y - y.mean())))
    return sorted(int(first[i]) for i in np.argsort(-joint, kind="stable")[:limit])


def _independent(x: np.ndarray, chosen: list[int]) -> list[int]:
    """The columns that are no linear combination of those before them (Gram-Schmidt)."""
    basis = np.zeros((len(x), 0))
    kept = []
    for i in chosen:
        column = x[:, i] - x[:, i].mean()
        length = float(np.linalg.norm(column))
        for _ in range(2):  # twice is enough (Giraud et al. 2005)
            column = column - basis @ (basis.T @ column)
        rest = float(np.linalg.norm(column))
        if rest > 1e-9 * length:
            kept.append(i)
            basis = np.column_stack([basis, column / rest])
    return kept


def _signs(columns: int, size: int = SIZE) -> np.ndarray:
    """(sums, columns) of all sums and differences of up to `size` columns: -1, 0, 1."""
    rows = []
    for k in range(1, min(size, columns) + 1):
        places = np.array(list(itertools.combinations(range(columns), k)))
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=k)))
        block = np.zeros((len(places), len(signs), columns))
        block[np.arange(len(places))[:, None, None], np.arange(len(signs))[:, None], places[:, None, :]] = signs
        rows.append(block.reshape(-1, columns))
    return np.concatenate(rows)


def _sum_words(names: Sequence[str], weights: np.ndarray, constant: float) -> str:
    """ "total - tip - tolls", positive terms first."""
    terms = [(w, f"{'' if abs(w) == 1 else f'{abs(w):.6g} × '}{n}") for n, w in zip(names, weights, strict=True)]
    if constant:
        terms.append((constant, say(abs(constant))))
    ordered = [t for t in terms if t[0] > 0] + [t for t in terms if t[0] < 0]
    words = "".join(f" {'+' if w > 0 else '-'} {t}" for w, t in ordered)
    return words[3:] if ordered[0][0] > 0 else f"-{words[3:]}"


def _product_words(names: Sequence[str], signs: np.ndarray, factor: float) -> str:
    above = [n for n, s in zip(names, signs, strict=True) if s > 0]
    below = [n for n, s in zip(names, signs, strict=True) if s < 0]
    if abs(factor - 1) > 1e-6 or not above:
        above.insert(0, f"{factor:.6g}")
    return " / ".join([" × ".join(above), *below])
