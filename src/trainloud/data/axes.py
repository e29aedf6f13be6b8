"""Every axis of the data, measured or the person's own, summed up: quantiles, histogram by split, the far ends."""

import math
from collections.abc import Iterator

import numpy as np

from trainloud.core.example import Exhibit
from trainloud.core.inspection import Axis
from trainloud.data.methods.columns import say
from trainloud.data.methods.outliers import Beyond, beyond
from trainloud.data.survey import Survey

BINS = 30  # of a histogram at most
MOST_AXES = 64  # that are summed up: the measured ones, and evenly spread columns of a wide table
WHOLE = 2.0**50  # below it numbers one half apart are told apart
ENDS_SHOWN = 12  # examples at the ends of an axis
QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
MIDDLE = (0.005, 0.995)  # quantiles that the histogram spans at least


def axes_of(survey: Survey) -> tuple[Axis, ...]:
    """A summary of each measured axis and each column of numbers, the target among them; at most MOST_AXES."""
    return tuple(a for a in (_axis(survey, *named) for named in _named(survey)) if a.count)


def _named(survey: Survey) -> Iterator[tuple[str, str]]:
    """Names of the axes with their units."""
    measured = survey.measured
    yield from ((name, measured.units.get(name, "")) for name in measured.axes)
    columns = [c for c, role in survey.data.roles.items() if role == "number" and c not in measured.axes]
    room = max(MOST_AXES - len(measured.axes), 0)
    if len(columns) > room:
        # The target first: it is the one that nobody wants to miss.
        columns.sort(key=lambda c: c != survey.target)
        columns = [columns[i] for i in np.unique(np.linspace(0, len(columns) - 1, room).astype(int))]
    yield from ((c, "") for c in columns)


def _axis(survey: Survey, name: str, unit: str) -> Axis:
    values = np.asarray(survey.axis(name), np.float64)
    there = np.isfinite(values)
    finite = values[there]
    if not len(finite):
        return Axis(name, unit, 0, len(values), (), ())
    found = beyond(values)
    both = np.quantile(finite, (*QUANTILES, *MIDDLE))  # a large column is put in order once
    quantiles, (low, high) = both[: len(QUANTILES)], both[len(QUANTILES) :]
    edges = _edges(finite, found, float(low), float(high))
    counts = {}
    for i, split in enumerate(survey.splits):
        own = values[there & (survey.split == i)]
        # What lies outside of the edges is counted in the outermost bins.
        counts[split] = tuple(np.histogram(np.clip(own, edges[0], edges[-1]), edges)[0].tolist())
    return Axis(
        name,
        unit,
        count=len(finite),
        missing=len(values) - len(finite),
        quantiles=tuple(quantiles.tolist()),
        edges=tuple(edges.tolist()),
        counts=counts,
        outliers=_ends(survey, name, unit, values, found),
    )


def _edges(finite: np.ndarray, found: Beyond | None, low: float, high: float) -> np.ndarray:
    """Edges of at most BINS bins over the range of all but the outliers; whole numbers of few values one by one."""
    if found is not None:
        low, high = max(found.fences.low, float(finite.min())), min(found.fences.high, float(finite.max()))
    if low == high:
        low, high = float(finite.min()), float(finite.max())
    if max(-low, high) < WHOLE and (finite == np.floor(finite)).all() and math.ceil(high) - math.floor(low) < BINS:
        return np.arange(math.floor(low), math.ceil(high) + 2) - 0.5
    edges = np.linspace(low, high, BINS + 1) if np.isfinite(high - low) else np.array([low, high])
    if (np.diff(edges) > 0).all():
        return edges
    half = max(0.5, abs(low) * 1e-6)
    return np.array([low - half, high + half])


def _ends(survey: Survey, name: str, unit: str, values: np.ndarray, found: Beyond | None) -> Exhibit | None:
    if found is None or not len(found.rows):
        return None
    rows = found.rows[:ENDS_SHOWN]
    notes = [noted(name, float(values[r]), unit) for r in rows]
    caption = f"{name} beyond {say_range(found)}"
    return survey.exhibit(caption, rows.tolist(), notes, total=len(found.rows))


def noted(name: str, value: float, unit: str) -> str:
    """An example's value in words: "brightness 3.1 (mean grey level of 255)"."""
    return f"{name} {_short(value)}" + (f" ({unit})" if unit else "")


def say_range(found: Beyond) -> str:
    """The fences in words: "15.8 to 235"."""
    return f"{_short(found.fences.low)} to {_short(found.fences.high)}"


def _short(value: float) -> str:
    return say(float(f"{value:.4g}")) if abs(value) < 1e15 else f"{value:.4g}"
