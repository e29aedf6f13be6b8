"""Series as probes see them: random convolutions, averages of parts, and the whole course at once.

Convolution kernels are random, in all dilations that a window allows; of each the share of the steps above a random
level, and the mean above it, are kept (Dempster, Petitjean, Webb 2020, "ROCKET: Exceptionally fast and accurate time
series classification using random convolutional kernels", section 3). Series of unequal lengths are seen on their own
steps only; missing steps count as the mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from trainloud.data.methods.convolution import Kernel
from trainloud.data.methods.retention import Bench, Refused, Trial, bench
from trainloud.data.methods.waves import in_time
from trainloud.data.survey import SEED, Survey

ROWS = 3000  # series of a probe at most,
VALUES = 6 << 20  # and numbers in them: 24 MB
STEPS = 512  # of a series; longer ones are averaged in blocks
CHANNELS = 64  # that are looked at
TAPS = 9  # of a kernel, as the authors have it
KERNELS = 256
CROSSED = 3  # channels that a kernel reads at most
SEEN_BY = 12  # channels from which the kernels of one dilation choose
PARTS = 4  # of a series, whose averages keep the place
COURSE = 32  # steps to which a series is resampled for the whole course
GLOBAL = 256  # random Fourier features of the course
COMPONENTS = 60
BLOCK = 16 << 20  # bytes of unrolled windows at a time

HISTORY = 96  # steps that a forecast reads,
SHARE = 10  # or a tenth of all steps where these are few
FORECASTS = 4000  # steps that are forecast
FOLDED = 50  # runs of neighbouring steps that stay together in folds
WIDE = 384  # values of a history that are read each by itself; of more, as many principal components


@dataclass(frozen=True)
class Courses:
    """Series on the rows of a bench."""

    bench: Bench | None
    """None where only looks are taken, without a target."""
    x: np.ndarray
    """(m, channels, steps) float32, each channel with mean 0 and deviation 1 over all; 0 where missing or beyond the
    end."""
    lengths: np.ndarray
    """(m,) int64 steps of each series."""
    names: tuple[str, ...]
    """Channels in words."""
    step: int = 1
    """Steps of the data that were averaged to one."""

    @property
    def found(self) -> Bench:
        assert self.bench is not None
        return self.bench

    @property
    def valid(self) -> np.ndarray:
        """(m, steps) bool: before the end."""
        return np.arange(self.x.shape[2]) < self.lengths[:, None]

    @cached_property
    def part(self) -> np.ndarray:
        """(m, steps) int64: which of PARTS parts each step lies in; PARTS beyond the end."""
        at = np.arange(self.x.shape[2]) * PARTS // np.maximum(self.lengths, 1)[:, None]
        return np.where(self.valid, at, PARTS)

    def with_values(self, x: np.ndarray) -> "Courses":
        """The same series with other values, 0 beyond the end."""
        return replace(self, x=np.where(self.valid[:, None], x, 0).astype(np.float32))


def courses(survey: Survey) -> Courses:
    """The series of the probe's rows, or the histories before the steps that are forecast; made once. Raises
    Refused."""
    return survey.once("courses", lambda: _history(survey) if survey.data.series is None else _series(survey))


def _series(survey: Survey) -> Courses:
    found = bench(survey, min(ROWS, survey.limits.probe_rows))
    return _shaped(found, *loaded(survey, found.rows))


def loaded(survey: Survey, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """(m, channels, steps) float32 NaN where missing or beyond the end, the length of each, and how many steps of the
    data were averaged to one."""
    read = survey.data.series
    assert read is not None
    given = [np.atleast_2d(np.asarray(read(int(r)), np.float32))[:CHANNELS] for r in rows]
    channels, longest = max(g.shape[0] for g in given), max(g.shape[1] for g in given)
    step = max(1, -(-longest // STEPS), -(-len(given) * channels * longest // VALUES))
    lengths = np.array([max(-(-g.shape[1] // step), 1) for g in given], np.int64)
    x: np.ndarray = np.full((len(given), channels, int(lengths.max())), np.nan, np.float32)
    for i, g in enumerate(given):
        blocks = np.full((g.shape[0], int(lengths[i]) * step), np.nan, np.float32)
        blocks[:, : g.shape[1]] = g
        blocks = blocks.reshape(g.shape[0], -1, step)
        known = np.isfinite(blocks).sum(axis=2)
        with np.errstate(invalid="ignore"):
            x[i, : g.shape[0], : lengths[i]] = np.where(known, np.nansum(blocks, axis=2) / known, np.nan)
    return x, lengths, step


def _shaped(
    found: Bench | None, x: np.ndarray, lengths: np.ndarray, step: int = 1, names: Sequence[str] = ()
) -> Courses:
    names = names or tuple(f"channel {i + 1}" for i in range(x.shape[1]))
    return Courses(found, scaled(x), lengths, tuple(names), step)


def scaled(x: np.ndarray) -> np.ndarray:
    """Each channel with mean 0 and deviation 1 over all series; 0 where missing."""
    x = np.where(np.isfinite(x), x, np.nan)
    out = np.zeros_like(x)
    for c in range(x.shape[1]):
        known = np.isfinite(x[:, c])
        values = x[:, c][known].astype(np.float64)
        if len(values) and values.std() > 0:
            out[:, c][known] = (values - values.mean()) / values.std()
    return out


# what can be done to series -----------------------------------------------------------------------------------


def averaged(seen: Courses, factor: int) -> Courses:
    """Every `factor` steps averaged to one."""
    m, channels, steps = seen.x.shape
    wide = -(-steps // factor) * factor
    pad = ((0, 0), (0, 0), (0, wide - steps))
    x = np.pad(seen.x, pad).reshape(m, channels, -1, factor).sum(axis=3)
    known = np.pad(seen.valid, (pad[0], pad[2])).reshape(m, 1, -1, factor).sum(axis=3)
    return replace(seen, x=(x / np.maximum(known, 1)).astype(np.float32), lengths=-(-seen.lengths // factor))


def blurred(seen: Courses, factor: int) -> Courses:
    """Every `factor` steps before the last replaced by their mean, counted back from it; all of one length."""
    x = seen.x.copy()
    steps = x.shape[2]
    for end in range(steps - 1, 0, -factor):
        begin = max(end - factor, 0)
        x[:, :, begin:end] = x[:, :, begin:end].mean(axis=2, keepdims=True)
    return replace(seen, x=x)


def turned(seen: Courses, most: float) -> Courses:
    """Each series moved in a ring by a random number of steps, up to a share `most` of its length either way."""
    moved = np.random.default_rng(SEED).uniform(-most, most, len(seen.x)) * seen.lengths
    at = np.arange(seen.x.shape[2]) - np.round(moved).astype(np.int64)[:, None]
    at = np.where(seen.valid, np.mod(at, np.maximum(seen.lengths, 1)[:, None]), np.arange(seen.x.shape[2]))
    return replace(seen, x=np.take_along_axis(seen.x, at[:, None], axis=2))


def moments(seen: Courses) -> tuple[np.ndarray, np.ndarray]:
    """(m, channels, 1) each: mean and standard deviation of each channel of each series."""
    count = np.maximum(seen.lengths, 1)[:, None, None]
    mean = seen.x.sum(axis=2, keepdims=True) / count
    square = np.square(np.where(seen.valid[:, None], seen.x - mean, 0)).sum(axis=2, keepdims=True) / count
    return mean, np.sqrt(square)


def level_free(seen: Courses) -> Courses:
    """Every channel of every series has mean 0."""
    return seen.with_values(seen.x - moments(seen)[0])


def scale_free(seen: Courses) -> Courses:
    """Every channel of every series has mean 0 and one deviation, the mean of all."""
    mean, deviation = moments(seen)
    return seen.with_values((seen.x - mean) / np.maximum(deviation, 1e-3) * deviation.mean(axis=0))


def trend_free(seen: Courses) -> Courses:
    """Every channel of every series has mean 0 and no straight line in it."""
    flat = level_free(seen)
    time = np.arange(seen.x.shape[2]) - (seen.lengths[:, None] - 1) / 2
    time = np.where(seen.valid, time, 0)
    slope = np.einsum("mct,mt->mc", flat.x, time) / np.maximum(np.square(time).sum(axis=1), 1e-9)[:, None]
    return seen.with_values(flat.x - slope[:, :, None] * time[:, None])


def tempo_free(seen: Courses) -> Courses:
    """All series resampled to the median length."""
    length = int(np.median(seen.lengths))
    return replace(seen, x=resampled(seen, length), lengths=np.full(len(seen.x), length))


def lacking(seen: Courses, channel: str) -> Courses:
    """Without one of several channels."""
    kept = [i for i, n in enumerate(seen.names) if n != channel]
    return replace(seen, x=seen.x[:, kept], names=tuple(seen.names[i] for i in kept))


def share_gone(seen: Courses, changed: Courses) -> float:
    """Share of the variance over series that a change took away; by the mean step where the length changed."""
    before, after = (float(s.x.reshape(len(s.x), -1).var(axis=0, dtype=np.float64).sum()) for s in (seen, changed))
    after *= seen.x.shape[2] / changed.x.shape[2]
    return max(1 - after / before, 0.0) if before > 0 else 0.0


def from_last(seen: Courses) -> Courses:
    """Every channel as its distance from its last value."""
    return replace(seen, x=seen.x - seen.x[:, :, -1:])


# the probe ----------------------------------------------------------------------------------------------------


def see(seen: Courses, reach: int = 0, place: bool = True) -> np.ndarray:
    """(m, d) float32 that windows of at most `reach` steps show (0: of any length, and the whole course at once). With
    `place` also by part of the series."""
    parts = [_levels(seen, place, reach != 1), _convolved(seen, reach or int(seen.lengths.max()), place)]
    if not reach:
        course = resampled(seen, min(COURSE, int(seen.lengths.max())))
        flat = course.reshape(len(course), -1)
        parts += [flat] if flat.shape[1] <= SEEN_BY * COURSE else []
        parts += [Kernel.of(flat, GLOBAL, components=COMPONENTS).see(flat), np.log1p(seen.lengths)[:, None]]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _levels(seen: Courses, place: bool, change: bool) -> np.ndarray:
    """Mean, deviation and, with `change`, mean change from step to step of each channel, of the whole and of each
    part."""
    m = len(seen.x)
    masks = [seen.valid] + [seen.part == p for p in range(PARTS)] * place
    out = []
    for mask in masks:
        weight = mask / np.maximum(mask.sum(axis=1, keepdims=True), 1)
        mean = np.einsum("mct,mt->mc", seen.x, weight)
        square = np.einsum("mct,mt->mc", np.square(seen.x), weight)
        out += [mean, np.sqrt(np.maximum(square - mean * mean, 0))]
        if change:
            out.append(np.einsum("mct,mt->mc", np.abs(np.diff(seen.x, axis=2)), (weight * seen.valid)[:, 1:]))
    return np.concatenate(out, axis=1).reshape(m, -1)


def _convolved(seen: Courses, reach: int, place: bool) -> np.ndarray:
    """Of random kernels: share of the steps above a level and mean above it, of the whole; the share of each part."""
    rng = np.random.default_rng(SEED)
    m, channels, steps = seen.x.shape
    taps = max(min(TAPS, reach, steps), 1)
    dilations = [d for d in (2**k for k in range(12)) if (taps - 1) * d < max(min(reach, steps), taps)] or [1]
    masks = [seen.valid] + [seen.part == p for p in range(PARTS)] * place
    weights = np.stack([w / np.maximum(w.sum(axis=1, keepdims=True), 1) for w in masks], axis=1).astype(np.float32)
    out = []
    for i, dilation in enumerate(dilations):
        count = KERNELS // len(dilations) + (i < KERNELS % len(dilations))
        read = np.sort(rng.choice(channels, min(SEEN_BY, channels), replace=False))
        kernels = _kernels(rng, len(read), taps, count)
        level = rng.uniform(0.1, 0.9, count)
        biases = None
        for rows in np.array_split(np.arange(m), max(1, m * steps * len(read) * taps * 4 // BLOCK)):
            response = _windows(seen.x[rows][:, read], taps, dilation) @ kernels  # (rows, steps, count)
            if biases is None:
                known = response[seen.valid[rows]]
                biases = np.array([np.quantile(known[:, k], level[k]) for k in range(count)], np.float32)
            over = response - biases
            share = np.matmul(weights[rows], (over > 0).astype(np.float32))  # (rows, masks, count)
            height = np.matmul(weights[rows, :1], np.maximum(over, 0))
            out.append((i, rows, np.concatenate([share, height], axis=1).reshape(len(rows), -1)))
    whole = []
    for i in range(len(dilations)):
        pieces = [(r, p) for j, r, p in out if j == i]
        whole.append(np.concatenate([p for _, p in pieces]))
    return np.concatenate(whole, axis=1)


def _kernels(rng: np.random.Generator, channels: int, taps: int, count: int) -> np.ndarray:
    """(taps * channels, count) float32: each reads a few channels, its weights sum to zero where it has several."""
    kernels: np.ndarray = np.zeros((taps, channels, count), np.float32)
    for k in range(count):
        some = rng.choice(channels, rng.integers(1, min(CROSSED, channels) + 1), replace=False)
        drawn = rng.standard_normal((taps, len(some)))
        kernels[:, some, k] = drawn - drawn.mean(axis=0) * (taps > 1)
    return kernels.reshape(taps * channels, count)


def _windows(x: np.ndarray, taps: int, dilation: int) -> np.ndarray:
    """(n, steps, taps * channels): around each step, zeros beyond the ends."""
    steps = x.shape[2]
    before = (taps - 1) * dilation // 2
    padded = np.pad(x.transpose(0, 2, 1), ((0, 0), (before, (taps - 1) * dilation - before), (0, 0)))
    taken = [padded[:, i * dilation : i * dilation + steps] for i in range(taps)]
    return np.concatenate(taken, axis=2)


def resampled(seen: Courses, steps: int) -> np.ndarray:
    """(m, channels, steps): every series at so many evenly spread moments of its own."""
    at = (np.arange(steps) + 0.5) / steps * seen.lengths[:, None] - 0.5
    low = np.clip(np.floor(at).astype(np.int64), 0, seen.lengths[:, None] - 1)
    high = np.minimum(low + 1, seen.lengths[:, None] - 1)
    share = np.clip(at - low, 0, 1)[:, None]
    rows = np.arange(len(seen.x))[:, None]
    take = [seen.x.transpose(0, 2, 1)[rows, i].transpose(0, 2, 1) for i in (low, high)]
    return (take[0] * (1 - share) + take[1] * share).astype(np.float32)


def unlabelled(survey: Survey, rows: np.ndarray) -> Courses:
    """The series of these rows, without a bench: for looks that need no target."""
    return _shaped(None, *loaded(survey, rows))


def whole(seen: Courses) -> Trial:
    """The whole probe, clearly above the constant. Raises Refused."""
    return seen.found.require(seen.found.trial("as it is", lambda: see(seen)))


# forecasts ----------------------------------------------------------------------------------------------------


def _history(survey: Survey) -> Courses:
    """Before evenly spread steps of one long series: the last steps of every column of numbers. The target is the
    change of the next step, so that the best constant is what keeping the last value gives."""
    order = in_time(survey)
    if order is None or survey.values is None:
        raise Refused("there is no column of time, or no target, to make a forecast of")
    order = order[survey.training[order]]
    target = survey.values[order]
    history = min(HISTORY, len(order) // SHARE)
    if history < 2:
        raise Refused(f"{len(order)} steps are too few for a forecast")
    group = survey.codes(survey.group)[0][order] if survey.group in survey.data.roles else np.zeros(len(order), int)
    last = np.arange(history - 1, len(order) - 1)
    usable = np.isfinite(target[last]) & np.isfinite(target[last + 1]) & (group[last - history + 1] == group[last + 1])
    last = last[usable]
    if len(last) < SHARE * 10:
        raise Refused(f"only {len(last)} steps have a known value, the next one and a history of {history} steps")
    last = last[np.unique(np.linspace(0, len(last) - 1, min(FORECASTS, survey.limits.probe_rows)).astype(int))]
    change = target[last + 1] - target[last]
    if not change.std() > 0:
        raise Refused("the target never changes")
    names = [c for c in survey.of_role("number") if c != survey.data.recognised.time][: CHANNELS - 1]
    columns = [target, *(survey.number(c)[order] for c in names)]
    at = last[:, None] + np.arange(-history + 1, 1)
    x = np.stack([c[at] for c in columns], axis=1).astype(np.float32)
    place: np.ndarray = np.arange(len(last)) * min(FOLDED, len(last)) // len(last)
    y = ((change - change.mean()) / change.std()).astype(np.float32)[:, None]
    found = Bench(order[last], y, None, place, "R squared of the next change")
    return _shaped(found, x, np.full(len(last), history), names=(survey.target, *names))


def latest(seen: Courses, steps: int) -> np.ndarray:
    """(m, d) float32: what the last `steps` of every channel tell of the next change, each by itself and together."""
    last = seen.x[:, :, -steps:]
    flat, change = last.reshape(len(last), -1), np.diff(last, axis=2).reshape(len(last), -1)
    plain = [v if v.shape[1] <= WIDE else _components(v, WIDE) for v in (flat, change)]
    return np.concatenate([*plain, Kernel.of(flat, GLOBAL, components=COMPONENTS).see(flat)], axis=1)


def _components(x: np.ndarray, count: int) -> np.ndarray:
    x = x - x.mean(axis=0)
    return x @ np.linalg.eigh(x.T @ x)[1][:, ::-1][:, :count]
