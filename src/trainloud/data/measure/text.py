"""What is measured of texts: length, words, kinds of characters, entropy, script, language, garbled encoding, markup.

Everything is counted on the bytes of UTF-8, many texts at once. Contents are compared exactly: the digest is of the
text as it is given, letter case, white space and Unicode form included.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.data.cache import Cache
from trainloud.data.dataset import Dataset, Limits
from trainloud.data.measure import Tell
from trainloud.data.measure.languages import LANGUAGES, SCRIPTS, language, script_letters
from trainloud.data.methods.spans import (
    DIGIT,
    LOWER_LETTER,
    LOWERED,
    UPPER,
    WIDE,
    blocks,
    counts,
    digests,
    flat,
    span_hashes,
    words,
)
from trainloud.data.survey import Measured

PIECE = 64 << 20  # bytes of text a piece that is kept in the cache
ENTROPY_CELLS = 4 << 20  # of the histograms that are made at once: texts x 256 bytes

UNITS = {
    "length": "characters",
    "words": "words",
    "non-ASCII share": "share of the characters",
    "upper-case share": "share of the letters A to Z",
    "digit share": "share of the characters",
    "punctuation share": "share of the characters",
    "white-space share": "share of the characters",
    "distinct-word share": "share of the words",
    "entropy": "bits a byte",
    "garbled sequences": "a text",
    "replacement characters": "a text",
    "control characters": "a text",
    "markup": "HTML tags and entities a text",
    "links": "web addresses a text",
    "foreign-script share": "share of the letters",
}

_bytes = np.arange(256)
PUNCTUATION = (_bytes > 32) & (_bytes < 127) & ~(UPPER | LOWER_LETTER | DIGIT)
WHITE = np.isin(_bytes, [9, 10, 11, 12, 13, 32])
STRAY = ((_bytes < 32) & ~WHITE) | (_bytes == 127)
LEAD = (_bytes >= 0xC0) | (_bytes < 0x80)  # the first byte of every character

# UTF-8 that was read as Latin-1 or Windows-1252 and written as UTF-8 again: é -> Ã©, ’ -> â€™, п -> Ð¿.
_CP1252 = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
GARBLED = (
    rf"[ÂÃ][\x{{80}}-\x{{BF}}]|Ã[{_CP1252}]|â€[{_CP1252}¦\x{{80}}-\x{{9F}}]|â\x{{80}}|ï»¿|ï¿½"
    rf"|(?:[ÐÑ][\x{{80}}-\x{{BF}}{_CP1252}]){{2,}}"
)
_TAGS = (
    "a|abbr|b|big|blockquote|body|br|center|code|dd|div|dl|dt|em|font|form|h[1-6]|head|hr|html|i|iframe|img|input|li"
    "|link|meta|nbsp|ol|option|p|pre|s|script|select|small|span|strike|strong|style|sub|sup|table|tbody|td|th|title"
    "|tr|tt|u|ul"
)
# Tags of HTML, and entities; " #39;" is an entity that lost its ampersand.
MARKUP = (
    rf"(?i)</?(?:{_TAGS})(?:\s[^<>]{{0,400}})?/?>|&(?:[a-z]{{2,8}}|#[0-9]{{1,6}}|#x[0-9a-f]{{1,5}});|#[0-9]{{2,4}};"
)
LINKS = r"(?i)https?://|\bwww\.[a-z0-9]"


def measure(data: Dataset, limits: Limits, cache: Cache, tell: Tell) -> Measured:
    """Axes, script and language words, and content digests of the texts of `data.text`."""
    texts = data.table.column(data.text)
    parts, first = [], 0
    for piece in _pieces(texts):
        kept = cache.arrays(f"text-{first}")
        if kept is None:
            tell("measuring the texts", first, len(texts))
            kept = _of_piece(piece)
            cache.keep_arrays(f"text-{first}", kept)
        parts.append(kept)
        first += len(piece)
    tell("measuring the texts", len(texts), len(texts))
    return assembled(parts)


def _pieces(texts: pa.ChunkedArray) -> Sequence[pa.ChunkedArray]:
    """The texts in runs of about PIECE bytes."""
    bounds = [row for row, _ in blocks(texts, PIECE)] + [len(texts)]
    return [texts.slice(a, b - a) for a, b in itertools.pairwise(bounds)]


def assembled(parts: Sequence[dict[str, np.ndarray]]) -> Measured:
    """One `Measured` of the pieces in order; only now it is known which script is the common one."""
    if not parts:
        return Measured()
    all_of = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    letters = all_of.pop("script letters")  # (n, scripts)
    whole = letters.sum(axis=1)
    common = int(letters.sum(axis=0).argmax())
    axes = {k: v for k, v in all_of.items() if k in UNITS}
    axes["foreign-script share"] = (1 - _over(letters[:, common], whole)).astype(np.float32)
    named = {
        "script": (np.where(whole > 0, letters.argmax(axis=1), -1).astype(np.int32), SCRIPTS),
        "language": (all_of["language"], LANGUAGES),
    }
    return Measured(axes=axes, units=UNITS, words=named, content=all_of["content"])


def _of_piece(texts: pa.ChunkedArray) -> dict[str, np.ndarray]:
    found = [_of_block(part) for _, part in blocks(texts)]
    out = {k: np.concatenate([f[k] for f in found]) for k in found[0]}
    # Of texts longer than what is looked at, the length and the digest are still of the whole.
    out["length"] = pc.utf8_length(texts).to_numpy().astype(np.float32)
    for row in np.flatnonzero(pc.binary_length(texts).to_numpy() > 1 << 20):
        data, offsets = flat(texts.slice(int(row), 1))
        out["content"][row] = digests(data, offsets)[0]
    return out


def _of_block(texts: pa.Array) -> dict[str, np.ndarray]:
    """Name -> one entry a text; counts as float32."""
    data, offsets = flat(texts)
    n = len(texts)
    characters = counts(LEAD[data], offsets)
    wide = counts(WIDE[data] & LEAD[data], offsets)
    upper, lower = counts(UPPER[data], offsets), counts(LOWER_LETTER[data], offsets)
    begin, length, text = words(data, offsets)
    lowered = LOWERED[data]
    hashes = span_hashes(lowered, begin, length)
    number = np.bincount(text, minlength=n)
    found = {
        "words": number,
        "non-ASCII share": _over(wide, characters),
        "upper-case share": _over(upper, upper + lower),
        "digit share": _over(counts(DIGIT[data], offsets), characters),
        "punctuation share": _over(counts(PUNCTUATION[data], offsets), characters),
        "white-space share": _over(counts(WHITE[data], offsets), characters),
        "distinct-word share": _over(_distinct(hashes, text, n), number),
        "entropy": _entropy(data, offsets),
        "control characters": counts(STRAY[data], offsets) + _pairs(data, offsets, wide),
        "replacement characters": _triples(data, offsets, wide),
        "garbled sequences": _matches(texts, GARBLED, wide > 0),
        "markup": _matches(texts, MARKUP, counts((data == 59) | (data == 62), offsets) > 0),  # ";" or ">"
        "links": _matches(texts, LINKS, counts((data == 58) | (data == 46), offsets) > 0),  # ":" or "."
    }
    return {k: v.astype(np.float32) for k, v in found.items()} | {
        "content": digests(data, offsets),
        "script letters": script_letters(data, offsets, upper + lower, wide),
        "language": language(hashes, text, number),
    }


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The quotient; NaN where there is nothing to take a share of."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _distinct(hashes: np.ndarray, text: np.ndarray, n: int) -> np.ndarray:
    """(n,) how many different words each text has: texts in the upper 24 bits of a key, the words' hash below."""
    assert n < 1 << 24
    key = np.sort((text.astype(np.uint64) << np.uint64(40)) | (hashes >> np.uint64(24)))
    new: np.ndarray = np.ones(len(key), bool)
    new[1:] = key[1:] != key[:-1]
    return np.bincount((key[new] >> np.uint64(40)).astype(np.int64), minlength=n)


