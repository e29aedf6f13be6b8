"""Texts as bytes: words, shingles and digests of many at once, without a loop over them in Python."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BLOCK = 8 << 20  # bytes of text that are worked on at once; temporary arrays take about ten times as much
LONGEST = 1 << 20  # characters of one text that are looked at; lengths are counted of the whole

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2**64 divided by the golden ratio, odd
_MASKS = np.array([(1 << 8 * k) - 1 for k in range(9)], np.uint64)  # keeps the first k of eight bytes

_ascii: np.ndarray = np.arange(256, dtype=np.uint8)
UPPER = (_ascii >= 65) & (_ascii <= 90)
LOWER_LETTER = (_ascii >= 97) & (_ascii <= 122)
DIGIT = (_ascii >= 48) & (_ascii <= 57)
WIDE = _ascii >= 128  # a byte of a character beyond ASCII
WORD = UPPER | LOWER_LETTER | DIGIT | WIDE | (_ascii == 95)
LOWERED = np.where(UPPER, _ascii + 32, _ascii).astype(np.uint8)


def mix(x: np.ndarray) -> np.ndarray:
    """A bijection of uint64 that lets every bit of the input reach every bit of the output (Steele, Lea, Flood 2014,
    "Fast Splittable Pseudorandom Number Generators", mix64)."""
    x = x ^ (x >> np.uint64(30))
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def flat(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of all texts end to end, and where each begins: (b,) uint8 and (n + 1,) int64. Missing ones are ""."""
    texts = pc.fill_null(pc.cast(texts, pa.large_string()), "")
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    _, offsets, data = texts.buffers()
    at = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    if data is None or not len(at):
        return np.zeros(0, np.uint8), np.zeros(len(texts) + 1, np.int64)
    return np.frombuffer(data, np.uint8)[at[0] : at[-1]], at - at[0]


def blocks(texts: pa.ChunkedArray, size: int = BLOCK) -> Iterator[tuple[int, pa.Array]]:
    """The texts in runs of about `size` bytes, with the row of the first; each text cut at LONGEST characters."""
    row = 0
    for chunk in texts.chunks:
        chunk = pc.fill_null(pc.cast(chunk, pa.large_string()), "")
        lengths = pc.binary_length(chunk).to_numpy(zero_copy_only=False).astype(np.int64)
        ends = np.cumsum(np.minimum(lengths, 4 * LONGEST))
        first = 0
        while first < len(chunk):
            before = ends[first - 1] if first else 0
            last = max(int(np.searchsorted(ends, before + size, side="right")), first + 1)
            part = chunk.slice(first, last - first)
            if lengths[first:last].max() > LONGEST:
                part = pc.utf8_slice_codeunits(part, 0, LONGEST)
            yield row + first, part
            first = last
        row += len(chunk)


def eight(data: np.ndarray) -> np.ndarray:
    """(b,) uint64: at each byte the eight bytes that begin there, zeros beyond the end; not aligned."""
    padded = np.concatenate([data, np.zeros(8, np.uint8)])
    return np.ndarray(len(data) + 1, "<u8", padded, strides=(1,))


def span_hashes(data: np.ndarray, starts: np.ndarray, lengths: np.ndarray, seed: int = 0) -> np.ndarray:
    """(m,) uint64: a hash of the bytes of each span, equal for equal bytes. Two seeds give two independent hashes."""
    if not len(starts):
        return np.zeros(0, np.uint64)
    pieces = np.maximum((lengths + 7) // 8, 1)
    first = np.cumsum(pieces) - pieces
    inside = np.arange(int(pieces.sum())) - np.repeat(first, pieces)
    left = np.clip(np.repeat(lengths, pieces) - 8 * inside, 0, 8)
    words = eight(data)[np.minimum(np.repeat(starts, pieces) + 8 * inside, len(data))] & _MASKS[left]
    key = mix(np.array([seed + 1], np.uint64))
    hashed = mix(words + (inside.astype(np.uint64) + key) * _GOLDEN)
    whole: np.ndarray = np.add.reduceat(hashed, first)
    return mix(whole ^ mix(lengths.astype(np.uint64) + key))


def digests(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(n, 2) uint64: a digest of each text, never all zero; not safe against somebody who makes texts collide."""
    lengths = np.diff(offsets)
    two = [span_hashes(data, offsets[:-1], lengths, seed) for seed in (0, 1)]
    two[1] |= np.uint64(1)  # all zero stands for what could not be read
    return np.stack(two, axis=1)


def words(data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each word begins, its length in bytes, and its text's number: runs of letters, digits and "_"; every
    character beyond ASCII counts as a letter. No word reaches over two texts."""
    if not len(data):
        nothing: np.ndarray = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    inside = WORD[data]
    starts, ends = inside.copy(), inside.copy()
    starts[1:] &= ~inside[:-1]
    ends[:-1] &= ~inside[1:]
    edges = offsets[1:-1][(offsets[1:-1] > 0) & (offsets[1:-1] < len(data))]
    starts[edges] = inside[edges]
    ends[edges - 1] = inside[edges - 1]
    begin = np.flatnonzero(starts)
    text = np.asarray(np.searchsorted(offsets, begin, side="right"))
    return begin, np.flatnonzero(ends) + 1 - begin, text - 1


def plain(data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The texts in lower case (ASCII), every run of what is no word as one space: what is left has the same form as
    the result of `flat`. A text that holds a word ends in one space or none."""
    inside = WORD[data]
    keep = inside.copy()
    keep[1:] |= inside[:-1]
    begins = offsets[:-1][np.diff(offsets) > 0]
    keep[begins] = inside[begins]
    at = np.concatenate([[0], np.cumsum(keep)])
    return np.where(inside, LOWERED[data], 32).astype(np.uint8)[keep], at[offsets]


def counts(hits: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(n,) int64: how many of the bytes of each text are hit; `hits` is (b,) bool."""
    at = np.flatnonzero(hits)
    return np.diff(np.searchsorted(at, offsets)) if len(at) * 8 < len(hits) else _dense(hits, offsets)


def _dense(hits: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    running = np.concatenate([[0], np.cumsum(hits, dtype=np.int32)])
    return np.diff(running[offsets]).astype(np.int64)
