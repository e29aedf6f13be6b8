"""Texts that are alike: shared runs of letters, found by hashing instead of comparing all with all.

A text is the set of its shingles: all runs of SIZE bytes of its plain form (lower case, one space for what is no
word). Two texts are as alike as their sets overlap (Jaccard: shared over all). Candidates come from MinHash in one
permutation, cut into bands; every candidate is then compared exactly. Cost and memory grow with the number of texts
times its logarithm, not with its square.

Sources: Broder 1997, "On the resemblance and containment of documents"; Li, Owen, Zhang 2012, "One permutation
hashing"; Shrivastava and Li 2014, "Densifying one permutation hashing via rotation"; Leskovec, Rajaraman, Ullman,
"Mining of Massive Datasets", section 3.4 for the bands.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from trainloud.data.methods.spans import blocks, eight, flat, mix, plain

SIZES = (5, 9, 17)  # bytes; the first with which two random texts have next to nothing in common
BANDS, PER_BAND = 16, 4  # finds 99 % of the pairs that are alike to .7, 99.98 % at .8
BINS = BANDS * PER_BAND
SHORTEST = 32  # shingles; below, two texts are alike by chance, and few shingles make a coarse measure
RANDOM_PAIRS = 2000
CHANCE_QUANTILE = 0.99
CHANCE_MOST = 0.3  # of Jaccard: random pairs above are made from one mould
PAIRS_MOST = 400_000  # candidates that are compared
BYTES_A_ROW = 3 * 8 * BANDS  # of band keys, with room for sorting them

_EMPTY = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True)
class Alike:
    """What comparing gave."""

    first: np.ndarray
    """(p,) int64 rows; the earlier of each pair."""
    second: np.ndarray
    similarity: np.ndarray
    """(p,) float64, Jaccard of the two sets of shingles."""
    size: int
    """Bytes a shingle; 0 where no size tells random texts apart."""
    chance: float
    """Similarity that one random pair in a hundred exceeds."""
    compared: int
    """Texts that were long enough to compare."""
    candidates: int
    """Pairs that shared a band; at most PAIRS_MOST of them were compared, those with the most bands first."""


def alike(texts: pa.ChunkedArray, rows: np.ndarray, least: float, seed: int = 0) -> Alike:
    """Pairs of the texts of `rows` (ascending) whose similarity is at least `least`."""
    chosen = texts.take(pa.array(rows)) if len(rows) < len(texts) else texts
    size, chance = _size(chosen, seed)
    nothing: np.ndarray = np.zeros(0, np.int64)
    if not size:
        return Alike(nothing, nothing, np.zeros(0), 0, chance, 0, 0)
    keys, long = _keys(chosen, size)
    a, b, candidates = _candidates(keys, long)
    del keys
    similarity = jaccard(chosen, a, b, size)
    keep = similarity >= least
    return Alike(rows[a[keep]], rows[b[keep]], similarity[keep], size, chance, len(long), candidates)


def groups(first: np.ndarray, second: np.ndarray) -> list[np.ndarray]:
    """Rows that are linked by pairs, directly or over others: ascending rows of each group, largest group first."""
    nodes, numbers = np.unique(np.concatenate([first, second]), return_inverse=True)
    a, b = numbers[: len(first)], numbers[len(first) :]
    root = np.arange(len(nodes))
    while True:
        before = root.copy()
        low = np.minimum(root[a], root[b])
        np.minimum.at(root, root[a], low)
        np.minimum.at(root, root[b], low)
        root = root[root]
        if (root == before).all():
            break
    order = np.argsort(root, kind="stable")
    cuts: np.ndarray = np.flatnonzero(np.diff(root[order])) + 1
    found = [nodes[g] for g in np.split(order, cuts)] if len(order) else []
    return sorted(found, key=lambda g: (-len(g), int(g[0])))


def _size(texts: pa.ChunkedArray, seed: int) -> tuple[int, float]:
    """The shingle size to compare with, 0 for none, and how alike one random pair in a hundred is."""
    rng = np.random.default_rng(seed)
    if len(texts) < 2:
        return SIZES[0], 0.0
    a = rng.integers(0, len(texts), RANDOM_PAIRS)
    b = (a + rng.integers(1, len(texts), RANDOM_PAIRS)) % len(texts)
    chance = 1.0
    for size in SIZES:
        chance = float(np.quantile(jaccard(texts, a, b, size), CHANCE_QUANTILE))
        if chance <= CHANCE_MOST:
            return size, chance
    return 0, chance


def shingle_hashes(data: np.ndarray, offsets: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Hash of every shingle of each text in order, and where each text's begin: (s,) uint64 and (n + 1,) int64."""
    number = np.maximum(np.diff(offsets) - size + 1, 0)
    at = np.concatenate([[0], np.cumsum(number)])
    where = np.arange(at[-1]) + np.repeat(offsets[:-1] - at[:-1], number)
    loaded = eight(data)
    hashed: np.ndarray = np.zeros(len(where), np.uint64)
    for start in range(0, size, 8):
        mask = np.uint64((1 << 8 * min(8, size - start)) - 1)
        hashed = mix(hashed + (loaded[where + start] & mask))
    return hashed, at


