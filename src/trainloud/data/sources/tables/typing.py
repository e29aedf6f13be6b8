"""Text cells as numbers, categories, texts or times, with what was met on the way.

Cells come as they stand in the file. Where a column has few different words, it is dictionary-encoded and each word is
judged once, with its count; otherwise all cells are judged at once by pyarrow's kernels, never one by one in Python.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.data.dataset import Facts, Role
from trainloud.data.sources.files.shelf import coded
from trainloud.data.sources.tables.numerals import PLAIN, STYLES, Words, codes, floats, mask, matches, straight, styled
from trainloud.data.sources.tables.sentinels import sentinels
from trainloud.data.sources.tables.times import NOT_A_TIME, ambiguous, compact, times

ODD_SHARE = 0.05  # share of cells that may not fit a column of numbers or times: above, it is a mixture
ODD_DISTINCT = 0.5  # different odd words a different number: {0, a, b, c} is no column of numbers, however many zeros
FEWEST_VALID = 2  # different numbers or times beside which "unknown" is a missing one
ODD_KEPT = 20  # odd words that are named
TEXT_CHARACTERS = 20  # mean characters of a word, and ...
TEXT_WORDS = 3.0  # ... mean blank-separated words in it, and ...
TEXT_DISTINCT = 0.3  # ... share of different cells, from which a column holds texts and no categories
LONG_TEXT = 60  # mean characters from which few rows of them are texts too
SEQUENCE = r"^(?:[A-Z*-]+|[a-z]+)$"  # DNA, RNA, proteins: letters of one case without a blank, ...
SEQUENCE_LETTERS = 30  # ... of so many in the mean: longer than words of languages
LOOK = 5000  # cells or words that this is judged on

# Taken as missing wherever they stand, as R and pandas do.
MISSING = (
    ["NA", "N/A", "n/a", "na", "#N/A", "#NA", "n.a.", "N.A.", "NaN", "nan", "NAN", "-nan", "-NaN", "NaT", "1.#IND"]
    + ["-1.#IND", "1.#QNAN", "NULL", "null", "Null", "(null)", "<NA>", "<na>", "\\N", "#NULL!", "#VALUE!", "#DIV/0!"]
    + ["#REF!", "#NAME?", "#NUM!"]
)
NOTHING = ["None", "none", "NONE", "nil"]  # as above, but classes of a target may be named so
# As above, unless a column's other words are signs too, or it holds texts.
MARKS = ["?", "??", "???", "-", "--", "---", ".", "..", "...", "*", "_"]
# Missing only where every other cell is a number or a time.
SPOKEN = [
    "unknown",
    "unk",
    "missing",
    "undefined",
    "nd",
    "n.d.",
    "tbd",
    "tba",
    "x",
    "xx",
    "xxx",
    "none",
    "empty",
    "nodata",
] + ["no_data", "no data", "not available", "not applicable", "not known", "not given", "none given", "not measured"]


@dataclass(frozen=True)
class Typed:
    """One column, typed."""

    cells: pa.ChunkedArray
    """float64 (NaN missing), dictionary<int32, string>, large_string or timestamp[us]."""
    facts: Facts
    notes: tuple[str, ...] = ()
    """What was decided ("numbers with a decimal comma"), without the column's name."""


@dataclass
class _Column:
    """The words of a column; without `codes` they are the cells themselves."""

    words: Words
    """(k,) as they stand, null where there is no cell."""
    codes: np.ndarray | None
    """(n,) int32 place of each cell in `words`, -1 for none."""
    counts: np.ndarray | None
    """(k,) cells of each word."""
    rows: int
    written: Words = None
    """`words` before white space at the ends was removed."""
    facts: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def count(self, which: np.ndarray) -> int:
        return int(which.sum() if self.counts is None else self.counts[which].sum())

    def counted(self, which: np.ndarray, keep: int = 1000) -> dict[str, int]:
        """Word -> cells of those words, most frequent first."""
        return tally(self.words, which, self.counts, keep)

    def spread(self, values: np.ndarray, missing: object) -> np.ndarray:
        """(n,) the value of each cell from the values of the words."""
        return values if self.codes is None else np.append(values, np.array([missing], values.dtype))[self.codes]


