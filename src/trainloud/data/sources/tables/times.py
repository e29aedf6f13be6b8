"""Words that are dates or times, as microseconds since 1970: ISO 8601, and the common ways of writing a date.

Day and month are told apart by a value above 12; where no value of the column tells, it stays a column of words.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.data.sources.tables.numerals import Words, matches

YEARS = (1677, 2262)  # what nanoseconds since 1970 can hold: what lies outside is no date met in data
SHORT_YEAR = 69  # two digits from this on are 19xx, below 20xx, as in POSIX
FEWEST_COMPACT = 10  # different 8-digit numbers that must all be dates: 4 % of random ones are, each
_CLOCK = r"(?:[T ,]+(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)? ?(?P<p>[AaPp]\.?[Mm]\.?)?)?"
_ZONE = r" ?(?P<z>Z|UTC|GMT|[+-]\d{2}:?\d{2})?$"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAME = r"(?P<m>(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))[a-z]*\.?"
_DAY = r"^(?:(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?"
ISO = rf"^(?P<y>\d{{4}})[-/.](?P<m>\d{{1,2}})(?:[-/.](?P<d>\d{{1,2}}))?{_CLOCK}{_ZONE}"
COMPACT = r"^(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})$"
NUMBERS = rf"^(?P<a>\d{{1,2}})[-/.](?P<b>\d{{1,2}})[-/.](?P<y>\d{{4}}|\d{{2}}){_CLOCK}{_ZONE}"
_NTH = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
DAY_NAME = rf"{_DAY}{_NTH}[-/. ]{{1,2}}{_NAME}[-/., ]{{1,2}}(?P<y>\d{{4}}|\d{{2}}){_CLOCK}{_ZONE}"
NAME_DAY = rf"{_DAY}{_NAME}[-/. ]{_NTH},? (?P<y>\d{{4}}){_CLOCK}{_ZONE}"
NOT_A_TIME = np.iinfo(np.int64).min


def times(words: Words) -> tuple[np.ndarray, str] | None:
    """((k,) int64 microseconds since 1970 in UTC, NOT_A_TIME for what is none; how it is written) of the one way of
    writing that most of the words have; None where none of them is a date."""
    best: tuple[np.ndarray, str] | None = None
    for pattern in (ISO, NUMBERS, DAY_NAME, NAME_DAY):
        if not matches(words.slice(0, 1000), pattern).any():
            continue
        found = _read(words, pattern)
        if found is not None and (best is None or _valid(found[0]) > _valid(best[0])):
            best = found
    return best if best is not None and _valid(best[0]) else None


def compact(words: Words) -> np.ndarray | None:
    """Microseconds of words such as 20110131, where all of at least FEWEST_COMPACT different ones are days."""
    low_high = pc.min_max(pc.binary_length(words)).as_py()
    if low_high != {"min": 8, "max": 8}:
        return None
    found = _read(words, COMPACT)
    if found is None or (found[0] == NOT_A_TIME).any() or pc.count_distinct(words).as_py() < FEWEST_COMPACT:
        return None
    return found[0]


def ambiguous(words: Words) -> bool:
    """Whether these are dates in numbers of which nothing tells day from month."""
    return bool(matches(words, NUMBERS).mean() > 0.9)


def _valid(found: np.ndarray) -> int:
    return int((found != NOT_A_TIME).sum())


def _read(words: Words, pattern: str) -> tuple[np.ndarray, str] | None:
    parts = pc.extract_regex(words, pattern)
    parts = parts.combine_chunks() if isinstance(parts, pa.ChunkedArray) else parts
    if isinstance(parts, pa.ChunkedArray):  # of no words at all
        return None
    fields = {parts.type.field(i).name: parts.field(i) for i in range(parts.type.num_fields)}
    there = pc.is_valid(parts).to_numpy(zero_copy_only=False)
    written = "as ISO 8601"
    if "a" in fields:
        first, second = _whole(fields["a"]), _whole(fields["b"])
        dotted = matches(words, r"^\d{1,2}\.\d{1,2}\.\d{4}").mean() > 0.5  # as in Germany: the day stands first
        day_first = bool(((first > 12) & (second <= 12)).any())
        month_first = bool(((first <= 12) & (second > 12)).any())
        if day_first == month_first and not (dotted and not month_first):
            return None  # nothing tells, or one column in both orders
        day, month = (second, first) if month_first else (first, second)
        written = "month first" if month_first else "day first"
    else:
        day = _whole(fields["d"], empty=1)
        month = _named(fields["m"]) if pattern in (DAY_NAME, NAME_DAY) else _whole(fields["m"])
        written = "with the name of the month" if pattern in (DAY_NAME, NAME_DAY) else written
    stamps = _stamps(_whole(fields["y"]), month, day, fields)
    stamps[~there] = NOT_A_TIME
    return stamps, written


def _whole(texts: pa.Array, empty: int = 0) -> np.ndarray:
    """(k,) int64 of digits; `empty` for none."""
    kept = pc.if_else(pc.equal(texts, ""), pa.scalar(str(empty)), texts)
    return pc.fill_null(pc.cast(kept, pa.int64()), 0).to_numpy(zero_copy_only=False).astype(np.int64)


def _named(texts: pa.Array) -> np.ndarray:
    place = pc.index_in(pc.utf8_lower(texts), value_set=pa.array(_MONTHS))
    return pc.fill_null(place, -1).to_numpy(zero_copy_only=False).astype(np.int64) + 1


def _stamps(year: np.ndarray, month: np.ndarray, day: np.ndarray, fields: dict[str, pa.Array]) -> np.ndarray:
    """Microseconds; NOT_A_TIME where there is no such day or hour."""
    year = np.where(year < 100, year + np.where(year >= SHORT_YEAR, 1900, 2000), year)
    valid = (year >= YEARS[0]) & (year <= YEARS[1]) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(valid, (year - 1970) * 12 + month - 1, 0).astype("M8[M]")
    days = months.astype("M8[D]") + (np.where(valid, day, 1) - 1)
    valid &= days.astype("M8[M]") == months
    stamp = days.astype("M8[us]").astype(np.int64)
    if "H" not in fields or not pc.any(pc.not_equal(fields["H"], "")).as_py():
        return np.where(valid, stamp, NOT_A_TIME)
    hour, minute, second = (_whole(fields[k]) for k in "HMS")
    half = pc.utf8_lower(pc.utf8_slice_codeunits(fields["p"], 0, 1))
    afternoon, morning = (pc.fill_null(pc.equal(half, x), False).to_numpy(zero_copy_only=False) for x in "pa")
    hour = np.where(afternoon & (hour < 12), hour + 12, np.where(morning & (hour == 12), 0, hour))
    # 24:00:00 ends a day; a leap second has the number 60.
    valid &= ((hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))) & (minute < 60) & (second <= 60)
    fraction = _whole(pc.utf8_slice_codeunits(pc.utf8_rpad(fields["f"], 6, "0"), 0, 6))
    stamp = stamp + ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction
    zone = fields["z"]
    if pc.any(pc.greater(pc.binary_length(zone), 3)).as_py():
        digits = pc.replace_substring_regex(zone, r"[^\d]", "")
        east = _whole(pc.utf8_slice_codeunits(digits, 0, 2)) * 60 + _whole(pc.utf8_slice_codeunits(digits, 2, 4))
        sign = pc.fill_null(pc.starts_with(zone, "-"), False).to_numpy(zero_copy_only=False)
        stamp = stamp - np.where(sign, -east, east) * 60_000_000
    return np.where(valid, stamp, NOT_A_TIME)
