"""Columns that follow from one another: one-to-one codes, functions, correlations near one. Bounded for wide tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainloud.data.methods.columns import encoded, looked_at, profile
from trainloud.data.methods.identifiers import identifiers
from trainloud.data.survey import SEED, Survey

SAMPLE = 2_000  # rows on which pairs are searched
WIDE = 2_000  # columns of numbers from which fewer rows are taken
NEAR = 0.995  # |correlation| from which two columns of numbers say the same
BLOCK = 1_024  # columns a side of a block of the correlation matrix
DEPENDENT = 80  # columns that are asked in pairs whether one follows from the other: 6,320 pairs
LEAST_EACH = 20  # rows of each value of the column that determines: with fewer it could by chance
REPEATED = 0.5  # different values a row, above which standing one-to-one says nothing
FEW = 1_000  # different values of a column that is asked so


@dataclass(frozen=True)
class Pair:
    a: str
    b: str
    value: float
    """Their correlation, or the number of different values of `a`, from which `b` follows."""


def same_codes(survey: Survey) -> list[tuple[str, ...]]:
    """Groups of columns whose values stand one-to-one in every row, missing cells taken as one value: copies, and
    codes of the same words. Constants are left out, and columns whose values hardly repeat: any two of them stand
    one-to-one. Copies of those are correlated."""

    def make() -> list[tuple[str, ...]]:
        named = identifiers(survey)
        rows = _rows(survey, SAMPLE)
        kinds: dict[bytes, list[str]] = {}
        for column in looked_at(survey):
            seen = profile(survey, column)
            if column in named or seen.distinct + bool(seen.missing) < 2 or seen.distinct > REPEATED * seen.present:
                continue
            kinds.setdefault(first_met(_values(survey, column, rows)).tobytes(), []).append(column)
        groups = []
        for group in kinds.values():
            while len(group) > 1:
                head = first_met(_values(survey, group[0]))
                same = [c for c in group[1:] if np.array_equal(first_met(_values(survey, c)), head)]
                if same:
                    groups.append((group[0], *same))
                group = [c for c in group[1:] if c not in same]
        return groups

    return survey.once("same codes", make)


def first_met(values: np.ndarray) -> np.ndarray:
    """(n,) int32: values numbered in the order in which they are met, the same for all one-to-one codes."""
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    place: np.ndarray = np.empty(len(first), np.int32)
    place[np.argsort(first)] = np.arange(len(first))
    return place[inverse]


def correlated(survey: Survey) -> list[Pair]:
    """Pairs of columns of numbers whose correlation is NEAR one, strongest first; each column is told beside the first
    of its kind only."""
    named = identifiers(survey)
    columns = [c for c in looked_at(survey, survey.of_role("number")) if c not in named]
    columns = [c for c in columns if profile(survey, c).distinct > 2]
    rows = _rows(survey, SAMPLE if len(columns) < WIDE else SAMPLE // 4)
    z: np.ndarray = np.zeros((len(columns), len(rows)), np.float32)
    for i, column in enumerate(columns):
        z[i] = _standard(survey.number(column)[rows])
    found: list[Pair] = []
    known: set[int] = set()
    for at in range(0, len(columns), BLOCK):
        for beside in range(at, len(columns), BLOCK):
            r = z[at : at + BLOCK] @ z[beside : beside + BLOCK].T
            for i, j in zip(*np.nonzero(np.abs(r) > NEAR - 0.004), strict=True):
                a, b = at + int(i), beside + int(j)
                if a < b and b not in known:
                    exact = _correlation(survey.number(columns[a]), survey.number(columns[b]))
                    if abs(exact) >= NEAR:
                        found.append(Pair(columns[a], columns[b], exact))
                        known.add(b)
    return sorted(found, key=lambda p: -abs(p.value))


def determined(survey: Survey, skip: Sequence[str] = ()) -> list[Pair]:
    """Pairs of columns of few values where the second is the same in all rows of one value of the first, but not the
    other way round; each column is told beside the coarsest that determines it."""
    named = identifiers(survey)
    few = [c for c in looked_at(survey) if c not in named and c not in set(skip) and survey.data.roles[c] != "time"]
    few = [c for c in few if 2 <= profile(survey, c).distinct <= FEW]
    few = few if len(few) <= DEPENDENT else [few[i] for i in np.linspace(0, len(few) - 1, DEPENDENT).astype(int)]
    rows = _rows(survey, 10 * SAMPLE)
    codes = {c: first_met(_values(survey, c, rows)) for c in few}
    sizes = {c: int(v.max()) + 1 for c, v in codes.items()}
    found = []
    for b in few:
        counts = np.bincount(codes[b])
        for a in sorted(few, key=lambda c: sizes[c]):
            if a == b or sizes[a] < sizes[b] or sizes[a] * LEAST_EACH > len(rows):
                continue
            pairs = np.bincount(codes[a].astype(np.int64) * sizes[b] + codes[b], minlength=sizes[a] * sizes[b])
            if (
                int((pairs > 0).sum()) == sizes[a]
                and _says(pairs.reshape(sizes[a], -1), counts)
                and _holds(survey, a, b)
            ):
                found.append(Pair(a, b, float(sizes[a])))
                break
    return found


def _says(pairs: np.ndarray, counts: np.ndarray) -> bool:
    """Is it no matter of chance: do at least two values of the first meet another value than the most frequent, in
    enough rows that agreement in all of them cannot be luck?"""
    rare = len(counts) and counts.sum() - counts.max()
    met = pairs.sum(axis=1)
    with_rare = met[pairs.argmax(axis=1) != counts.argmax()]
    return bool(rare >= LEAST_EACH and with_rare.sum() >= LEAST_EACH and np.sort(with_rare)[-1] >= 5)


def _holds(survey: Survey, a: str, b: str) -> bool:
    """Does `b` follow from `a` in all rows?"""
    x, y = first_met(_values(survey, a)), first_met(_values(survey, b))
    return len(np.unique(x.astype(np.int64) * (int(y.max()) + 1) + y)) == int(x.max()) + 1


def _rows(survey: Survey, limit: int) -> np.ndarray:
    """Rows drawn without regard to the target: what is redundant must not depend on it."""
    if len(survey) <= limit:
        return np.arange(len(survey))
    return np.sort(np.random.default_rng(SEED).choice(len(survey), limit, replace=False))


def _values(survey: Survey, column: str, rows: np.ndarray | None = None) -> np.ndarray:
    """(n,) something comparable: numbers with NaN as one value of its own, or codes of words."""
    if survey.data.roles[column] in ("number", "time"):
        values = survey.number(column)
    else:
        values = encoded(survey, column)[0]
    return values if rows is None else values[rows]


def _standard(values: np.ndarray) -> np.ndarray:
    """Mean 0 and length 1, missing cells at the mean; zeros for what does not vary or is not finite."""
    values = np.where(np.isfinite(values), values, np.nan)
    there = ~np.isnan(values)
    if there.sum() < 10:
        return np.zeros(len(values), np.float32)
    scale = float(np.abs(values[there]).max()) or 1.0
    values = values / scale
    values = np.where(there, values - values[there].mean(), 0.0)
    length = float(np.linalg.norm(values))
    return (values / length if length > 1e-12 else np.zeros(len(values))).astype(np.float32)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 10:
        return 0.0
    x, y = (v / (float(np.abs(v).max()) or 1.0) for v in (a[both], b[both]))  # squares of huge numbers overflow
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / spread if spread > 0 else 0.0
