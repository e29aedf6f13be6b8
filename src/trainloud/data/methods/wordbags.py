"""Texts as bags of words: which words stand in which text, and a matrix that a probe is fitted on."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from trainloud.data.methods.spans import LOWERED, blocks, flat, span_hashes, words
from trainloud.data.survey import Survey

WIDTH = 2048  # columns of a bag: words share them by their hash; 4,096 tell 1 to 2 % more at six times the cost
LENGTH = 10.0  # of each row: the penalty's search begins near the best


@dataclass(frozen=True)
class Presence:
    """Which words stand in which texts, each word of a text once."""

    text: np.ndarray
    """(p,) int32 place of the text among the rows that were asked for, ascending."""
    word: np.ndarray
    """(p,) int32 number of the word."""
    spelling: tuple[str, ...]
    """Each word in lower case (ASCII)."""


def presence(survey: Survey, rows: np.ndarray, least: int = 1) -> Presence:
    """Words of the texts of these rows that stand in `least` texts and more."""
    keys, spans = [], []
    first_seen: dict[int, bytes] = {}
    for first, part in blocks(survey.texts.take(pa.array(rows))):
        data, offsets = flat(part)
        begin, length, text = words(data, offsets)
        lowered = LOWERED[data]
        hashes = span_hashes(lowered, begin, length)
        pair = np.lexsort((hashes, text))
        new: np.ndarray = np.ones(len(pair), bool)
        new[1:] = (hashes[pair][1:] != hashes[pair][:-1]) | (text[pair][1:] != text[pair][:-1])
        keys.append(hashes[pair[new]])
        spans.append((text[pair[new]] + first).astype(np.int32))
        known, at = np.unique(hashes, return_index=True)
        for h, i in zip(known.tolist(), at.tolist(), strict=True):
            if h not in first_seen:
                first_seen[h] = lowered[begin[i] : begin[i] + length[i]].tobytes()
    every = np.concatenate(keys) if keys else np.zeros(0, np.uint64)
    known, number, texts = np.unique(every, return_inverse=True, return_counts=True)
    kept = texts >= least
    place = np.cumsum(kept) - 1
    keep = kept[number]
    spelling = tuple(first_seen[h].decode("utf-8", "replace") for h in known[kept].tolist())
    text = np.concatenate(spans) if spans else np.zeros(0, np.int32)
    return Presence(text[keep], place[number][keep].astype(np.int32), spelling)


def bag(survey: Survey, rows: np.ndarray, width: int = WIDTH) -> np.ndarray:
    """(m, width) float32: log(1 + words of the text in the column), columns weighed by how rare they are, each text of
    length LENGTH (Salton and Buckley 1988, "Term-weighting approaches in automatic text retrieval")."""
    out: np.ndarray = np.zeros((len(rows), width), np.float32)
    for first, part in blocks(survey.texts.take(pa.array(rows))):
        data, offsets = flat(part)
        begin, length, text = words(data, offsets)
        column = (span_hashes(LOWERED[data], begin, length) % np.uint64(width)).astype(np.int64)
        counted = np.bincount(text * width + column, minlength=len(part) * width)
        out[first : first + len(part)] = np.log1p(counted.reshape(-1, width))
    out *= np.log((1 + len(rows)) / (1 + (out > 0).sum(axis=0))).astype(np.float32)
    return out * (LENGTH / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6))
