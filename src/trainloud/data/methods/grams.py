"""A stream of characters as n-grams see it: bits a character against how far back they look.

Interpolated discounting, with three discounts (Chen and Goodman 1999, "An empirical study of smoothing techniques for
language modeling", section 2.7 and equation 26), counted on seven eighths of the stream and measured on the rest; and a
cache, which counts again what followed the same last characters shortly before (Kuhn and De Mori 1990, "A Cache-Based
Natural Language Model"), for what lies beyond the reach of any n-gram.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.core.answer import Answer, Point, Prediction, Verdict
from trainloud.data.methods.retention import CLEAR, Kept, Refused, retained, spread_of
from trainloud.data.survey import SEED, Survey

MOST = 1_200_000  # characters that are counted and measured; of more, evenly spread runs
FEWEST = 5_000  # characters that are worth an experiment
RUN = 1_000  # characters of a run that lies on one side, counted or measured, as a whole,
RUNS = 400  # or fewer, so that there are so many runs
LONG = 20  # runs; a longer row is cut into runs
HELD = 8  # one run of so many is measured
ORDERS = 8  # characters back at most
NEAR = 4  # characters that must agree for the cache to take a place as alike
WEIGHTS = (0.5, 1.0, 2.0, 4.0, 8.0)  # alike places for which the cache counts as much as the n-gram; the best is taken
BITS = "bits a character"
_BASE = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Stream:
    """Rows of characters end to end, a line end after each."""

    x: np.ndarray
    """(t,) int64 number of each symbol, by how frequent it is."""
    symbols: tuple[str, ...]
    held: np.ndarray
    """(h,) int64 places that are measured, ascending; what the others are followed by is counted."""
    counted: np.ndarray
    """(t - h,) int64 the others."""
    run: np.ndarray
    """(h,) int64 run of each measured place, from 0."""
    place: np.ndarray
    """(t,) int64 place of each character in its row."""


@dataclass(frozen=True)
class Spelled:
    """One model, measured."""

    name: str
    chance: np.ndarray
    """(h,) float64 probability that it gave to what came."""

    @property
    def bits(self) -> float:
        return float(-np.log2(self.chance).mean())


def stream(survey: Survey) -> Stream:
    """The characters of the training rows, made once. Raises Refused."""
    return survey.once("stream", lambda: _stream(survey))


def _stream(survey: Survey) -> Stream:
    rows = np.flatnonzero(survey.training)
    lengths = pc.fill_null(pc.utf8_length(survey.texts), 0).to_numpy()[rows] + 1
    whole = int(lengths.sum())
    if whole > MOST:  # runs of neighbouring rows, evenly spread
        run = (np.cumsum(lengths) - 1) // (10 * RUN)
        wanted = np.unique(np.linspace(0, int(run[-1]), max(MOST // (10 * RUN), 1)).astype(int))
        rows = rows[np.isin(run, wanted)]
    said = survey.texts.take(pa.array(rows)).to_pylist()
    joined = "".join(f"{s or ''}\n" for s in said)[: 2 * MOST]
    points = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    known, x, counts = np.unique(points, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    number: np.ndarray = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    if len(x) < FEWEST or len(known) < 2:
        raise Refused(f"{len(x):,} characters with {len(known)} symbols are too few to count; it takes {FEWEST:,}")
    size = np.array([len(s or "") + 1 for s in said], np.int64)
    row: np.ndarray = np.repeat(np.arange(len(said)), size)[: len(x)]
    place = np.arange(len(x)) - (np.cumsum(size) - size)[row]
    run, held = _runs(said, row, len(x), min(RUN, max(len(x) // RUNS, 10)))
    at = np.flatnonzero(held)
    return Stream(
        number[x], tuple(chr(c) for c in known[order]), at, np.flatnonzero(~held),
        np.unique(run[at], return_inverse=True)[1], place,
    )  # fmt: skip


def _runs(said: Sequence[str | None], row: np.ndarray, count: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """(t,) run of each character and (t,) whether it is measured. Rows are not cut but where they are very long, and
    equal rows lie on one side but where most rows repeat another."""
    first: dict[str, int] = {}
    size = np.bincount(row, minlength=len(said))
    begins = np.cumsum(size) - size
    own = np.array([first.setdefault(s or "", i) for i, s in enumerate(said)])
    if 2 * len(first) < len(said):
        own = np.arange(len(said))
    of_row = begins[np.minimum(own, row[-1])] // length
    long = size > LONG * length
    run = np.where(long[row], np.arange(count) // length, of_row[row])
    runs = int(run.max()) + 1
    taken = np.random.default_rng(SEED).permutation(runs) % HELD == 0
    return run, taken[run]


def grams(
    found: Stream, seen: np.ndarray | None = None, extra: np.ndarray | None = None, orders: int = ORDERS
) -> list[np.ndarray]:
    """For 0 .. `orders` characters back: (h,) probability of what came.

    `seen` (symbols,) int64: what each symbol looks like in the past; all differ by default. `extra` (t,) int64: what
    else is known at each place, from one character back on.
    """
    shown = np.arange(len(found.symbols)) if seen is None else seen
    look = (shown[found.x] + 1).astype(np.uint64)
    key: np.ndarray = np.zeros(len(found.x), np.uint64)
    chance = np.full(len(found.held), 1 / len(found.symbols))
    out, factor = [], np.uint64(1)
    for order in range(orders + 1):
        if order:
            factor = _times(factor, _BASE)
            past: np.ndarray = np.zeros(len(key), np.uint64)
            past[order:] = look[:-order]
            key = key + past * factor
            if order == 1 and extra is not None:
                key = key + (extra.astype(np.uint64) + np.uint64(1)) * np.uint64(0xD6E8FEB86659FD93)
        chance = _interpolated(key, found, chance)
        out.append(chance)
    return out


def _times(a: np.uint64, b: np.uint64) -> np.uint64:
    return np.uint64(int(a) * int(b) & (1 << 64) - 1)


def _interpolated(key: np.ndarray, found: Stream, lower: np.ndarray) -> np.ndarray:
    """(h,) probability with contexts `key` (t,), discounted and filled up by the shorter contexts' `lower`."""
    symbols = np.uint64(len(found.symbols) + 1)
    mixed = key * np.uint64(0xFF51AFD7ED558CCD)
    both = mixed * symbols + found.x.astype(np.uint64)
    pairs, first, times = np.unique(both[found.counted], return_index=True, return_counts=True)
    owners = mixed[found.counted][first]
    contexts, place = np.unique(owners, return_inverse=True)
    kinds = np.bincount(place)
    total = np.bincount(place, times)
    by_times = np.stack([np.bincount(place, times == t, len(contexts)) for t in (1, 2)])
    by_times = np.concatenate([by_times, (kinds - by_times.sum(axis=0))[None]])
    taken = _discounts(times)
    at, known = _found(contexts, mixed[found.held])
    hit, met = _found(pairs, both[found.held])
    count = np.where(met, times[hit], 0)
    off = np.where(count > 0, taken[np.minimum(count, 3) - 1], 0)
    left = taken @ by_times
    given = (np.maximum(count - off, 0) + left[at] * lower) / total[at]
    return np.where(known, given, lower)


