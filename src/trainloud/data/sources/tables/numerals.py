"""Words that are numbers, in the ways of writing them that are met: 1234.5, 1,234.5, 1 234,5, 12 %, $3.

Everything works on arrays of different words with their counts, never cell by cell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PLAIN = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity)$"
EXACT_DIGITS = 15  # a whole number of more digits is not always exact as float64
CODE_DIGITS = 4  # whole numbers of one length from this on, some with a leading zero, are codes (postcodes)

Words = Any  # pa.Array or pa.ChunkedArray


@dataclass(frozen=True)
class Style:
    """One way of writing numbers."""

    name: str
    """In words, for the person; "" for the plain one."""
    pattern: str
    """What is written in this way."""
    also: str
    """What is plain and may stand beside it; numbers that it does not take speak against the style."""
    plain: Callable[[Words], Words]
    """Rewrites a word of this style as a plain number."""
    speaks: str = ""
    """What at least one word must be for the style to be met beyond doubt; "" where any word of `pattern` is."""
    doubt: str = ""
    """What is said where no word is: the style is taken all the same; "" where it is not."""


def _without(pattern: str, words: Words) -> Words:
    return pc.replace_substring_regex(words, pattern, "")


def _point(words: Words, drop: str) -> Words:
    return pc.replace_substring(_without(drop, words), ",", ".")


_SPACES = r"[ \x{a0}\x{202f}'’]"
_MONEY = r"[$€£¥₹]|USD|EUR|GBP|CHF"
_GAP = r"[ \x{a0}\x{202f}]?"
_POINTED = r"[1-9]\d{0,2}(?:\.\d{3})+"  # thousands with points, "6.611"; "0.611" is none
_CONTINENTAL = rf"(?:(?:{_POINTED}|\d+)(?:,\d+)?)"
_ENGLISH = r"(?:(?:\d+|\d{1,3}(?:,\d{2,3})*,\d{3})(?:\.\d+)?)"


def _with_money(amount: str) -> str:
    """The amount with a sign of currency before or behind it."""
    return rf"^[+-]?(?:{_MONEY}){_GAP}[+-]?{amount}$|^[+-]?{amount}{_GAP}(?:{_MONEY})$"


def _bare(drop: str) -> Callable[[Words], Words]:
    """Without the currency and what separates thousands, the decimal comma as a point."""
    return lambda w: _point(w, rf"{_GAP}(?:{_MONEY}){_GAP}|{drop}")


STYLES = (
    Style(
        "thousands separated by commas",
        r"^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$",
        r"^[+-]?\d{1,3}(?:\.\d+)?$",
        lambda w: _without(",", w),
    ),
    Style(
        "with a decimal comma",
        r"^[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)(?:[eE][+-]?\d+)?$",
        r"^[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)$",
        lambda w: _point(w, r"\."),
    ),
    Style(
        "thousands separated by points",
        rf"^[+-]?{_POINTED}$",
        r"^[+-]?\d{1,3}$",
        lambda w: _without(r"\.", w),
        speaks=r"\.\d{3}\.\d{3}$",
    ),
    Style(
        "thousands separated by spaces or apostrophes",
        rf"^[+-]?\d{{1,3}}(?:{_SPACES}\d{{3}})+(?:[.,]\d+)?$",
        r"^[+-]?\d{1,3}(?:[.,]\d+)?$",
        lambda w: _point(w, _SPACES),
    ),
    Style("in per cent", r"^[+-]?(?:\d+\.?\d*|\.\d+) ?%$", r"^[+-]?0+(?:\.0+)?$", lambda w: _without(" ?%", w)),
    Style(
        "with a currency, thousands separated by points",
        _with_money(_CONTINENTAL),
        rf"^[+-]?{_CONTINENTAL}$",
        _bare(r"\."),
        speaks=rf"\.\d{{3}}\.\d{{3}}|\.\d{{3}},\d|,(?:\d{{1,2}}|\d{{4,}}){_GAP}(?:{_MONEY})?$",
        doubt="every point has three digits behind it, which could be decimals as well",
    ),
    Style(
        "with a currency",
        _with_money(_ENGLISH),
        r"^[+-]?0+(?:\.0+)?$",
        lambda w: _without(rf"{_GAP}(?:{_MONEY}){_GAP}|,", w),
    ),
)


def mask(result: Words) -> np.ndarray:
    """A boolean result of pyarrow as numpy, null as False."""
    return pc.fill_null(result, False).to_numpy(zero_copy_only=False) if len(result) else np.zeros(0, bool)


def matches(words: Words, pattern: str) -> np.ndarray:
    return mask(pc.match_substring_regex(words, pattern))


def straight(words: Words) -> np.ndarray | None:
    """(k,) float64, NaN for null, where every word is a finite plain number; None if one is not, or may be a code."""
    try:
        values = pc.cast(words, pa.float64())
    except pa.ArrowInvalid:
        return None
    found = _floats(values)
    if not np.isfinite(found).all() and np.isfinite(found).sum() != len(words) - words.null_count:
        return None
    return found


def floats(words: Words, valid: np.ndarray) -> np.ndarray:
    """(k,) float64 of the words that are plain numbers by `valid`, NaN for the others."""
    kept = pc.if_else(pa.array(valid), words, pa.scalar(None, words.type))
    return _floats(pc.cast(kept, pa.float64()))


def _floats(values: Words) -> np.ndarray:
    return pc.fill_null(values, np.nan).to_numpy(zero_copy_only=False) if len(values) else np.zeros(0)


def styled(words: Words, style: Style, comma: bool) -> tuple[np.ndarray, np.ndarray, str] | None:
    """(values, valid, doubt in words) of the words read in this style; None where the words do not speak for it.

    `comma`: the file separates by something else than commas, so that "1,234" is rather 1.234.
    """
    own = matches(words, style.pattern)
    if not own.any():
        return None
    also = matches(words, style.also)
    if (matches(words, PLAIN) & ~also & ~own).any():
        return None
    if style is STYLES[0] and comma and not matches(words, r",\d{3},|\.").any():
        return None  # only ever one comma: a decimal one
    if style is STYLES[1] and not comma and not (own & matches(words, r",(?:\d{1,2}|\d{4,})$")).any():
        return None  # always three digits after the comma: thousands
    valid, doubt = own | also, ""
    if style.speaks and not (valid & matches(words, style.speaks)).any():
        one = _first(words, own & matches(words, r"\.\d{3}"))
        if not style.doubt or not one:
            return None
        doubt = (
            f'"{one}" is taken for {pc.cast(style.plain(pa.array([one])), pa.float64())[0].as_py():,.0f}: {style.doubt}'
        )
    return floats(style.plain(words), valid), valid, doubt


def _first(words: Words, which: np.ndarray) -> str:
    return str(words[int(which.argmax())].as_py()) if which.any() else ""


def codes(words: Words) -> str:
    """Why these whole numbers are names rather than quantities; "" if nothing speaks for it."""
    lengths = pc.min_max(pc.binary_length(words)).as_py()
    low, high = lengths["min"] or 0, lengths["max"] or 0
    if high > EXACT_DIGITS:
        long = matches(words, rf"^[+-]?\d{{{EXACT_DIGITS + 1},}}$")
        if long.any() and long.mean() > 0.5:
            return f"whole numbers of up to {high} digits, which no float64 tells apart"
    if low == high >= CODE_DIGITS and matches(words, "^0").any() and matches(words, r"^\d+$").all():
        return f"whole numbers of {low} digits with leading zeros"
    return ""
