"""Digests of the rows of a table, column by column, equal exactly for equal cells."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.data.methods.columns import encoded
from trainloud.data.methods.spans import mix
from trainloud.data.survey import Survey

BLOCK = 1 << 16  # rows at a time, so that the intermediates stay in the processor's cache
MISSING = np.uint64(0x9E3779B97F4A7C15)
LANES = np.uint64(0xD1342543DE82EF95), np.uint64(0xAF251AF3B0F025B5)


def row_digests(survey: Survey, columns: Sequence[str]) -> np.ndarray:
    """(n, 2) uint64 of these columns' cells: numbers by value (0 and -0 alike), words by their UTF-8, missing cells
    alike. Never all zero. Two different rows collide with probability of about 2^-128."""
    state: np.ndarray = np.full((2, len(survey)), 1, np.uint64)
    for column in columns:
        cells: np.ndarray = cell_digests(survey, column)
        for at in range(0, len(cells), BLOCK):
            part = slice(at, at + BLOCK)
            absorb(state[:, part], cells[part])
    for lane in state:
        for at in range(0, len(lane), BLOCK):
            lane[at : at + BLOCK] = mix(lane[at : at + BLOCK])
    state[0][(state == 0).all(axis=0)] = 1
    return np.ascontiguousarray(state.T)


def absorb(state: np.ndarray, cells: np.ndarray) -> None:
    """Take one column's digests (m,) into the state (2, m), in place; the order of columns matters."""
    state[0] *= LANES[0]
    state[0] += cells
    # The second lane sees the digests in another arrangement of bits, so that the lanes do not collide together.
    state[1] *= LANES[1]
    state[1] ^= (cells << np.uint64(27)) | (cells >> np.uint64(37))


def cell_digests(survey: Survey, column: str) -> np.ndarray:
    """(n,) uint64 of one column."""
    if survey.data.roles[column] in ("number", "time"):
        values = survey.number(column)
        bits = np.ascontiguousarray(values + 0.0).view(np.uint64)  # -0.0 + 0.0 is 0.0
        cells: np.ndarray = np.empty(len(bits), np.uint64)
        for at in range(0, len(bits), BLOCK):
            cells[at : at + BLOCK] = mix(bits[at : at + BLOCK])
        cells[np.isnan(values)] = MISSING
        return cells
    codes, words = encoded(survey, column)
    return np.append(word_digests(words), MISSING)[codes]  # code -1 is the last


def word_digests(words: pa.Array) -> np.ndarray:
    """(k,) uint64 of each word's UTF-8."""
    if not len(words):
        return np.zeros(0, np.uint64)
    raw = pc.cast(words, pa.large_binary() if pa.types.is_large_string(words.type) else pa.binary()).to_pylist()
    joined = b"".join(hashlib.blake2b(w or b"", digest_size=8).digest() for w in raw)
    return np.frombuffer(joined, "<u8").astype(np.uint64)