def typed(cells: pa.ChunkedArray, target: bool = False, role: Role | None = None, comma: bool = False) -> Typed:
    """The column of its role.

    `cells` is string, large_string or a dictionary of strings; null is missing. `target`: words such as "None" are
    classes. `role` forces category or text. `comma`: the file does not separate by commas, so a comma is a decimal one.
    """
    column = _column(cells)
    if role is None and column.words.null_count < len(column.words):
        values = straight(column.words)
        if values is not None and not codes(column.words) and compact(column.words) is None:
            return _numbers(column, values)
    return _judged(column, target, role, comma)


def _column(cells: pa.ChunkedArray) -> _Column:
    if not pa.types.is_dictionary(cells.type):
        return _Column(cells, None, None, len(cells))
    one = cells.unify_dictionaries().combine_chunks()
    if isinstance(one, pa.ChunkedArray):
        if not one.num_chunks:
            return _Column(pa.chunked_array([], pa.string()), None, None, 0)
        one = one.chunk(0)
    places = pc.fill_null(one.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    counts = np.bincount(places[places >= 0], minlength=len(one.dictionary))
    return _Column(one.dictionary, places, counts, len(cells))


def _judged(column: _Column, target: bool, role: Role | None, comma: bool) -> Typed:
    """The long way, for what is not plainly numbers."""
    stripped = pc.utf8_trim_whitespace(column.words)
    blank = mask(pc.equal(stripped, ""))
    padded = mask(pc.not_equal(stripped, column.words)) & ~blank
    column.facts = {"blank": column.count(blank), "padded": column.count(padded)}
    column.words, column.written = stripped, column.words
    absent = blank | mask(pc.is_null(stripped))
    sure = _absent(column, absent, target)
    present = ~(absent | sure)
    if not present.any():
        column.facts["disguised"] = column.counted(sure)
        return _numbers(column, np.full(len(stripped), np.nan))
    if role is None:
        known = sure, np.zeros_like(sure) if target else _spoken(stripped) & present
        typed_ = _as_numbers(column, present, *known, comma) or _as_times(column, present, *known)
        if typed_ is not None:
            return typed_
    return _as_words(column, present, sure, target, role)


# what stands for nothing --------------------------------------------------------------------------------------------


def _absent(column: _Column, blank: np.ndarray, target: bool) -> np.ndarray:
    """(k,) bool: the words that stand for a missing value."""
    words = column.words
    found = _among(words, MISSING if target else [*MISSING, *NOTHING])
    if found.any() and _country_codes(words, ~(found | blank)):
        kept = found & _among(words, ["NA"])
        column.facts["suspected"] = column.counted(kept)
        found &= ~kept
    marks = _among(words, ["?"] if target else MARKS)
    others = ~(blank | found | marks)
    if marks.any() and others.any() and matches(words, r"^[^\w\s]+$")[others].any():
        marks[:] = False  # "+" and "-"
    return found | marks


def _among(words: Words, known: list[str]) -> np.ndarray:
    return mask(pc.is_in(words, value_set=pa.array(known, words.type)))


def _country_codes(words: Words, others: np.ndarray) -> bool:
    """Two-letter codes, of which "NA" is one: Namibia, North America."""
    if not others.any() or not matches(words, "^[A-Z]{2}$")[others].all():
        return False
    rest = words.filter(pa.array(others))
    return int(pc.count_distinct(rest).as_py()) >= 3


# numbers and times --------------------------------------------------------------------------------------------------


def _as_numbers(
    column: _Column, present: np.ndarray, sure: np.ndarray, spoken: np.ndarray, comma: bool
) -> Typed | None:
    words = column.words
    valid = matches(words, PLAIN) & present
    only = _only(words, valid)
    if valid.any() and not (present & ~valid).any():
        stamps = compact(only)
        if stamps is not None:
            return None
        why = codes(only)
        if why:
            column.notes.append(f"kept as words: {why}")
            return None
    style, values = "", floats(words, valid)
    if (present & ~valid).any():
        for other in STYLES:
            read = styled(_only(words, present), other, comma)
            if read is not None and read[1].sum() > valid[present].sum():
                style = f"{other.name}; {read[2]}" if read[2] else other.name
                valid = np.zeros(len(words), bool)
                valid[present] = read[1]
                values = np.full(len(words), np.nan)
                values[present] = read[0]
    if not valid.any():
        return None
    if not _settled(column, present, valid, sure, spoken):
        return None
    values = np.where(valid, values, np.nan)
    if style:
        column.notes.append(f"numbers {style}")
    return _numbers(column, values)


def _only(words: Words, which: np.ndarray) -> Words:
    return words if which.all() else words.filter(pa.array(which))


def _spoken(words: Words) -> np.ndarray:
    return mask(pc.is_in(pc.utf8_lower(words), value_set=pa.array(SPOKEN, words.type)))


def _fits(column: _Column, valid: np.ndarray, odd: np.ndarray) -> bool:
    """Whether the odd words are few enough, by cells and by kinds, to be strays in a column of the valid ones."""
    if not odd.any():
        return True
    cells, strays = column.count(valid), column.count(odd)
    if strays > ODD_SHARE * (cells + strays):
        return False
    different = pc.count_distinct(_only(column.words, valid)).as_py()
    return bool(pc.count_distinct(_only(column.words, odd)).as_py() <= ODD_DISTINCT * different)


def _settled(column: _Column, present: np.ndarray, valid: np.ndarray, sure: np.ndarray, spoken: np.ndarray) -> bool:
    """Whether the valid words make the column; then what the others are is noted.

    Words such as "unknown" are missing values if nothing else is odd, and odd with the others if something is.
    """
    odd = present & ~valid
    missing = sure
    only_spoken = odd.any() and not (odd & ~spoken).any()
    if only_spoken and pc.count_distinct(_only(column.words, valid)).as_py() >= FEWEST_VALID:
        missing, odd = sure | odd, np.zeros_like(odd)
    if not _fits(column, valid, odd):
        return False
    column.facts["disguised"] = column.counted(missing)
    column.facts["odd"] = column.counted(odd, ODD_KEPT)
    column.facts["odd_cells"] = column.count(odd)
    return True


def _numbers(column: _Column, values: np.ndarray) -> Typed:
    found = sentinels(values, column.counts)
    if found:
        column.facts["suspected"] = found
    cells = pa.chunked_array([pa.array(column.spread(values, np.nan), pa.float64(), from_pandas=False)])
    return Typed(cells, Facts(role="number", **column.facts), tuple(column.notes))  # type: ignore[arg-type]


def _as_times(column: _Column, present: np.ndarray, sure: np.ndarray, spoken: np.ndarray) -> Typed | None:
    words = column.words
    chosen = _only(words, present)
    stamps = compact(chosen)
    found = (stamps, "as eight digits") if stamps is not None else times(chosen)
    if found is None:
        if ambiguous(chosen):
            column.notes.append("kept as words: dates in numbers of which nothing tells the day from the month")
        return None
    whole = np.full(len(words), NOT_A_TIME)
    whole[present] = found[0]
    valid = whole != NOT_A_TIME
    if not _settled(column, present, valid, sure, spoken):
        return None
    if found[1] != "as ISO 8601":
        column.notes.append(f"dates, {found[1]}")
    stamp = column.spread(whole, NOT_A_TIME)
    cells = pa.array(stamp.astype("M8[us]"), pa.timestamp("us"))  # NOT_A_TIME is numpy's NaT
    return Typed(pa.chunked_array([cells]), Facts(role="time", **column.facts), tuple(column.notes))  # type: ignore[arg-type]


# words --------------------------------------------------------------------------------------------------------------


def _as_words(column: _Column, present: np.ndarray, sure: np.ndarray, target: bool, role: Role | None) -> Typed:
    words = column.words
    column.facts["numeric"] = column.count(matches(words, PLAIN) & present)
    if role == "text" or (role is None and not target and holds_texts(column, present)):
        marks = _among(words, MARKS)  # are short texts here
        return _as_texts(column, present | marks, sure & ~marks)
    column.facts["disguised"] = column.counted(sure)
    kept = pc.if_else(pa.array(present), words, pa.scalar(None, words.type))
    return Typed(_category(column, kept), Facts(role="category", **column.facts), tuple(column.notes))  # type: ignore[arg-type]


def _as_texts(column: _Column, present: np.ndarray, sure: np.ndarray) -> Typed:
    """large_string as they stand: white space is part of a text."""
    column.facts |= {"disguised": column.counted(sure), "padded": 0}
    words = column.written
    whole = pc.cast(pc.if_else(pa.array(present), words, pa.scalar(None, words.type)), pa.large_string())
    if column.codes is not None:
        whole = whole.take(pa.array(column.codes, mask=column.codes < 0))
    cells = whole if isinstance(whole, pa.ChunkedArray) else pa.chunked_array([whole])
    return Typed(cells, Facts(role="text", **column.facts), tuple(column.notes))  # type: ignore[arg-type]


def _category(column: _Column, kept: Words) -> pa.ChunkedArray:
    """dictionary<int32, string> of the words that are kept; words that trimming made equal become one."""
    encoded = coded(kept)
    if column.codes is None:
        return pa.chunked_array([encoded])
    places = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32)
    spread = column.spread(places, -1)
    indices = pa.array(spread, pa.int32(), mask=spread < 0)
    return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, encoded.dictionary)])


