"""Do examples lack their target?

Why it matters: a missing number as a target makes the loss NaN at the first batch that holds it; a missing class
becomes class -1 or a class "nan" that the network learns to predict.

Remedy: leave these rows out of training and evaluation, or keep them apart as unlabelled examples; never fill in a
target.

Known limits: a split without any target (a test set whose answers are kept back) is no fault: it is a note.

Source: Chapelle, Schölkopf, Zien 2006, "Semi-Supervised Learning", chapter 1 (what unlabelled examples are good for).
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import listed
from trainloud.data.survey import Survey

ROWS_SHOWN = 8


def judge(survey: Survey) -> Finding:
    if survey.labels is None and survey.values is None:
        return unknown("there is no target")
    if not len(survey):
        return unknown("there is no example")
    gone = survey.labels[0] < 0 if survey.labels is not None else np.isnan(survey.values)
    if not gone.any():
        return passed(f"each of {plural(len(survey), 'example')} has a target", rows=0)
    missing = np.bincount(survey.split[gone], minlength=len(survey.splits))
    sizes = np.bincount(survey.split, minlength=len(survey.splits))
    blank = [i for i in range(len(sizes)) if missing[i] == sizes[i] and sizes[i] and len(survey.splits) > 1]
    partly = [i for i in range(len(sizes)) if missing[i] and i not in blank]
    parts = [
        f"{missing[i]:,} of {sizes[i]:,} {f'{survey.splits[i]} ' if survey.splits[i] else ''}examples "
        f"({missing[i] / sizes[i]:.2%}) have no target"
        for i in partly
    ]
    parts += [f"none of {sizes[i]:,} {survey.splits[i]} examples has a target" for i in blank]
    rows = np.flatnonzero(gone)
    return fired(
        listed(parts),
        f"a value of {survey.target} for every example" if survey.target else "a target for every example",
        severity=None if partly else "note",
        exhibits=[survey.exhibit("without a target", rows[:ROWS_SHOWN].tolist(), total=len(rows))],
        rows=len(rows),
        splits=dict(zip(survey.splits, missing.tolist(), strict=True)),
    )


INSPECTOR = Inspector(fault="target-missing", severity="warning", basis="proof", judge=judge)


def bad(folder):
    rows = [f"{i % 17},{i * 7 % 13},{'' if i % 20 == 3 else i * 5 % 31 / 2}" for i in range(200)]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i % 17},{i * 7 % 13},{i * 5 % 31 / 2}" for i in range(200)]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
