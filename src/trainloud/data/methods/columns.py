"""What one column of the person's own holds: counts, ends, quantiles, and how to say its values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.core.inspection import Kind
from trainloud.data.survey import Survey

TABLES: tuple[Kind, ...] = ("table", "series")
"""Kinds of data that may have columns of the person's own beside the target."""
LOOKED_AT = 20_000  # columns that an inspector looks at; of more, this many evenly spread: a minute, not an hour
ENDS = 16  # distinct values kept of each end of a column
COMMON = 4  # most frequent values kept
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
# What pandas' read_csv takes for missing unasked (`na_values`, pandas 2.2); pyarrow and R take the usual ones of them.
KNOWN_MISSING = frozenset(
    ["#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"]
    + ["NULL", "NaN", "None", "n/a", "nan", "null"]
)
DECIMALS = 6  # places after the point that are tried


@dataclass(frozen=True)
class Ends:
    """The distinct values at one end of a column of numbers, outermost first, and how often each occurs."""

    values: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Profile:
    """One column in numbers. Fields without a meaning for its role are 0, NaN or empty."""

    name: str
    role: str
    rows: int
    missing: int
    """Cells without a value (infinite ones have a value)."""
    infinite: int
    distinct: int
    """Different finite values."""
    common: tuple[tuple[str, int], ...]
    """The most frequent values in words, with their cells."""
    quantiles: tuple[float, ...]
    """At 1, 5, 25, 50, 75, 95, 99 % of the finite values."""
    low: Ends
    high: Ends
    whole: bool
    """All values are whole numbers."""

    @property
    def present(self) -> int:
        return self.rows - self.missing

    @property
    def median(self) -> float:
        return self.quantiles[3]


NOTHING = Ends((), ())


def looked_at(survey: Survey, columns: Sequence[str] | None = None) -> tuple[str, ...]:
    """The columns (default: all but the target) that are judged: all, or LOOKED_AT evenly spread ones."""
    columns = survey.columns if columns is None else tuple(columns)
    if len(columns) <= LOOKED_AT:
        return tuple(columns)
    return tuple(columns[i] for i in np.linspace(0, len(columns) - 1, LOOKED_AT).astype(int))


def profile(survey: Survey, column: str) -> Profile:
    """What the column holds over all splits; made once for a survey."""

    def make() -> Profile:
        role = survey.data.roles[column]
        if role in ("number", "time"):
            return _of_numbers(survey, column, role)
        return _of_words(survey, column, role)

    return survey.once(("profile", column), make)