def holds_texts(column: _Column, present: np.ndarray) -> bool:
    """Whether the words are texts: long, of several words, and mostly different."""
    at = np.flatnonzero(present)
    cells = column.count(present)
    if column.codes is not None and len(at) < TEXT_DISTINCT * cells:
        return False
    picked = at if len(at) <= LOOK else at[np.linspace(0, len(at) - 1, LOOK).astype(np.int64)]
    looked = column.words.take(pa.array(picked))
    length = float(pc.mean(pc.utf8_length(looked)).as_py())
    if length < TEXT_CHARACTERS or (len(at) < 10 and length < LONG_TEXT):
        return False
    if column.codes is None and pc.count_distinct(looked).as_py() < TEXT_DISTINCT * len(looked):
        return False
    if length >= SEQUENCE_LETTERS and matches(looked, SEQUENCE).all():
        return True
    # Scripts without blanks: two of their characters are about a word.
    blanks = pc.add(pc.count_substring_regex(looked, r"\s+"), 1)
    dense = pc.count_substring_regex(looked, r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}]{2}")
    return float(pc.mean(pc.add(blanks, dense)).as_py()) >= TEXT_WORDS


def tally(words: Words, which: np.ndarray, counts: np.ndarray | None = None, keep: int = 1000) -> dict[str, int]:
    """Word -> cells, of the chosen words, most frequent first and at most `keep`."""
    if not which.any():
        return {}
    chosen = words.filter(pa.array(which))
    if counts is None:
        both = pc.value_counts(chosen)
        names, numbers = both.field("values"), both.field("counts").to_numpy()
    else:
        names, numbers = chosen, counts[which]
    # Trimming may have made words equal.
    top = np.argsort(-numbers, kind="stable")[: 4 * keep]
    summed: dict[str, int] = {}
    for name, number in zip(names.take(pa.array(top)).to_pylist(), numbers[top].tolist(), strict=True):
        summed[name] = summed.get(name, 0) + int(number)
    return dict(sorted(summed.items(), key=lambda item: -item[1])[:keep])


def merged(first: Facts, second: Facts) -> Facts:
    """The facts of two parts of one column of the same role."""

    def both(a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
        return {k: a.get(k, 0) + b.get(k, 0) for k in {**a, **b}}

    return replace(
        first,
        blank=first.blank + second.blank,
        disguised=both(first.disguised, second.disguised),
        suspected=both(first.suspected, second.suspected),
        odd=both(first.odd, second.odd),
        odd_cells=first.odd_cells + second.odd_cells,
        padded=first.padded + second.padded,
        numeric=first.numeric + second.numeric,
    )
