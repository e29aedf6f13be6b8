"""What is measured of series: length, level, spread, gaps, flat stretches, jumps, memory from one step to the next.

Of one long series to be forecast a row is a step, and its numbers are the person's own columns: only the digest of each
step, its time included, is made.
"""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from trainloud.data.cache import Cache
from trainloud.data.dataset import Dataset, Limits
from trainloud.data.measure import Tell
from trainloud.data.measure.rows import row_digests
from trainloud.data.survey import Measured, Survey

CHUNK = 8192  # series that are kept together
BATCH = 8 << 20  # bytes of values that are worked on at once
FEW = 16  # channels up to which level and spread are measured of each

UNITS = {
    "length": "steps",
    "mean": "",
    "standard deviation": "",
    "range": "largest minus smallest value, of the widest channel",
    "missing share": "share of the values",
    "flat share": "share of the steps on which nothing changes",
    "constant channels": "channels",
    "largest jump": "standard deviations of the steps",
    "lag-1 autocorrelation": "1: each step repeats the one before",
}


def measure(data: Dataset, limits: Limits, cache: Cache, tell: Tell) -> Measured:
    """Axes and content digests of the series; of a series of steps the digests alone."""
    if data.series is None:
        return _steps(data, limits, cache)
    parts: list[dict[str, np.ndarray]] = []
    errors: dict[int, str] = {}
    for first in range(0, len(data), CHUNK):
        rows = range(first, min(first + CHUNK, len(data)))
        kept = cache.arrays(f"series-{first}")
        if kept is None:
            tell("measuring the series", first, len(data))
            kept, failed = _chunk(data, rows)
            errors |= failed
            if not failed:  # an error is told again by the next run
                cache.keep_arrays(f"series-{first}", kept)
        parts.append(kept)
    tell("measuring the series", len(data), len(data))
    names = sorted({k for p in parts for k in p}, key=lambda k: (k not in UNITS, k))
    whole = {
        k: np.concatenate([p.get(k, np.full(len(p["content"]), np.nan, np.float32)) for p in parts]) for k in names
    }
    content = whole.pop("content")
    whole = {k: v for k, v in whole.items() if np.isfinite(v).any()}
    units = {k: UNITS.get(k, "") for k in whole}
    return Measured(axes=whole, units=units, content=content, errors=errors)


def _steps(data: Dataset, limits: Limits, cache: Cache) -> Measured:
    kept = cache.arrays("steps")
    if kept is None:
        kept = {"content": row_digests(Survey(data, Measured(), limits), tuple(data.roles))}
        cache.keep_arrays("steps", kept)
    return Measured(content=kept["content"])


def _chunk(data: Dataset, rows: Sequence[int]) -> tuple[dict[str, np.ndarray], dict[int, str]]:
    """Name -> one entry a row, and why rows could not be read."""
    n = len(rows)
    found: dict[str, np.ndarray] = {"content": np.zeros((n, 2), np.uint64)}
    errors: dict[int, str] = {}
    for batch in _batches(data, rows, errors):
        for shape in sorted({s.shape for _, s in batch}):
            places = np.array([row - rows[0] for row, s in batch if s.shape == shape])
            stack = np.stack([s for _, s in batch if s.shape == shape])
            for name, values in _stack(stack).items():
                found.setdefault(name, np.full(n, np.nan, np.float32))[places] = values
            found["content"][places] = [_digest(s) for s in stack]
    return found, errors


def _batches(data: Dataset, rows: Sequence[int], errors: dict[int, str]) -> Iterator[list[tuple[int, np.ndarray]]]:
    assert data.series is not None
    batch, size = [], 0
    for row in rows:
        try:
            series = np.atleast_2d(np.asarray(data.series(row), np.float32))
        except Exception as error:  # a torch Dataset's own code: told of this row
            errors[row] = f"cannot be read: {error or type(error).__name__}"
            continue
        batch.append((row, series))
        size += series.nbytes
        if size > BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _digest(series: np.ndarray) -> np.ndarray:
    raw = hashlib.blake2b(np.ascontiguousarray(series + np.float32(0)).data, digest_size=16)
    raw.update(repr(series.shape).encode())
    return np.frombuffer(raw.digest(), np.uint64)


def _stack(stack: np.ndarray) -> dict[str, np.ndarray]:
    """(m, channels, steps) of one shape -> name -> (m,). Missing values at the end of all channels are padding."""
    m, channels, steps = stack.shape
    there = np.isfinite(stack)
    some = there.any(axis=1)
    length = np.where(some.any(axis=1), steps - np.argmax(some[:, ::-1], axis=1), 0) if steps else np.zeros(m, int)
    count = there.sum(axis=2)
    values = np.where(there, stack, 0).astype(np.float64)
    mean = _over(values.sum(axis=2), count)
    centred = np.where(there, values - np.nan_to_num(mean)[..., None], 0)
    variance = _over((centred**2).sum(axis=2), count)
    with np.errstate(invalid="ignore"):
        spread = np.where(there, stack, -np.inf).max(axis=2, initial=-np.inf)
        spread = spread - np.where(there, stack, np.inf).min(axis=2, initial=np.inf)
    spread[count == 0] = np.nan
    both = there[..., 1:] & there[..., :-1]
    move = np.where(both, values[..., 1:] - values[..., :-1], 0)
    pairs = both.sum(axis=2)
    moved = _over((move**2).sum(axis=2), pairs)
    found = {
        "length": length,
        "mean": _mean(mean),
        "standard deviation": _mean(np.sqrt(variance)),
        "range": _largest(spread),
        "missing share": 1 - _over(count.sum(axis=1), length * channels),
        "flat share": _over((both & (move == 0)).sum(axis=(1, 2)), pairs.sum(axis=1)),
        "constant channels": ((spread == 0) & (count > 1)).sum(axis=1),
        "largest jump": _largest(_over(np.abs(move).max(axis=2, initial=0), np.sqrt(moved))),
        "lag-1 autocorrelation": _mean(
            _over(np.where(both, centred[..., 1:] * centred[..., :-1], 0).sum(axis=2), variance * pairs)
        ),
    }
    if 1 < channels <= FEW:
        for c in range(channels):
            found[f"mean, channel {c + 1}"] = mean[:, c]
            found[f"standard deviation, channel {c + 1}"] = np.sqrt(variance[:, c])
    return {k: v.astype(np.float32) for k, v in found.items()}


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def _mean(values: np.ndarray) -> np.ndarray:
    """(m, channels) -> (m,) mean of the finite ones; NaN for none."""
    there = np.isfinite(values)
    return _over(np.where(there, values, 0).sum(axis=1), there.sum(axis=1))


def _largest(values: np.ndarray) -> np.ndarray:
    there = np.isfinite(values)
    return np.where(there.any(axis=1), np.where(there, values, -np.inf).max(axis=1, initial=-np.inf), np.nan)