def _keys(texts: pa.ChunkedArray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(m, BANDS) uint64 keys of the texts that are long enough, and the number of each such text."""
    keys: list[np.ndarray] = []
    long: list[np.ndarray] = []
    for first, part in blocks(texts, 4 << 20):
        hashed, at = shingle_hashes(*plain(*flat(part)), size)
        number = np.diff(at)
        enough = np.flatnonzero(number >= SHORTEST)
        owner: np.ndarray = np.repeat(np.arange(len(part)), number)
        least = np.full(len(part) * BINS, _EMPTY)
        # The upper six bits choose the bin, the lower 32 are the value whose least is kept.
        np.minimum.at(least, owner * BINS + (hashed >> np.uint64(58)).astype(np.int64), hashed.astype(np.uint32))
        keys.append(_banded(_densified(least.reshape(-1, BINS)[enough])))
        long.append(first + enough)
    return np.concatenate(keys), np.concatenate(long)


def _densified(least: np.ndarray) -> np.ndarray:
    """Empty bins take the value of the next filled one, around the end."""
    for step in (1, 2, 4, 8, 16, 32):
        least = np.where(least == _EMPTY, np.roll(least, -step, axis=1), least)
    return least


def _banded(least: np.ndarray) -> np.ndarray:
    """(m, BANDS) uint64: one key for the values of each band. Bins lie far apart in a band, as neighbours may hold one
    value."""
    four: np.ndarray = least.reshape(-1, PER_BAND, BANDS).astype(np.uint64)
    key: np.ndarray = np.zeros((len(least), BANDS), np.uint64)
    for i in range(PER_BAND):
        key = mix(key + four[:, i])
    return key


def _candidates(keys: np.ndarray, long: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Numbers of texts that share a key in any band, each pair once, and how many pairs there were."""
    n = len(long)
    found: np.ndarray = np.zeros(0, np.int64)
    times: np.ndarray = np.zeros(0, np.int64)
    for band in range(BANDS):
        order = np.argsort(keys[:, band], kind="stable")
        sorted_keys = keys[order, band]
        pairs = []
        for step in (1, 2):  # all pairs of a run would be quadratic; other bands link others
            equal = np.flatnonzero(sorted_keys[step:] == sorted_keys[:-step])
            a, b = order[equal], order[equal + step]
            pairs.append(np.minimum(a, b) * n + np.maximum(a, b))
        codes, number = np.unique(np.concatenate(pairs), return_counts=True)
        merged, inverse = np.unique(np.concatenate([found, codes]), return_inverse=True)
        times = np.bincount(inverse, np.concatenate([times, number]), minlength=len(merged)).astype(np.int64)
        found = merged
    total = len(found)
    if total > PAIRS_MOST:
        found = np.sort(found[np.argsort(-times, kind="stable")[:PAIRS_MOST]])
    return long[found // n], long[found % n], total


def jaccard(texts: pa.ChunkedArray, a: np.ndarray, b: np.ndarray, size: int, step: int = 4096) -> np.ndarray:
    """(p,) exact similarity of the texts numbered a and b; 0 where either has no shingle."""
    out = np.zeros(len(a))
    for first in range(0, len(a), step):
        out[first : first + step] = _jaccard(texts, a[first : first + step], b[first : first + step], size)
    return out


def _jaccard(texts: pa.ChunkedArray, a: np.ndarray, b: np.ndarray, size: int) -> np.ndarray:
    used, numbers = np.unique(np.concatenate([a, b]), return_inverse=True)
    hashes, owners = [], []
    for first, part in blocks(texts.take(pa.array(used)), 4 << 20):
        hashed, at = shingle_hashes(*plain(*flat(part)), size)
        owner: np.ndarray = np.repeat(np.arange(first, first + len(part)), np.diff(at))
        order = np.lexsort((hashed, owner))
        hashed, owner = hashed[order], owner[order]
        new: np.ndarray = np.ones(len(hashed), bool)
        new[1:] = (hashed[1:] != hashed[:-1]) | (owner[1:] != owner[:-1])
        hashes.append(hashed[new])
        owners.append(owner[new])
    sets, owner = np.concatenate(hashes), np.concatenate(owners)
    begin = np.asarray(np.searchsorted(owner, np.arange(len(used) + 1)))
    sizes = np.diff(begin)
    left, right = numbers[: len(a)], numbers[len(a) :]
    pair = np.concatenate([np.repeat(np.arange(len(a)), sizes[left]), np.repeat(np.arange(len(a)), sizes[right])])
    ends = np.concatenate([sizes[left], sizes[right]])
    where = np.arange(int(ends.sum())) + np.repeat(
        np.concatenate([begin[left], begin[right]]) - np.cumsum(ends) + ends, ends
    )
    order = np.lexsort((sets[where], pair))
    value, pair = sets[where][order], pair[order]
    twice = (value[1:] == value[:-1]) & (pair[1:] == pair[:-1])
    shared = np.bincount(pair[1:][twice], minlength=len(a))
    union = sizes[left] + sizes[right] - shared
    return np.where(union > 0, shared / np.maximum(union, 1), 0.0)
