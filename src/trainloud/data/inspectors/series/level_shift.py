"""Does the later part of a series lie on another level than the part that a model is trained on?

Why it matters: a forecast is tested on what comes after. Where the level has moved by then, scaling fitted on the
early part is off, trees and networks are asked for values that they never saw, and the last split looks harder than
the model is bad.

Remedy: forecast differences, or values less a moving mean; normalise each window by itself (reversible instance
normalisation); judge on several cuts in time, not on one.

Known limits: one cut only, the given splits or else 70 to 30. A series of less than a few seasons shifts by its
season; columns that only grow (counters, years) are left out.

Source: Kim et al. 2022, "Reversible Instance Normalization for Accurate Time-Series Forecasting against Distribution
Shift"; Hyndman and Athanasopoulos 2021, section 9.1.
"""

from typing import NamedTuple

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES
from trainloud.data.methods.waves import Channel, channels, in_time
from trainloud.data.survey import Survey

EARLY = 0.7  # of the rows, where there are no splits
BLOCKS = 20  # stretches of time whose means are compared: what the level does by itself
SHIFT = 1.0  # standard deviations of the early part
OUTSIDE = 2 / 3  # share of the later stretches whose mean lies outside of all early ones
LEAST_ROWS = 200
COUNTER = 0.99  # share of steps in one direction from which a column only counts
SHOWN = 6


class _Shift(NamedTuple):
    channel: str
    early: float
    later: float
    shift: float
    """In standard deviations of the early part."""
    outside: float


def judge(survey: Survey) -> Finding:
    order = in_time(survey)
    if order is None:
        return unknown("no column of time is recognised; name it with --time")
    if survey.group:
        return unknown("several series in one table: the level is not compared across them")
    if len(order) < LEAST_ROWS:
        return unknown(f"{plural(len(order), 'row')} in time: too few; it takes {LEAST_ROWS}")
    cut = int(survey.training.sum()) if len(survey.splits) > 1 else int(EARLY * len(order))
    judged = [s for c in channels(survey) if (s := _shift(c, order, survey, cut)) is not None]
    if not judged:
        return unknown("no column of numbers that does more than count")
    told = sorted((s for s in judged if abs(s.shift) >= SHIFT and s.outside >= OUTSIDE), key=lambda s: -abs(s.shift))
    where = "the training split" if len(survey.splits) > 1 else f"the first {EARLY:.0%}"
    if not told:
        worst = max(judged, key=lambda s: abs(s.shift))
        return passed(
            f"{plural(len(judged), 'column')} {'keeps its' if len(judged) == 1 else 'keep their'} level: the "
            f"largest shift after {where}, of {worst.channel}, is "
            f"{worst.shift:+.2f} standard deviations, {worst.outside:.0%} of its stretches outside of the early ones",
            shift=worst.shift,
        )
    return fired(
        "; ".join(
            f"{s.channel} has the mean {s.early:.4g} in {where} and {s.later:.4g} after it ({s.shift:+.2f} "
            f"standard deviations), {s.outside:.0%} of the later stretches lie outside of all early ones"
            for s in told[:SHOWN]
        ),
        f"a shift of less than {SHIFT:g} standard deviation",
        exhibits=[survey.exhibit("the last of the early rows, the last of all", [int(order[cut - 1]), int(order[-1])])],
        shifts=[s._asdict() for s in told[:50]],
    )


def _shift(channel: Channel, order: np.ndarray, survey: Survey, cut: int) -> _Shift | None:
    """None for a column that is no measurement, or empty in one part."""
    first = survey.training[channel.row] if len(survey.splits) > 1 else np.arange(len(order)) < cut
    early, later = channel.values[first], channel.values[~first]
    early, later = early[np.isfinite(early)], later[np.isfinite(later)]
    if len(early) < BLOCKS or len(later) < BLOCKS:
        return None
    steps = np.diff(np.concatenate([early, later]))
    moved = steps[steps != 0]
    if not len(moved) or max((moved > 0).mean(), (moved < 0).mean()) >= COUNTER:
        return None
    parts = max(int(BLOCKS * len(early) / (len(early) + len(later))), 2)
    before = np.array([b.mean() for b in np.array_split(early, parts)])
    after = np.array([b.mean() for b in np.array_split(later, max(BLOCKS - parts, 2))])
    spread = float(early.std())
    if not spread > 0:
        return None
    outside = float(((after < before.min()) | (after > before.max())).mean())
    return _Shift(
        channel.name, float(early.mean()), float(later.mean()), float((later.mean() - early.mean()) / spread), outside
    )


INSPECTOR = Inspector(fault="level-shift", severity="note", basis="heuristic", judge=judge, kinds=TABLES)


def _write(folder, rise):
    import datetime

    import numpy as np

    chance = np.random.default_rng(0)
    level = np.where(np.arange(1000) > 650, rise, 0.0)
    load = 50 + 5 * np.sin(np.arange(1000) * 2 * np.pi / 24) + chance.normal(size=1000) + level
    start = datetime.datetime(2024, 1, 1)
    lines = [f"{start + datetime.timedelta(hours=i)},{v:.3f},{chance.normal():.3f}" for i, v in enumerate(load)]
    (folder / "load.csv").write_text("date,load,wind\n" + "\n".join(lines) + "\n")
    return ["load.csv", "--time", "date", "--target", "load"]


def bad(folder):
    return _write(folder, rise=20.0)


def good(folder):
    return _write(folder, rise=0.0)