def _entropy(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(n,) Shannon entropy of the bytes of each text in bits; NaN for empty texts."""
    n = len(offsets) - 1
    size = np.diff(offsets)
    out = np.full(n, np.nan)
    for first in range(0, n, ENTROPY_CELLS // 256):
        last = min(first + ENTROPY_CELLS // 256, n)
        span = data[offsets[first] : offsets[last]]
        owner: np.ndarray = np.repeat(np.arange(last - first), size[first:last])
        histogram = np.bincount(owner * 256 + span, minlength=(last - first) * 256)
        filled = np.flatnonzero(histogram)
        c = histogram[filled].astype(np.float64)
        summed = np.bincount(filled >> 8, c * np.log2(c), minlength=last - first)
        length = size[first:last]
        some = length > 0
        out[first:last][some] = np.log2(length[some]) - summed[some] / length[some]
    return out


def _pairs(data: np.ndarray, offsets: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """(n,) control characters U+0080 to U+009F, but U+0085, which is a line end."""
    if not wide.any():
        return np.zeros(len(wide), np.int64)
    hit: np.ndarray = np.zeros(len(data), bool)
    hit[:-1] = (data[:-1] == 0xC2) & (data[1:] < 0xA0) & (data[1:] != 0x85)
    return counts(hit, offsets)


def _triples(data: np.ndarray, offsets: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """(n,) characters U+FFFD, which stand for bytes that could not be read."""
    if not wide.any():
        return np.zeros(len(wide), np.int64)
    hit: np.ndarray = np.zeros(len(data), bool)
    hit[:-2] = (data[:-2] == 0xEF) & (data[1:-1] == 0xBF) & (data[2:] == 0xBD)
    return counts(hit, offsets)


def _matches(texts: pa.Array, pattern: str, which: np.ndarray) -> np.ndarray:
    """(n,) matches of the pattern in the texts that may hold one."""
    out: np.ndarray = np.zeros(len(texts), np.int64)
    rows = np.flatnonzero(which)
    if len(rows):
        out[rows] = pc.count_substring_regex(texts.take(pa.array(rows)), pattern).to_numpy(zero_copy_only=False)
    return out