def counted(survey: Survey, column: str, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Sorted distinct finite values of a column of numbers or times, and the cells of each."""
    values = survey.number(column)
    values = values if rows is None else values[rows]
    return tally(values[np.isfinite(values)])


def tally(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorted distinct values of a finite array, and how often each occurs."""
    values = np.sort(values)
    if not len(values):
        return values, np.zeros(0, np.int64)
    starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    return values[starts], np.diff(np.append(starts, len(values)))


def encoded(survey: Survey, column: str) -> tuple[np.ndarray, pa.Array]:
    """(n,) int32 codes of a column's words, -1 for missing, and the words, in the order in which they were met.

    Unlike `Survey.codes` nothing is sorted and no word is made a Python string: for columns with many words.
    """
    values = survey.data.table.column(column)
    if not pa.types.is_dictionary(values.type):
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            values = pc.cast(values, pa.string())
        values = pc.dictionary_encode(values)
    values = values.unify_dictionaries().combine_chunks()
    one = values.chunk(0) if isinstance(values, pa.ChunkedArray) and values.num_chunks else values
    if isinstance(one, pa.ChunkedArray):
        return np.zeros(0, np.int32), pa.array([], pa.string())
    codes = pc.fill_null(one.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32)
    return codes, one.dictionary


def missing_cells(survey: Survey, column: str) -> np.ndarray:
    """(n,) bool: the cells without a value."""
    values = survey.data.table.column(column)
    return pc.is_null(values, nan_is_null=True).to_numpy()


def written(survey: Survey, column: str, words: Sequence[str], white: bool = False) -> np.ndarray:
    """(n,) bool: the cells that stand in the file as one of these words, white space at the ends aside; with `white`
    also those of nothing but white space. All False where the data came typed."""
    cells = survey.data.cells
    if cells is None or column not in cells.column_names:
        return np.zeros(len(survey), bool)
    whole = cells.column(column)
    if not pa.types.is_dictionary(whole.type):
        return _as_one_of(whole, words, white)
    one = whole.unify_dictionaries().combine_chunks()
    parts = one.chunks if isinstance(one, pa.ChunkedArray) else [one]
    found = []
    for part in parts:
        codes = pc.fill_null(part.indices, -1).to_numpy(zero_copy_only=False)
        found.append(np.append(_as_one_of(part.dictionary, words, white), False)[codes])
    return np.concatenate(found) if found else np.zeros(0, bool)


def _as_one_of(cells: pa.Array | pa.ChunkedArray, words: Sequence[str], white: bool) -> np.ndarray:
    bare = pc.utf8_trim_whitespace(cells)
    found = pc.is_in(bare, value_set=pa.array(words, bare.type))
    if white:
        found = pc.or_(found, pc.and_(pc.equal(bare, ""), pc.not_equal(cells, "")))
    return pc.fill_null(found, False).to_numpy(zero_copy_only=False)


def decimals(values: np.ndarray) -> int | None:
    """The fewest places after the point that write all these values exactly (to 9 digits); None for more than 6."""
    if not len(values):
        return 0
    scale = np.maximum(np.abs(values), 1.0)
    for places in range(DECIMALS + 1):
        if (np.abs(values - np.round(values, places)) <= 1e-9 * scale).all():
            return places
    return None


def say(value: float, role: str = "number") -> str:
    """A value of a column in words: "500,001", "0.25", "2011-01-01"."""
    if role == "time":
        word = str(np.datetime64(int(value), "s")).replace("T", " ")
        return word.removesuffix(" 00:00:00")
    if value == int(value) if np.isfinite(value) else False:
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:g}"
    return f"{value:,.6g}"


def listed(words: Iterable[str], shown: int = 5) -> str:
    """ "a, b, c and 4 more"."""
    words = list(words)
    if len(words) <= shown + 1:
        return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
    return f"{', '.join(words[:shown])} and {len(words) - shown:,} more"


def _of_numbers(survey: Survey, column: str, role: str) -> Profile:
    values = survey.number(column)
    finite = values[np.isfinite(values)]
    distinct, counts = tally(finite)
    missing = int(np.isnan(values).sum())
    top = np.argsort(-counts, kind="stable")[:COMMON] if len(counts) < 1000 else _largest(counts)
    below = np.cumsum(counts)
    last = len(distinct) - 1
    at = [distinct[min(np.searchsorted(below, q * len(finite)), last)] if last >= 0 else np.nan for q in QUANTILES]
    return Profile(
        name=column,
        role=role,
        rows=len(values),
        missing=missing,
        infinite=len(values) - missing - len(finite),
        distinct=len(distinct),
        common=tuple((say(distinct[i], role), int(counts[i])) for i in top),
        quantiles=tuple(map(float, at)),
        low=Ends(tuple(distinct[:ENDS].tolist()), tuple(counts[:ENDS].tolist())),
        high=Ends(tuple(distinct[::-1][:ENDS].tolist()), tuple(counts[::-1][:ENDS].tolist())),
        whole=bool((distinct == np.floor(distinct)).all()),
    )


def _largest(counts: np.ndarray) -> np.ndarray:
    top = np.argpartition(-counts, COMMON)[:COMMON]
    return top[np.lexsort((top, -counts[top]))]


def _of_words(survey: Survey, column: str, role: str) -> Profile:
    codes, words = encoded(survey, column)
    counts = np.bincount(codes[codes >= 0], minlength=max(len(words), 1))
    top = np.argsort(-counts, kind="stable")[:COMMON] if len(counts) < 1000 else _largest(counts)
    return Profile(
        name=column,
        role=role,
        rows=len(codes),
        missing=int((codes < 0).sum()),
        infinite=0,
        distinct=int((counts > 0).sum()),
        common=tuple((str(words[int(i)].as_py()), int(counts[i])) for i in top if counts[i]),
        quantiles=(np.nan,) * len(QUANTILES),
        low=NOTHING,
        high=NOTHING,
        whole=False,
    )
