"""Which columns only name their rows: customer numbers, row counters. A unique measurement is none of them."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.data.methods.columns import looked_at, say
from trainloud.data.survey import Survey

LEAST_ROWS = 30  # rows of a split from which different values say something
UNIQUE = 0.98  # share of different values; a few rows may stand there twice
DENSE = 2.0  # range of whole numbers a row: drawn at random they would repeat, numbers that are given out do not
LOOK = 1000  # values read first
PATTERN = 0.8  # share of the words that have one and the same shape ("0-a" for 7590-VHVEG)
DRAWN = 0.25  # repeats in those expected of numbers drawn at random from all of so many digits: from here on, chance
TELEPHONE = r"^[+(0][\d ()/.-]{6,}$"  # numbers in groups that begin with a sign or a zero: none counts anything
LONGEST = 80  # characters of a code; longer ones are text
VALUES = r"^(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}:\d{2}|[+-]?\d*[.,]\d+$)"  # dates, times, decimals: no codes
NAMES = {"id", "ids", "uuid", "guid", "identifier", "pk", "rowid", "unnamed"}
# A counter of this name may be the time of a series, which is no number of the row.
TIMES = {"year", "date", "day", "month", "hour", "minute", "second", "time", "timestamp", "step", "week", "t", "ts"}


@dataclass(frozen=True)
class Identifier:
    """A column whose values tell every row from every other and say nothing else."""

    column: str
    why: str
    """In words, with numbers: "counts the rows from 1 to 17,379"."""
    counter: bool = False
    """It rises by the same step from row to row: a row number, or a time."""


def identifiers(survey: Survey) -> dict[str, Identifier]:
    """Column -> why it only names its rows; without the target, the text, the group and the column of time."""

    def make() -> dict[str, Identifier]:
        kept = {survey.data.text, survey.data.recognised.time, survey.group}
        asked = [c for c in looked_at(survey) if c not in kept]
        found = [f for f in (identifier(survey, c) for c in asked) if f is not None]
        # The one feature of a series of steps counts them and is no name of a row.
        return {f.column: f for f in found} if len(found) < len(asked) else {}

    return survey.once("identifiers", make)


def identifier(survey: Survey, column: str) -> Identifier | None:
    """Does this column only name its rows?"""
    role = survey.data.roles[column]
    if role == "number":
        return _number(survey, column)
    if role in ("category", "text"):
        return _word(survey, column)
    return None


def tokens(name: str) -> set[str]:
    """The words in a column's name: "customerID" -> customer, id; "unnamed: 0" -> unnamed, 0."""
    return {t.lower() for t in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)}


def _parts(survey: Survey) -> list[np.ndarray]:
    """Rows of each split that is large enough to judge; numbering may start again in each split."""

    def make() -> list[np.ndarray]:
        parts = (np.flatnonzero(survey.split == i) for i in range(len(survey.splits)))
        return [p for p in parts if len(p) >= LEAST_ROWS]

    return survey.once("large splits", make)


def _head(survey: Survey, column: str) -> pa.ChunkedArray:
    """The first cells of one split: most columns repeat themselves within them."""
    cells, rows = survey.data.table.column(column), _parts(survey)[0][:LOOK]
    whole = rows[-1] - rows[0] == len(rows) - 1
    return cells.slice(int(rows[0]), len(rows)) if whole else cells.take(pa.array(rows))


def _number(survey: Survey, column: str) -> Identifier | None:
    parts = _parts(survey)
    if not parts or pa.types.is_boolean(survey.data.table.column(column).type):
        return None
    start = pc.fill_null(pc.cast(_head(survey, column), pa.float64(), safe=False), np.nan).to_numpy()
    if not np.isfinite(start).all() or (start != np.floor(start)).any() or _repeats(start):
        return None
    values = survey.number(column)
    if not np.isfinite(values).all() or (values != np.floor(values)).any():
        return None
    if any(_repeats(values[p]) for p in parts):
        return None
    low, high = float(values.min()), float(values.max())
    steps = np.concatenate([np.diff(values[p]) for p in parts])
    if (steps == steps[0]).all() and steps[0] != 0:
        if tokens(column) & TIMES:
            return None
        how = "counts the rows" if abs(steps[0]) == 1 else f"goes by {say(float(steps[0]))} from row to row"
        return Identifier(column, f"{how} from {say(float(values[0]))} to {say(float(values[-1]))}", counter=True)
    dense = all(np.ptp(values[p]) < DENSE * len(p) for p in parts)
    if dense or tokens(column) & NAMES:
        return Identifier(column, f"whole numbers from {say(low)} to {say(high)}, {_different(values, parts)}")
    return None


def _word(survey: Survey, column: str) -> Identifier | None:
    cells = survey.data.table.column(column)
    parts = _parts(survey)
    if not parts:
        return None
    head = pc.cast(_head(survey, column), pa.large_string())
    start = [w for w in head.to_pylist() if w is not None]
    if len(start) < 0.99 * len(head) or len(set(start)) < UNIQUE * len(start):
        return None
    if not _coded(start) and not (tokens(column) & NAMES and not any(" " in w for w in start)):
        return None
    different = 0
    for part in parts:
        own = cells if len(part) == len(survey) else cells.take(pa.array(part))
        count = pc.count_distinct(pc.cast(own, pa.large_string())).as_py()
        if count < UNIQUE * len(part):
            return None
        if len(part) - count and _drawn(start, len(part), len(part) - count):
            return None
        different += count
    example = max(start[:3], key=len)
    return Identifier(column, f'codes such as "{example}", {_count(different, sum(map(len, parts)))}')


def _drawn(words: list[str], rows: int, repeats: int) -> bool:
    """Do codes of digits repeat as often as by chance, like postcodes? What is given out to tell rows apart does not,
    but for rows that stand there twice."""
    digits = int(np.median([sum(c.isdigit() for c in w) for w in words]))
    if sum(w.isdigit() for w in words) < PATTERN * len(words):
        return False
    expected = rows * rows / 2 / 10.0**digits  # birthday problem
    return repeats >= max(1.0, DRAWN * expected) and expected >= 1.0


def _repeats(values: np.ndarray) -> bool:
    return len(np.unique(values)) < UNIQUE * len(values)


def _coded(words: list[str]) -> bool:
    """Do these words look given out: digits in them, no space, one shape or one length?"""
    spaced = sum(" " in w.strip() and not re.match(TELEPHONE, w) for w in words)
    if spaced + sum(len(w) > LONGEST for w in words) > 0.02 * len(words):
        return False
    if sum(any(c.isdigit() for c in w) for w in words) < PATTERN * len(words):
        return False
    if sum(bool(re.match(VALUES, w)) for w in words) > 0.5 * len(words):
        return False
    shapes = [re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", w)) for w in words]
    lengths = [len(w) for w in words]
    same = max(shapes.count(s) for s in set(shapes[:20]))
    long = max(lengths.count(n) for n in set(lengths[:20])) if np.median(lengths) >= 6 else 0
    return max(same, long) >= PATTERN * len(words)


def _different(values: np.ndarray, parts: list[np.ndarray]) -> str:
    return _count(sum(len(np.unique(values[p])) for p in parts), sum(map(len, parts)))


def _count(different: int, rows: int) -> str:
    return f"{different:,} different in {rows:,} rows"
