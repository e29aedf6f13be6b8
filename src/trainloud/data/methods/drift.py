"""How the splits of a data set of any kind differ: its columns, or what was measured of its pictures, texts, series."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from trainloud.data.methods.binned import Binned, Bins, bin_column, bin_numbers, bin_words, bins_for
from trainloud.data.methods.columns import encoded, looked_at
from trainloud.data.methods.identifiers import identifiers
from trainloud.data.methods.statistics import holm
from trainloud.data.methods.twosample import Shift, TwoSample, classify, shift_of_numbers, shift_of_words
from trainloud.data.survey import SEED, Survey

LEAST_ROWS = 20  # rows in each of two splits, under which no drift can be sure
ROWS = 10_000  # rows of each split that are looked at: an area is then known to 0.004
WIDE = 500  # columns from which fewer rows are looked at
SURE = 1e-3  # p value after Holm's correction
SMALL = 0.6  # area under the ROC curve under which a drift is no finding, however sure
APART = 0.1  # distance of two distributions of one column that is worth telling, 0 .. 1
WORDS = 64  # most frequent words of texts whose presence is compared, ...
COMMON = 0.01  # ... each in at least this share of the texts, and missing from as many
CHARACTERS = 4_000  # of a text that are looked at
OWN = 0.999  # share of rows: words that name the split itself (the folder train/) are no drift


@dataclass(frozen=True)
class Drift:
    """One split beside the training data."""

    first: str
    split: str
    columns: int
    """Columns or axes that were looked at."""
    test: TwoSample
    apart: tuple[Shift, ...]
    """Columns that are surely APART, farthest first."""
    middles: dict[str, tuple[float, float, str] | str] = field(default_factory=dict)
    """Column -> (median in the first, in the other, role), or in words what differs most, for those apart."""
    typical: tuple[int, ...] = ()
    """Rows of the split that look least like the first."""
    in_order: bool = False
    """The split lies wholly after the training data in the recognised time."""


@dataclass(frozen=True)
class _Source:
    """One column or axis, whole."""

    name: str
    role: str
    values: np.ndarray
    words: object = ()

    def binned(self, rows: np.ndarray) -> Binned:
        bins = bins_for(len(rows))
        if self.role == "category":
            return bin_words(self.values[rows], self.words, bins)
        return bin_numbers(self.values[rows], bins, self.role)

    def missing(self, rows: np.ndarray) -> bool:
        """Has none of these rows a value?"""
        values = self.values[rows]
        return bool((values < 0).all() if self.role == "category" else np.isnan(values).all())

    def shift(self, a: np.ndarray, b: np.ndarray) -> Shift:
        test = shift_of_words if self.role == "category" else shift_of_numbers
        return test(self.name, self.values[a], self.values[b])


def drifts(survey: Survey) -> list[Drift] | str:
    """Each other split beside the training data; a reason in words where there is nothing to compare."""
    if len(survey.splits) < 2:
        return "the data is not split"
    training = np.flatnonzero(survey.training)
    others = {s: survey.rows_of(s) for s in survey.splits}
    others = {s: r for s, r in others.items() if len(r) >= LEAST_ROWS and not survey.training[r[0]]}
    if len(training) < LEAST_ROWS or not others:
        return f"no two splits of {LEAST_ROWS} examples and more"
    names = _names(survey)
    if not names and survey.kind != "text":
        return "nothing was measured that could differ between the splits"
    first = survey.splits[int(survey.split[training[0]])]
    return [_beside(survey, names, first, training, split, rows) for split, rows in others.items()]


def _names(survey: Survey) -> list[tuple[str, str]]:
    """(where it comes from, name) of everything that is compared: the person's columns, measured axes and words."""
    left_out = {survey.data.text, survey.data.recognised.time, survey.group, *identifiers(survey)}
    names = [("column", c) for c in looked_at(survey) if c not in left_out]
    if survey.kind != "table":
        names += [("axis", a) for a in survey.measured.axes]
        names += [("words", w) for w, (codes, _) in survey.measured.words.items() if not _names_split(survey, codes)]
    return names


def _names_split(survey: Survey, codes: np.ndarray) -> bool:
    """Does each word stand in one split only, as the name of a folder that is the split does?"""
    known = codes >= 0
    if not known.any():
        return True
    size = len(survey.splits)
    table = np.bincount(codes[known].astype(np.int64) * size + survey.split[known])
    table = np.pad(table, (0, -len(table) % size)).reshape(-1, size)
    return bool(table.max(axis=1).sum() >= OWN * known.sum())


