"""Examples of any kind as rows of numbers for a kernel: how they look, which words, values or shapes they have.

A sight is told from some rows and then sees any row, in blocks, so that all examples can be judged by a fit on some.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.data.methods.columns import encoded
from trainloud.data.methods.convolution import bank, pooled
from trainloud.data.methods.kernel import COMPONENTS, WHITENED
from trainloud.data.methods.spans import LOWERED, blocks, flat, span_hashes, words
from trainloud.data.survey import SIDE, Measured, Survey

FILTERS = 100  # on pictures; twice as many order wrong labels no better at twice the cost
CELLS = 3  # a side of the pooling grid: better than 2 and 4
SOFT = 0.3  # whitening of the patches: better than 0.03, 0.1 and 1
FILTERS_FROM = 3000  # pictures that the filters are told from
WORDS = 2048  # columns that words share by their hash
TOPICS = 300  # principal components of texts,
EVEN = 0.7  # and how far they are whitened
LEVELS = 257  # quantiles that a column of numbers is measured by
RARE = 10  # rows of a word in a column; rarer ones are one
FREQUENT = 64  # words of a column that are told apart
COLUMNS = 1000  # of a table that are seen: of more, evenly spread ones
STEPS = 64  # that a series is brought to
CHANNELS = 16

See = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Sight:
    """How examples are seen."""

    see: See
    """Rows of the survey (n,) -> (n, d) float32, finite."""
    standardise: bool = True
    """False where loud columns are meant to be louder than others."""
    components: int = COMPONENTS
    whitened: float = WHITENED


def sight(survey: Survey, rows: np.ndarray) -> Sight:
    """Told from these rows (ascending), by the kind of the data."""
    if survey.kind == "images":
        return Sight(pictures(survey, rows))
    if survey.data.text:
        return Sight(texts(survey, rows), False, TOPICS, EVEN)
    if survey.data.series is not None:
        return Sight(series(survey))
    return Sight(cells(survey, rows))


def pictures(survey: Survey, rows: np.ndarray) -> See:
    """Pooled responses to whitened patches of the pictures, averaged with those of the mirrored picture (Coates, Lee,
    Ng 2011, sections 3 and 4.4). The mirror is harmless to digits, too."""
    sample = survey.pixels(rows[np.unique(np.linspace(0, len(rows) - 1, FILTERS_FROM).astype(int))], SIDE)
    grey = bool((sample[..., 0] == sample[..., 1]).all() and (sample[..., 1] == sample[..., 2]).all())
    channels = 1 if grey else 3
    filters = bank(sample[..., :channels].astype(np.float32), FILTERS, soft=SOFT)

    def see(rows: np.ndarray) -> np.ndarray:
        images = np.ascontiguousarray(survey.pixels(rows, SIDE)[..., :channels])
        return pooled(images, filters, CELLS) + pooled(np.ascontiguousarray(images[:, :, ::-1]), filters, CELLS)

    return see


def texts(survey: Survey, rows: np.ndarray) -> See:
    """Bags of words, weighed by how rare they are, of length 1 (Salton and Buckley 1988)."""

    def counts(rows: np.ndarray) -> np.ndarray:
        out: np.ndarray = np.zeros((len(rows), WORDS), np.float32)
        for first, part in blocks(survey.texts.take(pa.array(rows))):
            data, offsets = flat(part)
            begin, length, text = words(data, offsets)
            column = (span_hashes(LOWERED[data], begin, length) % np.uint64(WORDS)).astype(np.int64)
            found = np.bincount(text * WORDS + column, minlength=len(part) * WORDS)
            out[first : first + len(part)] = np.log1p(found.reshape(-1, WORDS))
        return out

    met = sum((counts(rows[a : a + 4096]) > 0).sum(axis=0) for a in range(0, len(rows), 4096))
    rarity = np.log((1 + len(rows)) / (1 + np.asarray(met))).astype(np.float32) + 1

    def see(rows: np.ndarray) -> np.ndarray:
        found = counts(rows) * rarity
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)

    return see


def series(survey: Survey) -> See:
    """Values of the first channels, brought to one number of steps by interpolation, and the length."""
    read = survey.data.series
    assert read is not None

    def one(row: int) -> np.ndarray:
        values = np.asarray(read(row), np.float32)[:CHANNELS]
        at = np.linspace(0, max(values.shape[1] - 1, 0), STEPS)
        out: np.ndarray = np.zeros(CHANNELS * STEPS + 1, np.float32)
        for c, channel in enumerate(values):
            known = np.flatnonzero(np.isfinite(channel))
            if len(known):
                out[c * STEPS : (c + 1) * STEPS] = np.interp(at, known, channel[known])
        out[-1] = np.log1p(values.shape[1])
        return out

    return lambda rows: np.stack([one(int(r)) for r in rows]) if len(rows) else np.zeros((0, CHANNELS * STEPS + 1))


def cells(survey: Survey, rows: np.ndarray) -> See:
    """Columns of a table: numbers by their rank, which no outlier moves; words one column each; missing cells told."""
    names = [c for c in survey.columns if survey.data.roles[c] in ("number", "time", "category")]
    if len(names) > COLUMNS:
        names = [names[i] for i in np.linspace(0, len(names) - 1, COLUMNS).astype(int)]
    known = _part(survey, names, rows)
    seen = [(_words if survey.data.roles[c] == "category" else _numbers)(known, c) for c in names]

    def see(rows: np.ndarray) -> np.ndarray:
        part = _part(survey, names, rows)
        found = [one(part) for one in seen]
        return np.concatenate(found, axis=1) if found else np.zeros((len(rows), 0), np.float32)

    return see


def _part(survey: Survey, names: Sequence[str], rows: np.ndarray) -> Survey:
    table = survey.data.table.select(list(names)).take(pa.array(rows))
    roles = {c: survey.data.roles[c] for c in names}
    return Survey(replace(survey.data, table=table, split=survey.split[rows], roles=roles), Measured(), survey.limits)


def _numbers(known: Survey, column: str) -> Callable[[Survey], np.ndarray]:
    """Two columns: the rank, -1 to 1, and whether there is a value."""
    values = known.number(column)
    values = values[np.isfinite(values)]
    marks, place = np.zeros(1), np.zeros(1)
    if len(values):
        # Equal values get the middle of their ranks.
        marks, inverse = np.unique(np.quantile(values, np.linspace(0, 1, LEVELS)), return_inverse=True)
        place = np.bincount(inverse, np.linspace(-1, 1, LEVELS)) / np.bincount(inverse)

    def see(part: Survey) -> np.ndarray:
        found = part.number(column)
        there = np.isfinite(found)
        rank = np.where(there, np.interp(np.where(there, found, 0), marks, place), 0)
        return np.stack([rank, there], axis=1).astype(np.float32)

    return see


def _words(known: Survey, column: str) -> Callable[[Survey], np.ndarray]:
    """One column a frequent word; missing cells and rare words have none."""
    codes, spelled = encoded(known, column)
    counts = np.bincount(codes[codes >= 0], minlength=len(spelled))
    frequent = np.argsort(-counts, kind="stable")[:FREQUENT]
    frequent = frequent[counts[frequent] >= RARE]
    told = spelled.take(pa.array(frequent))

    def see(part: Survey) -> np.ndarray:
        codes, spelled = encoded(part, column)
        place = pc.fill_null(pc.index_in(spelled, value_set=told), -1).to_numpy(zero_copy_only=False)
        return (np.append(place, -1)[codes][:, None] == np.arange(len(told))).astype(np.float32)

    return see
