"""Columns of any kind as small whole numbers, and what can be predicted from them out of sample, in numpy alone.

Three layers, each usable by itself:

- bins: `bin_column` turns a column of numbers, times, words or texts into codes 0 .. size-1 (quantile bins, frequent
  words and a rest, missing cells as the last bin); `bins_of` does so for many columns on the same rows. Bins never
  look at the target, so they may be made on all rows.
- one column: `tally_classes` and `tally_number` count the target by fold and bin in one pass; `Tallied` gives the
  out-of-fold prediction, error and explained share from these counts, without a pass over the rows.
- all columns: `additive` fits a ridge regression on the one-hot bins of all columns, cross-fitted. Its Gram matrix is
  made of counts of pairs of bins, so it costs rows x columns^2, not rows x bins^2, and all folds come from one pass.

Cross-fitting (Stone 1974; Chernozhukov et al. 2018, section 1): the rows are cut into folds, and each row is
predicted by a fit on the other folds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trainloud.data.methods.columns import encoded, say, tally
from trainloud.data.survey import SEED, Survey

BINS = 32
"""Bins of a column at most: 32 quantile bins keep 97 % and more of what a smooth column tells."""
EACH = 25  # rows of a bin, where there are fewer rows than for BINS of them
ROWS = 20_000
"""Rows that are looked at by default: the error of an accuracy is then under 0.4 points."""
FOLDS = 5
EDGES_FROM = 100_000  # values that quantiles are taken of; of more, this many at even distances
PENALTY = 10.0  # rows: a bin with 10 rows keeps half of its own effect
SMOOTHING = 1.0  # rows of the overall mean that are added to each bin
WIDEST = 1_536  # bins of all columns of an additive fit together (and at most a third of the rows), ...
MOST = 96  # ... and columns: more are cut to the strongest, so that a fit takes a second at most


@dataclass(frozen=True)
class Binned:
    """One column as codes."""

    codes: np.ndarray
    """(m,) int16, 0 .. size-1."""
    size: int
    """Number of bins, the one of missing cells included."""
    words: tuple[str, ...]
    """What each bin holds: "12 to 15.5", "Private", "31 other values", "missing"."""
    whole: bool
    """No bin holds more than one value: nothing was lost."""


@dataclass(frozen=True)
class Bins:
    """Several columns as codes, on the same rows."""

    rows: np.ndarray
    """(m,) int64: rows of the survey, ascending."""
    names: tuple[str, ...]
    columns: tuple[Binned, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def without(self, names: Sequence[str]) -> "Bins":
        kept = [i for i, name in enumerate(self.names) if name not in set(names)]
        return Bins(self.rows, tuple(self.names[i] for i in kept), tuple(self.columns[i] for i in kept))


# bins ---------------------------------------------------------------------------------------------------------


def bins_of(
    survey: Survey, columns: Sequence[str] | None = None, rows: np.ndarray | None = None, bins: int | None = None
) -> Bins:
    """The columns (default: all without the target) as codes on these rows (default: a sample of ROWS rows, fewer where
    the columns are so many that their codes, 2 bytes a cell, would not fit a quarter of the memory)."""
    columns = survey.columns if columns is None else tuple(columns)
    if rows is None:
        rows = survey.sample(min(ROWS, survey.limits.rows(2 * len(columns))))
    return Bins(rows, columns, tuple(bin_column(survey, c, rows, bins) for c in columns))


def bins_for(rows: int) -> int:
    """As many bins as so many rows can fill: BINS from 800 rows on, 4 for 100 and fewer."""
    return min(BINS, max(4, rows // EACH))


def bin_column(survey: Survey, column: str, rows: np.ndarray | None = None, bins: int | None = None) -> Binned:
    """One column on these rows (default: all), in at most `bins` bins (default: `bins_for`) and one for missing cells.
    A column of texts is binned by its number of characters unless its texts repeat."""
    bins = bins if bins is not None else bins_for(len(survey) if rows is None else len(rows))
    role = survey.data.roles[column]
    if role in ("number", "time"):
        values = survey.number(column)
        return bin_numbers(values if rows is None else values[rows], bins, role)
    codes, words = encoded(survey, column)
    codes = codes if rows is None else codes[rows]
    if role == "text" and len(words) * 2 > len(codes):
        import pyarrow.compute as pc

        lengths: np.ndarray = np.append(pc.fill_null(pc.utf8_length(words), 0).to_numpy(zero_copy_only=False), np.nan)
        return bin_numbers(lengths[codes].astype(np.float64), bins)
    return bin_words(codes, words, bins)


def bin_numbers(values: np.ndarray, bins: int = BINS, role: str = "number") -> Binned:
    """(m,) float64, NaN for missing, cut at quantiles. Up to `bins` different values stay apart; a value that fills a
    bin by itself gets one of its own. Infinite values are the outermost."""
    missing = np.isnan(values)
    present = values[~missing]
    starts, whole = _starts(present, bins)
    size = max(len(starts), 1)
    codes = np.asarray(np.searchsorted(starts[1:], values, side="right"))
    codes[missing] = size
    words = [say(s, role) if whole else f"from {say(s, role)}" for s in starts] or ["no value"]
    if missing.any():
        words.append("missing")
    return Binned(codes.astype(np.int16), size + bool(missing.any()), tuple(words), whole)


def bin_words(codes: np.ndarray, words: Any, bins: int = BINS) -> Binned:
    """(m,) codes of words, -1 for missing: the most frequent words each get a bin, the others share one. `words` is
    a sequence or a pyarrow array."""
    counts = np.bincount(codes[codes >= 0], minlength=max(len(words), 1))
    met = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    kept = met if len(met) <= bins else met[: bins - 1]
    rest = len(met) - len(kept)
    missing = bool((codes < 0).any())
    size = len(kept) + bool(rest)
    place: np.ndarray = np.full(len(counts) + 1, len(kept), np.int16)
    place[kept] = np.arange(len(kept))
    place[-1] = size
    named = [str(w.as_py() if hasattr(w, "as_py") else w) for w in (words[int(i)] for i in kept)]
    named += [f"{rest:,} other values"] * bool(rest) + ["missing"] * missing
    return Binned(place[codes], max(size + missing, 1), tuple(named or ["no value"]), not rest)


def _starts(values: np.ndarray, bins: int) -> tuple[np.ndarray, bool]:
    """Lowest value of each bin, ascending, and whether each bin holds one value only."""
    distinct, counts = tally(values[:: len(values) // EDGES_FROM + 1])
    if len(distinct) <= bins and len(values) > EDGES_FROM:  # a rare value may have been passed over
        distinct, counts = tally(values)
    if len(distinct) <= bins:
        return distinct, True
    share = counts.sum() / bins
    heavy = np.flatnonzero(counts >= share)
    heavy = heavy[np.argsort(-counts[heavy], kind="stable")][: bins // 4]
    light: np.ndarray = counts.astype(np.float64)
    light[heavy] = 0
    below = np.cumsum(light)
    parts = bins - 2 * len(heavy)
    cuts = np.asarray(np.searchsorted(below, below[-1] * np.arange(1, parts) / parts, side="left")) + 1
    # A bin of its own: one cut before the heavy value, one behind it.
    starts = np.unique(np.concatenate([[0], cuts, heavy, heavy + 1]).astype(np.int64))
    return distinct[starts[starts < len(distinct)]], False


# folds --------------------------------------------------------------------------------------------------------


def folds(rows: int, labels: np.ndarray | None = None, k: int = FOLDS, seed: int = SEED) -> np.ndarray:
    """(rows,) int8 fold of each row, sizes equal to within one; with `labels` each class is spread evenly, so that
    the out-of-fold means do not lean against the fold."""
    order = np.random.default_rng(seed).permutation(rows)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    fold: np.ndarray = np.empty(rows, np.int8)
    fold[order] = np.arange(rows) % k
    return fold


# one column ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tallied:
    """A target counted by fold and bin of one column: all that out-of-fold prediction from this column needs."""

    sums: np.ndarray
    """(k, size, classes) rows of each class, or for a number (k, size, 3): rows, sum and sum of squares of the target
    less its mean."""
    is_number: bool = False
    smoothing: float = SMOOTHING

    @property
    def means(self) -> np.ndarray:
        """(k, size, outputs): for each fold and bin what the other folds predict: class shares, or (k, size, 1)."""
        other = self.sums.sum(axis=0) - self.sums
        whole = other.sum(axis=1, keepdims=True)
        if self.is_number:
            mean = whole[..., 1:2] / np.maximum(whole[..., :1], 1)
            return (other[..., 1:2] + self.smoothing * mean) / (other[..., :1] + self.smoothing)
        prior = whole / np.maximum(whole.sum(axis=2, keepdims=True), 1)
        return (other + self.smoothing * prior) / (other.sum(axis=2, keepdims=True) + self.smoothing)

    @property
    def hits(self) -> int:
        """Rows whose class is predicted rightly, out of fold."""
        best = self.means.argmax(axis=2)
        return int(np.take_along_axis(self.sums, best[..., None], axis=2).sum())

    @property
    def rows(self) -> int:
        return int(self.sums[..., 0].sum() if self.is_number else self.sums.sum())

    @property
    def explained(self) -> float:
        """Share of a number's variance that is explained out of fold (R squared); under 0 where it is worse than the
        mean. NaN for a constant target."""
        count, total, squares = self.sums[..., 0], self.sums[..., 1], self.sums[..., 2]
        mean = self.means[..., 0]
        left = float((squares - 2 * mean * total + mean * mean * count).sum())
        spread = float(squares.sum() - total.sum() ** 2 / max(count.sum(), 1))
        return 1 - left / spread if spread > 0 else float("nan")


def tally_classes(column: Binned, labels: np.ndarray, classes: int, fold: np.ndarray) -> Tallied:
    """Rows by fold, bin and class. `labels` is (m,) 0 .. classes-1 without missing."""
    k = int(fold.max()) + 1
    flat = (fold.astype(np.int64) * column.size + column.codes) * classes + labels
    return Tallied(np.bincount(flat, minlength=k * column.size * classes).reshape(k, column.size, classes))


def tally_number(column: Binned, target: np.ndarray, fold: np.ndarray, smoothing: float = SMOOTHING) -> Tallied:
    """Rows, sums and sums of squares by fold and bin. `target` is (m,) finite."""
    k = int(fold.max()) + 1
    flat = fold.astype(np.int64) * column.size + column.codes
    spread = target - target.mean()  # small numbers: sums of squares lose no digits
    sums = [np.bincount(flat, weights, k * column.size) for weights in (None, spread, spread * spread)]
    return Tallied(np.stack(sums, axis=1).astype(np.float64).reshape(k, column.size, 3), True, smoothing)


def predicted(column: Binned, tallied: Tallied, fold: np.ndarray) -> np.ndarray:
    """(m, outputs) out-of-fold prediction of each row: class shares, or the number less its mean."""
    return tallied.means[fold, column.codes]


# all columns --------------------------------------------------------------------------------------------------


def additive(bins: Bins, target: np.ndarray, fold: np.ndarray, penalty: float = PENALTY) -> np.ndarray:
    """Out-of-fold predictions, in the shape of `target`, of a ridge regression on the one-hot bins of all columns.

    `target` is (m,) or (m, outputs) of finite numbers; for classes give `one_hot(labels, classes)` and take the
    largest output. The intercept carries no penalty. Where the bins are more than WIDEST or a third of the rows,
    each fold uses the columns that explain most in the other folds.
    """
    target = np.asarray(target, np.float64)
    outputs = target.reshape(len(target), -1)
    k = int(fold.max()) + 1
    middle = outputs.mean(axis=0)
    outputs = outputs - middle
    chosen = _chosen(bins, outputs, fold, k)
    out = np.zeros_like(outputs)
    whole = _moments([bins.columns[i] for i in chosen[0]], outputs, fold, k) if _alike(chosen) else None
    for f in range(k):
        mine, others = np.flatnonzero(fold == f), np.flatnonzero(fold != f)
        columns = [bins.columns[i] for i in chosen[f]]
        if whole is not None:
            gram, moments, rows = (part.sum(axis=0) - part[f] for part in whole)
        else:
            cut = [replace(c, codes=c.codes[others]) for c in columns]
            (gram,), (moments,), (rows,) = _moments(cut, outputs[others], np.zeros(len(others), np.int8), 1)
        effects, base = _solved(gram, moments, int(rows), penalty)
        out[mine] = base
        at = 0
        for column in columns:
            out[mine] += effects[at : at + column.size][column.codes[mine]]
            at += column.size
    return (out + middle).reshape(target.shape)


def _alike(chosen: list[list[int]]) -> bool:
    return all(c == chosen[0] for c in chosen)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """(m, classes) float64."""
    return np.eye(classes)[labels]


def explained(target: np.ndarray, prediction: np.ndarray) -> float:
    """R squared of a prediction (m,) of a number (m,); NaN for a constant target."""
    spread = float(((target - target.mean()) ** 2).sum())
    return 1 - float(((target - prediction) ** 2).sum()) / spread if spread > 0 else float("nan")


def _chosen(bins: Bins, outputs: np.ndarray, fold: np.ndarray, k: int) -> list[list[int]]:
    """For each fold the columns that its fit uses, chosen by the variance that each explains in the other folds."""
    sizes = np.array([c.size for c in bins.columns])
    everything = [i for i in range(len(sizes)) if sizes[i] > 1]
    widest = min(WIDEST, max(len(outputs) // 3, 2 * BINS))
    if sizes[everything].sum() <= widest and len(everything) <= MOST:
        return [everything] * k
    strength = np.zeros((len(sizes), k))
    for i in everything:
        column = bins.columns[i]
        flat = fold.astype(np.int64) * column.size + column.codes
        rows = np.bincount(flat, minlength=k * column.size).reshape(k, -1)
        other = np.maximum(rows.sum(axis=0) - rows, 1)
        for j in range(outputs.shape[1]):
            sums = np.bincount(flat, outputs[:, j], k * column.size).reshape(k, -1)
            strength[i] += ((sums.sum(axis=0) - sums) ** 2 / other).sum(axis=1) - outputs[:, j].var() * column.size
    chosen = []
    for f in range(k):
        order = [i for i in np.argsort(-strength[:, f], kind="stable") if sizes[i] > 1][:MOST]
        fit = np.cumsum(sizes[order]) <= widest
        chosen.append(sorted(int(i) for i, ok in zip(order, fit, strict=True) if ok))
    return chosen


def _moments(
    columns: Sequence[Binned], outputs: np.ndarray, fold: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By fold: counts of pairs of bins (k, d, d), sums of the outputs by bin (k, d + 1, outputs) with their whole in
    the last place, and rows (k,)."""
    offsets = np.concatenate(([0], np.cumsum([c.size for c in columns]))).astype(np.int64)
    width = int(offsets[-1])
    gram: np.ndarray = np.zeros((k, width, width), np.float32 if width > 512 else np.float64)
    moments: np.ndarray = np.zeros((k, width + 1, outputs.shape[1]))
    start: np.ndarray = fold.astype(np.int64)
    for i, a in enumerate(columns):
        left = start * a.size + a.codes
        mine = slice(offsets[i], offsets[i + 1])
        for j in range(i, len(columns)):
            b = columns[j]
            theirs = slice(offsets[j], offsets[j + 1])
            pairs = np.bincount(left * b.size + b.codes, minlength=k * a.size * b.size).reshape(k, a.size, b.size)
            gram[:, mine, theirs] = pairs
            gram[:, theirs, mine] = pairs.transpose(0, 2, 1)
        for o in range(outputs.shape[1]):
            moments[:, mine, o] = np.bincount(left, outputs[:, o], k * a.size).reshape(k, a.size)
    for o in range(outputs.shape[1]):
        moments[:, width, o] = np.bincount(fold, outputs[:, o], k)
    return gram, moments, np.bincount(fold, minlength=k)


def _solved(gram: np.ndarray, moments: np.ndarray, rows: int, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Effects (d, outputs) of the bins and the intercept (outputs,), by the centred normal equations."""
    mean = moments[-1] / max(rows, 1)
    if not len(gram):
        return np.zeros((0, moments.shape[1])), mean
    gram = gram.astype(np.float64)
    totals = np.diag(gram).copy()
    gram -= np.outer(totals, totals) / max(rows, 1)
    gram[np.diag_indices_from(gram)] += penalty
    right = moments[:-1] - np.outer(totals, mean)
    effects = np.linalg.solve(gram, right)
    return effects, mean - totals @ effects / max(rows, 1)
