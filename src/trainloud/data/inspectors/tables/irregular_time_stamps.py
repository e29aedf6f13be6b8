"""Do time stamps repeat, run backwards or leave gaps in a series that is otherwise regular?

Why it matters: windows are cut by rows. Where a row is missing or stands there twice, "24 steps ago" is another hour,
and a window across a gap joins what does not belong together.

Remedy: sort by time, merge or drop repeated stamps, insert the missing steps as missing values, and cut no window
across a long gap.

Known limits: asked only where a column of time is recognised or named (`--time`) and most steps are equal: events that
come when they come have no gaps. Several series in one table repeat their stamps by nature: name the column that tells
them apart as `--group`.

Source: Hyndman and Athanasopoulos 2021, "Forecasting: Principles and Practice", sections 2.1 and 13.9.
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES, encoded, say
from trainloud.data.survey import Survey

LEAST_ROWS = 20  # rows: fewer have no usual step
SERIES = 2  # rows of a stamp (median) from which the table holds several series
REGULAR = 0.9  # share of equal steps from which the series is meant to be regular
ROWS_SHOWN = 8


def judge(survey: Survey) -> Finding:
    time = survey.data.recognised.time
    if not time or time not in survey.data.roles or survey.data.roles[time] not in ("time", "number"):
        return unknown("no column of time is recognised; name it with --time")
    stamps = survey.number(time)
    series = encoded(survey, survey.group)[0] if survey.group in survey.data.roles else np.zeros(len(stamps), np.int32)
    often = float(np.median(np.unique(stamps[np.isfinite(stamps)], return_counts=True)[1])) if len(stamps) else 0.0
    if often >= SERIES and survey.group not in survey.data.roles:
        return unknown(f"each stamp in {time} stands there {often:g} times: name the column of the series with --group")
    order = np.lexsort((np.arange(len(stamps)), series))  # rows of one series after another, as they stand
    known = order[np.isfinite(stamps[order])]
    inside = (series[known[1:]] == series[known[:-1]]) & (survey.split[known[1:]] == survey.split[known[:-1]])
    steps, at = np.diff(stamps[known])[inside], known[1:][inside]
    if len(steps) < LEAST_ROWS:
        return unknown(f"{plural(len(steps), 'step')} of time: too few to know the usual one")
    usual = float(np.median(steps))
    if usual <= 0 or not _regular(steps, usual):
        return unknown(
            f"the stamps in {time} are not regular: {_share(steps, usual):.0%} of the steps are {say(usual)}"
        )
    role = survey.data.roles[time]
    repeated, backwards, gaps = steps == 0, steps < 0, steps > 1.5 * usual
    if role == "time" and usual >= 27 * 86400:  # months and years have no one length
        gaps = steps > 1.5 * max(usual, 31 * 86400)
    if not (repeated | backwards | gaps).any():
        return passed(f"all {plural(len(steps), 'step')} of {time} are {_step(usual, role)}", step=usual)
    missing = int(np.round(steps[gaps] / usual - 1).sum())
    longest = f", the longest of {_step(float(steps.max()), role)}" if gaps.any() else ""
    parts = [f"{plural(int(repeated.sum()), 'stamp')} the same as the one before"] if repeated.any() else []
    parts += [f"{plural(int(backwards.sum()), 'step')} back in time"] if backwards.any() else []
    parts += [f"{plural(int(gaps.sum()), 'gap')}{longest} ({missing:,} rows missing)"] if gaps.any() else []
    wrong = np.flatnonzero(repeated | backwards | gaps)
    wrong = wrong[np.argsort(-np.abs(steps[wrong] - usual), kind="stable")][:ROWS_SHOWN]
    notes = [f"{_step(float(steps[i]), role)} after the row before" for i in wrong]
    return fired(
        f"of {len(steps):,} steps in {time}, usually {_step(usual, role)}: {'; '.join(parts)}",
        f"steps of {_step(usual, role)}",
        severity="warning" if (repeated | backwards).any() and survey.task == "forecast" else None,
        exhibits=[survey.exhibit("behind an irregular step", at[wrong].tolist(), notes, len(wrong))],
        step=usual,
        repeated=int(repeated.sum()),
        backwards=int(backwards.sum()),
        gaps=int(gaps.sum()),
        missing=missing,
    )


def _share(steps: np.ndarray, usual: float) -> float:
    return float((np.abs(steps - usual) <= 0.1 * abs(usual)).mean())


def _regular(steps: np.ndarray, usual: float) -> bool:
    return _share(steps, usual) >= REGULAR


def _step(seconds: float, role: str) -> str:
    """A difference of times in words."""
    if role != "time":
        return say(seconds)
    for length, one in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if abs(seconds) >= length:
            count = seconds / length
            return f"{count:,.4g} {one}{'' if count == 1 else 's'}"
    return f"{seconds:g} seconds"


INSPECTOR = Inspector(fault="irregular-time-stamps", severity="note", basis="proof", judge=judge, kinds=TABLES)


def bad(folder):
    from datetime import datetime, timedelta

    start = datetime(2020, 1, 1)
    hours = [*range(100), *range(130, 250)]
    rows = [f"{start + timedelta(hours=h)},{h * 7 % 13},{h * 5 % 31 / 2}" for h in hours]
    (folder / "table.csv").write_text("time,a,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer", "--time", "time"]


def good(folder):
    from datetime import datetime, timedelta

    start = datetime(2020, 1, 1)
    rows = [f"{start + timedelta(hours=h)},{h * 7 % 13},{h * 5 % 31 / 2}" for h in range(250)]
    (folder / "table.csv").write_text("time,a,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer", "--time", "time"]
