"""The nearest rows of many vectors by cosine: exact for a few, with inverted lists for many.

Inverted lists: Jegou, Douze, Schmid 2011, "Product Quantization for Nearest Neighbor Search", section IV (the coarse
quantiser alone); their centroids by spherical k-means (Dhillon and Modha 2001). With 2 sqrt(n) lists of which 16 are
visited, cost grows as n**1.5 at most; lists are visited one after the other with dense products, so that numpy is as
fast as a library.
"""

from collections.abc import Iterator

import numpy as np

from trainloud.data.survey import SEED

EXACT_BELOW = 16_000  # rows up to which comparing all with all is as cheap
PROBES = 16  # lists that are visited; loses about 2 in 100 of the neighbours of real pictures
LISTS = 2.0  # times the square root of the rows
ROUNDS = 5  # of k-means; more move the lists no longer
FITTED = 24  # rows a list that k-means sees
BLOCK = 1024  # queries compared at a time
PORTION = 1 << 18  # queries whose lists are held at a time
FEW = 8  # up to which repeated argmax is faster than a partition

Found = tuple[np.ndarray, np.ndarray]


def unit(x: np.ndarray) -> np.ndarray:
    """Rows to length 1, float32; rows of zeros stay."""
    x = np.asarray(x, np.float32)
    return x / (np.linalg.norm(x, axis=1, keepdims=True) + np.float32(1e-12))


def nearest(
    x: np.ndarray, queries: np.ndarray | None = None, k: int = 4, skip_same: bool = True, probes: int = PROBES
) -> Found:
    """The k rows of x with the largest cosine to each query (default: to each row of x).

    x (n, d) and queries (q, d) have rows of length 1, float32 or float16 (half the memory; a product is off by about
    0.001), memory maps too. `skip_same`: query i never meets row i. Gives ids (q, k) int32, -1 where there are no more,
    and cosines (q, k) float32, largest first. Beyond x, queries and the result it holds 100 MB at most for d = 192.
    """
    queries = x if queries is None else queries
    k = min(k, len(x))
    ids: np.ndarray = np.full((len(queries), k), -1, np.int32)
    cosines: np.ndarray = np.full((len(queries), k), -np.inf, np.float32)
    if k:
        search = _exact if len(x) <= EXACT_BELOW else _listed
        search(x, queries, ids, cosines, skip_same, probes)
    ids[cosines == -np.inf] = -1
    return ids, cosines


def largest(values: np.ndarray, k: int) -> Found:
    """Columns (r, k) int32 and values (r, k) of the k largest of each row of (r, c), largest first. Overwrites it."""
    rows = np.arange(len(values))
    if k > FEW and values.shape[1] > k:
        part = np.argpartition(values, values.shape[1] - k, axis=1)[:, -k:].astype(np.int32)
        found = values[rows[:, None], part]
        order = np.argsort(-found, axis=1)
        return np.take_along_axis(part, order, 1), np.take_along_axis(found, order, 1)
    ids: np.ndarray = np.empty((len(values), k), np.int32)
    best_values: np.ndarray = np.empty((len(values), k), np.float32)
    for j in range(k):
        ids[:, j] = best = values.argmax(axis=1)
        best_values[:, j] = values[rows, best]
        values[rows, best] = -np.inf
    return ids, best_values


def _exact(
    x: np.ndarray, queries: np.ndarray, ids: np.ndarray, cosines: np.ndarray, skip_same: bool, probes: int
) -> None:
    """All with all, into ids and cosines."""
    columns = np.asarray(x, np.float32).T
    k = ids.shape[1]
    for at in _steps(len(queries)):
        products = np.asarray(queries[at], np.float32) @ columns
        if skip_same:
            same = np.arange(at.start, min(at.stop, len(x)))
            products[same - at.start, same] = -np.inf
        ids[at], cosines[at] = largest(products, k)


def _listed(
    x: np.ndarray, queries: np.ndarray, ids: np.ndarray, cosines: np.ndarray, skip_same: bool, probes: int
) -> None:
    """Each query with the rows of its nearest lists, into ids and cosines."""
    centroids = _centroids(x)
    home = np.concatenate([(np.asarray(x[at], np.float32) @ centroids.T).argmax(axis=1) for at in _steps(len(x))])
    member = np.argsort(home, kind="stable").astype(np.int32)
    start = np.concatenate(([0], np.cumsum(np.bincount(home, minlength=len(centroids)))))
    probes = min(probes, len(centroids))
    for first in range(0, len(queries), PORTION):
        some = np.asarray(queries[first : first + PORTION])
        visits = np.concatenate(
            [largest(some[at].astype(np.float32) @ centroids.T, probes)[0] for at in _steps(len(some))]
        ).ravel()
        order = np.argsort(visits, kind="stable").astype(np.int32)
        stop = np.concatenate(([0], np.cumsum(np.bincount(visits, minlength=len(centroids)))))
        for c in range(len(centroids)):
            rows, asking = member[start[c] : start[c + 1]], order[stop[c] : stop[c + 1]] // probes
            if len(rows) and len(asking):
                columns = np.asarray(x[rows], np.float32).T
                for at in _steps(len(asking), 4 * BLOCK):
                    _merge(some, columns, rows, asking[at], first, ids, cosines, skip_same)


def _merge(
    some: np.ndarray,
    columns: np.ndarray,
    rows: np.ndarray,
    asking: np.ndarray,
    first: int,
    ids: np.ndarray,
    cosines: np.ndarray,
    skip_same: bool,
) -> None:
    """What one list holds for the queries `first + asking`, into their best so far."""
    products = some[asking].astype(np.float32) @ columns
    k = ids.shape[1]
    own: np.ndarray = asking + first
    if skip_same:
        place = np.minimum(np.searchsorted(rows, own), len(rows) - 1)
        hit = np.flatnonzero(rows[place] == own)
        products[hit, place[hit]] = -np.inf
    found, values = largest(products, min(k, len(rows)))
    both, best = np.concatenate((ids[own], rows[found]), 1), np.concatenate((cosines[own], values), 1)
    order = np.argsort(-best, axis=1, kind="stable")[:, :k]
    ids[own], cosines[own] = np.take_along_axis(both, order, 1), np.take_along_axis(best, order, 1)


def _centroids(x: np.ndarray) -> np.ndarray:
    """(lists, d) float32 rows of length 1."""
    rng = np.random.default_rng(SEED)
    lists = int(LISTS * len(x) ** 0.5)
    picked = np.sort(rng.choice(len(x), min(len(x), FITTED * lists), replace=False))
    sample = np.asarray(x[picked], np.float32)
    centroids = sample[rng.choice(len(sample), lists, replace=False)]
    for _ in range(ROUNDS):
        home = np.concatenate([(sample[at] @ centroids.T).argmax(axis=1) for at in _steps(len(sample))])
        count = np.bincount(home, minlength=lists)
        full = count > 0
        starts = (np.cumsum(count) - count)[full]
        centroids[full] = unit(np.add.reduceat(sample[np.argsort(home, kind="stable")], starts, axis=0))
        centroids[~full] = sample[rng.choice(len(sample), int((~full).sum()))]
    return centroids


def _steps(n: int, step: int = BLOCK) -> Iterator[slice]:
    return (slice(i, min(i + step, n)) for i in range(0, n, step))
