"""Does a part that is evaluated on lie before the training data in time, or inside it?

Why it matters: in use the future is predicted from the past. A validation row between two training rows of the hour
before and the hour after is nearly known already, and a test year before the training years asks another question; the
score is better than what the network will reach.

Remedy: split by time: train on the oldest rows, validate on later ones, test on the latest, with a gap as long as the
windows that are cut.

Known limits: asked where a column of time is recognised or named (`--time`), or where the training rows stand in the
order of one. Where rows do not depend on their neighbours in time (people drawn at random, by birthday), a random split
is right: outside forecasting this is a note.

Source: Bergmeir and Benítez 2012, "On the use of cross-validation for time series predictor evaluation"; Kapoor and
Narayanan 2023, "Leakage and the reproducibility crisis in machine-learning-based science", [L3.1] temporal leakage.
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import say
from trainloud.data.survey import Survey

LEAST_ROWS = 20  # rows with a time in each split
INSIDE = 0.05  # share of a split's rows that may lie before the end of training: the last day may be shared
ORDERED = 0.99  # share of steps that do not run backwards in rows that stand in the order of time
ROWS_SHOWN = 6


def judge(survey: Survey) -> Finding:
    if len(survey.splits) < 2:
        return unknown("the data is not split")
    time = _time(survey)
    if not time:
        return unknown("no column of time is recognised, and the rows are in the order of none; name it with --time")
    stamps = survey.number(time)
    known = np.isfinite(stamps)
    training = stamps[survey.training & known]
    others = {s: stamps[known & (survey.split == i)] for i, s in enumerate(survey.splits)}
    others = {s: v for s, v in others.items() if len(v) >= LEAST_ROWS and not survey.training[survey.rows_of(s)[0]]}
    if len(training) < LEAST_ROWS or not others:
        return unknown(f"fewer than {LEAST_ROWS} rows of a split have a time")
    role = survey.data.roles[time]
    start, end = float(training.min()), float(training.max())
    wrong: list[str] = []
    parts: list[str] = []
    before = False
    for split, values in others.items():
        inside = float((values < end).mean())
        span = f"{split} runs from {say(float(values.min()), role)} to {say(float(values.max()), role)}"
        if float(values.max()) < start:
            parts.append(f"{span}, all of it before the training data")
            wrong, before = [*wrong, split], True
        elif inside > INSIDE:
            parts.append(f"{span}: {inside:.1%} of its {len(values):,} rows lie before the end of the training data")
            wrong.append(split)
    whole = f"training data from {say(start, role)} to {say(end, role)} ({time})"
    if not wrong:
        return passed(f"{plural(len(others), 'split')} begin after the {whole}", inside=0)
    rows = np.flatnonzero(known & np.isin(survey.split, [survey.splits.index(s) for s in wrong]) & (stamps < end))
    rows = rows[np.argsort(stamps[rows], kind="stable")]
    return fired(
        f"{whole}; {'; '.join(parts)}",
        "validation and test data that begin after the training data ends",
        severity="warning" if before or survey.task == "forecast" else "note",
        exhibits=[survey.exhibit("before the end of the training data", rows[:ROWS_SHOWN].tolist(), total=len(rows))],
        time=time,
        splits=wrong,
        before=before,
    )


def _time(survey: Survey) -> str:
    """The column of time: recognised, or one that the training rows stand in the order of."""
    time = survey.data.recognised.time
    if time in survey.data.roles and survey.data.roles[time] in ("time", "number"):
        return time
    for column in survey.of_role("time"):
        steps = np.diff(survey.number(column)[survey.training])
        if len(steps) >= LEAST_ROWS and (steps >= 0).mean() >= ORDERED and (steps > 0).any():
            return column
    return ""


INSPECTOR = Inspector(fault="time-runs-backwards", severity="warning", basis="proof", judge=judge)


def _parts(folder, days):
    from datetime import date, timedelta

    for part, chosen in days.items():
        rows = [f"{date(2020, 1, 1) + timedelta(days=d)},{d * 7 % 13},{d * 5 % 31 / 2}" for d in chosen]
        (folder / f"{part}.csv").write_text("day,a,answer\n" + "\n".join(rows) + "\n")
    return ["train.csv", "--test", "test.csv", "--target", "answer", "--time", "day"]


def bad(folder):
    return _parts(folder, {"train": range(100, 300), "test": range(100)})


def good(folder):
    return _parts(folder, {"train": range(200), "test": range(200, 300)})