def _discounts(times: np.ndarray) -> np.ndarray:
    """(3,) what is taken from pairs that came once, twice and more often (Chen and Goodman 1999, equation 26)."""
    n = [max(int((times == t).sum()), 1) for t in (1, 2, 3, 4)]
    share = n[0] / (n[0] + 2 * n[1])
    return np.clip(
        [1 - 2 * share * n[1] / n[0], 2 - 3 * share * n[2] / n[1], 3 - 4 * share * n[3] / n[2]], 0.1, [0.95, 1.9, 2.8]
    )


def _found(sorted_keys: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place of each key among the sorted ones, and whether it is there."""
    at = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return at, sorted_keys[at] == keys


def cached(found: Stream, base: np.ndarray, reach: int) -> np.ndarray:
    """(h,) probability of `base` mixed with what followed the same NEAR characters among the last `reach`."""
    key: np.ndarray = np.zeros(len(found.x), np.uint64)
    factor = np.uint64(1)
    for back in range(1, NEAR + 1):
        factor = _times(factor, _BASE)
        key[back:] += (found.x[:-back] + 1).astype(np.uint64) * factor
    alike: np.ndarray = np.zeros(len(found.held), np.int32)
    same: np.ndarray = np.zeros(len(found.held), np.int32)
    own, came = key[found.held], found.x[found.held]
    for back in range(1, reach + 1):
        at = np.maximum(found.held - back, 0)
        agree = (key[at] == own) & (found.held >= back)
        alike += agree
        same += agree & (found.x[at] == came)
    share = same / np.maximum(alike, 1)
    mixtures = [(alike * share + w * base) / (alike + w) for w in WEIGHTS]
    return max(mixtures, key=lambda p: float(np.log(p).sum()))


class Measure:
    """Compares models of one stream by what they save of the bits of single characters."""

    def __init__(self, found: Stream, single: np.ndarray):
        self.found, self.single = found, Spelled("single characters, nothing before", single)
        runs = int(found.run.max()) + 1
        self.sizes = np.bincount(found.run, minlength=runs)
        self.draws = np.random.default_rng(SEED).poisson(1.0, (1000, runs)).astype(np.float32)

    def _by_run(self, values: np.ndarray) -> np.ndarray:
        return self.draws @ np.bincount(self.found.run, values, len(self.sizes))

    def saved(self, model: Spelled) -> np.ndarray:
        """(h,) bits."""
        return np.log2(model.chance) - np.log2(self.single.chance)

    def kept(self, part: Spelled, whole: Spelled) -> Kept:
        """Share of what `whole` saves that `part` saves too."""
        a, b = self.saved(part), self.saved(whole)
        return retained(float(a.sum()), float(b.sum()), self._by_run(a), self._by_run(b))

    def bits(self, model: Spelled) -> Kept:
        """Bits a character."""
        drawn = self._by_run(-np.log2(model.chance)) / np.maximum(self.draws @ self.sizes, 1)
        return spread_of(model.bits, drawn)

    def more(self, part: Spelled, whole: Spelled) -> Kept:
        """Bits a character that `part` takes more than `whole`."""
        lost = np.log2(whole.chance) - np.log2(part.chance)
        return spread_of(float(lost.mean()), self._by_run(lost) / np.maximum(self.draws @ self.sizes, 1))

    def require(self, whole: Spelled) -> None:
        """Raises Refused where the model saves nothing for sure."""
        saved = self.more(self.single, whole)
        drawn = self._by_run(self.saved(whole)) / np.maximum(self.draws @ self.sizes, 1)
        if not saved.value > CLEAR * float(drawn.std()):
            raise Refused(
                f"what stands before a character tells nothing of it: {whole.bits:.3f} bits a character against "
                f"{self.single.bits:.3f} of single characters"
            )


def best_of(measure: Measure, models: Sequence[Spelled]) -> tuple[int, Spelled]:
    """The n-gram of the fewest bits and how many characters back it looks, at least one. Raises Refused where the past
    saves nothing for sure."""
    order = min(range(1, len(models)), key=lambda k: models[k].bits)
    measure.require(models[order])
    return order, models[order]


def measured(survey: Survey) -> tuple[Measure, list[Spelled]]:
    """The measure of a survey's stream and the n-grams of all orders, made once. Raises Refused."""

    def make() -> tuple[Measure, list[Spelled]]:
        found = stream(survey)
        chances = grams(found)
        models = [Spelled(_back(order), chance) for order, chance in enumerate(chances)]
        return Measure(found, chances[0]), models

    return survey.once("grams", make)


def _back(order: int) -> str:
    return f"{order} character{'' if order == 1 else 's'} before" if order else "single characters, nothing before"


def answered(
    measure: Measure,
    decides: Kept,
    words: tuple[Verdict, str, str],
    models: Sequence[tuple[Spelled, float | None]],
    whole: Spelled,
    axis: str,
    foretold: Sequence[Prediction],
) -> Answer:
    """The answer of an experiment in bits a character. `words` are verdict, statement and what follows, `models` all
    that were measured with their place on the axis."""
    verdict, said, follows = words
    return Answer(
        name="",
        question="",
        verdict=verdict,
        statement=said,
        follows=follows,
        value=decides.value,
        low=decides.low,
        high=decides.high,
        unit="share of the bits saved by the past",
        points=tuple(Point(m.name, b.value, b.low, b.high, at) for m, at in models for b in (measure.bits(m),)),
        axis=axis,
        metric=BITS,
        chance=measure.single.bits,
        whole=whole.bits,
        predictions=tuple(foretold),
        evidence={"characters": len(measure.found.x), "measured": len(measure.found.held)},
    )
