"""Numbers that may stand for "missing": they lie far outside all others, and often.

Only suspected: they stay values, for a number far out may be what was measured.
"""

import numpy as np

FEWEST = 3  # cells of a known sentinel ...
FEWEST_UNKNOWN = 10  # ... and of any other number, below which it is an outlier rather than a mark ...
SHARE_UNKNOWN = 1e-3  # ... with at least this share of the cells
FAR = 1.0  # gap to the nearest other value, in widths of all the others, of a known sentinel
FAR_UNKNOWN = 10.0  # the same of any other number
OTHERS = 5  # different other values, below which nothing can be said of where they lie
MINUS_ONE_OTHERS = 20  # different other values, none negative, beside which a frequent -1 stands out
MINUS_ONE_SPIKE = 5.0  # times the most frequent of its three nearest values
KNOWN = frozenset(
    float(v)
    for v in [-1, -9, -99, -999, -9999, -99999, -999999, -8, -88, -888, -8888, -200, -32768, -2147483648]
    + [9, 99, 999, 9999, 99999, 999999, 9999999, 88, 888, 8888, 32767, 65535, 2147483647, 4294967295]
    + [-9.99, -99.9, -999.9, -999.99, -9999.99, 99.9, 99.99, 999.9, 999.99, 9999.99, 1e20, 1e30, -1e20, -1e30]
)
AT_MOST = 3  # sentinels of one column


def sentinels(values: np.ndarray, counts: np.ndarray | None = None) -> dict[str, int]:
    """Number as text -> cells, of the numbers that look like marks of missing values.

    `values` are the column's numbers, NaN for missing: one a cell, or, with `counts`, one a word.
    """
    finite = np.isfinite(values)
    if not finite.all():
        values, counts = values[finite], counts if counts is None else counts[finite]
    if len(values) <= OTHERS:
        return {}
    found: dict[float, int] = {}
    total = len(values) if counts is None else int(counts.sum())
    while len(found) < AT_MOST:
        low, high = float(values.min()), float(values.max())
        if low == high:
            break
        told = [(v, n) for v in (low, high) if (n := _told(v, values, counts, total))]
        if not told:
            break
        value, cells = max(told, key=lambda t: abs(t[0]))
        found[value] = cells
        rest = values != value
        values, counts = values[rest], counts if counts is None else counts[rest]
    return {f"{v:.15g}": n for v, n in found.items()}


def _told(value: float, values: np.ndarray, counts: np.ndarray | None, total: int) -> int:
    """Cells of this extreme value if it looks like a mark, else 0."""
    own = values == value
    cells = int(own.sum() if counts is None else counts[own].sum())
    if cells < FEWEST:
        return 0
    others = values[~own]
    # Known marks at the other end do not make the others wide.
    ends = [e for e in (others.min(), others.max()) if e in KNOWN]
    inner = others[~np.isin(others, ends)] if ends else others
    if len(inner) < OTHERS:
        return 0
    low, high = float(inner.min()), float(inner.max())
    gap = low - value if value < low else value - high
    width = high - low
    if gap <= 0 or not _varied(inner, OTHERS):
        return 0
    if value in KNOWN and gap > FAR * width:
        return cells
    if gap > FAR_UNKNOWN * width and cells >= max(FEWEST_UNKNOWN, SHARE_UNKNOWN * total):
        return cells
    return cells if value == -1 and low >= 0 and _spike(cells, values, counts) else 0


def _spike(cells: int, values: np.ndarray, counts: np.ndarray | None) -> bool:
    """Whether -1 is far more frequent than the numbers beside it, all of them 0 or above."""
    if cells < FEWEST_UNKNOWN:
        return False
    inner = values != -1
    others, inverse = np.unique(values[inner], return_inverse=True)
    if len(others) < MINUS_ONE_OTHERS:
        return False
    weights = None if counts is None else counts[inner]
    often = np.bincount(inverse, weights, minlength=len(others))[:3]
    return bool(cells >= MINUS_ONE_SPIKE * often.max())


def _varied(values: np.ndarray, least: int) -> bool:
    head = values[:1000]
    return len(np.unique(head)) >= least or len(np.unique(values)) >= least