def _vocabulary(survey: Survey, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Word -> (len(rows),) whether it stands in the text, of the most frequent words that are not in all of them."""
    texts = survey.texts.take(pa.array(rows)).to_pylist()
    there = [set(re.findall(r"\w+", (t or "")[:CHARACTERS].lower())) for t in texts]
    counts = Counter(word for words in there for word in words)
    kept = [w for w, n in counts.most_common() if COMMON <= n / max(len(rows), 1) <= 1 - COMMON][:WORDS]
    return {f'"{w}"': np.array([w in words for words in there]) for w in kept}


def _source(survey: Survey, kind: str, name: str, rows: np.ndarray, vocabulary: dict[str, np.ndarray]) -> _Source:
    if kind == "word":
        present: np.ndarray = np.zeros(len(survey), np.int8)
        present[rows] = vocabulary[name]
        return _Source(name, "category", present, ("texts without it", "texts with it"))
    if kind == "axis":
        return _Source(name, "number", survey.measured.axes[name].astype(np.float64))
    if kind == "words":
        return _Source(name, "category", *survey.measured.words[name])
    role = survey.data.roles[name]
    if role in ("number", "time"):
        return _Source(name, role, survey.number(name))
    if role == "text":
        binned = bin_column(survey, name)
        return _Source(name, "category", binned.codes.astype(np.int32), binned.words)
    return _Source(name, "category", *encoded(survey, name))


def _beside(
    survey: Survey, names: list[tuple[str, str]], first: str, training: np.ndarray, split: str, rows: np.ndarray
) -> Drift:
    limit = ROWS if len(names) <= WIDE else ROWS // 5
    limit = min(limit, survey.limits.rows(4 * len(names)))
    rng = np.random.default_rng(SEED)
    a, b = (np.sort(rng.permutation(r)[:limit]) for r in (training, rows))
    both = np.concatenate([a, b])
    vocabulary = _vocabulary(survey, both) if survey.kind == "text" and survey.data.text else {}
    names = [*names, *(("word", w) for w in vocabulary)]
    second = np.arange(len(both)) >= len(a)
    columns, shifts, compared = [], [], []
    for kind, name in names:
        source = _source(survey, kind, name, both, vocabulary)
        if survey.kind != "table" and (source.missing(a) or source.missing(b)):
            continue  # a table of labels that knows the pictures of one split only
        compared.append(name)
        columns.append(source.binned(both))
        shifts.append(source.shift(a, b))
    bins = Bins(both, tuple(compared), tuple(columns))
    p = holm(np.array([s.p for s in shifts]))
    apart = [replace(s, p=float(q)) for s, q in zip(shifts, p, strict=True) if q < SURE and s.distance >= APART]
    apart.sort(key=lambda s: -s.distance)
    sources = {n: k for k, n in names}
    middles = {}
    for s in apart[:10]:
        source = _source(survey, sources[s.name], s.name, both, vocabulary)
        middles[s.name] = _middle(source, a, b, first, split)
    test = classify(bins, second, SMALL)
    typical = both[second][np.argsort(-test.score[second], kind="stable")[:20]]
    return Drift(
        first,
        split,
        len(compared),
        test,
        tuple(apart),
        {k: v for k, v in middles.items() if v is not None},
        tuple(typical.tolist()),
        _in_order(survey, training, rows),
    )


def _middle(
    source: _Source, a: np.ndarray, b: np.ndarray, first: str, split: str
) -> tuple[float, float, str] | str | None:
    """What differs most: the medians of numbers, or the word whose share does."""
    if source.role != "category":
        x, y = source.values[a], source.values[b]
        gone = float(np.isnan(x).mean()), float(np.isnan(y).mean())
        if abs(gone[0] - gone[1]) >= APART:
            return f"{gone[0]:.0%} missing in {first}, {gone[1]:.0%} in {split}"
        if np.isnan(x).all() or np.isnan(y).all():
            return None
        middles = float(np.nanmedian(x)), float(np.nanmedian(y))
        return (*middles, source.role) if middles[0] != middles[1] else None
    size = int(max(source.values[a].max(), source.values[b].max())) + 2
    shares = [np.bincount(source.values[r] + 1, minlength=size) / len(r) for r in (a, b)]
    gaps = np.abs(shares[0] - shares[1]).round(9)
    most = size - 1 - int(gaps[::-1].argmax())  # the last of equals: of "without it" and "with it" the latter
    words = source.words
    word = words[most - 1] if most else "missing"  # type: ignore[index]
    word = word.as_py() if hasattr(word, "as_py") else word
    return f"{word} {shares[0][most]:.0%} in {first}, {shares[1][most]:.0%} in {split}"


def _in_order(survey: Survey, training: np.ndarray, rows: np.ndarray) -> bool:
    time = survey.data.recognised.time
    if not time or survey.data.roles.get(time) not in ("time", "number"):
        return False
    stamps = survey.number(time)
    return bool(np.nanmin(stamps[rows]) >= np.nanmax(stamps[training]))
