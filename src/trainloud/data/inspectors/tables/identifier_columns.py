"""Is a column nothing but the name or the number of its row?

Why it matters: a customer's number tells nothing of another customer. A network with enough weights learns it by heart
and is no better for new rows; a row counter carries the order in which the rows were written, which often follows the
time or the class and is gone in use. It also hides rows that stand there twice.

Remedy: leave the column out of the features; keep it aside to join and to split by.

Known limits: told by the values: whole numbers that hardly ever repeat although they could, or words of one shape with
digits in them, different in every row. Measurements are not blamed for being unique. A counter named like a time is
left alone. It is a warning where the target follows from the number, which a model takes for a quantity; a code that no
model takes for one, and a number that the target does not follow, are a note. Columns that repeat (a patient's
number) are asked about by groups-straddle-splits.

Source: Kaufman, Rosset, Perlich, Stitelman 2012, "Leakage in Data Mining", section 2 (the patient's number that told
the hospital).
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES, listed
from trainloud.data.methods.identifiers import LEAST_ROWS, identifiers
from trainloud.data.survey import Survey

ROWS_SHOWN = 4
STRETCHES = 10  # equal stretches of the numbers, in order ...
FOLLOWS = (
    0.05  # ... by which this share of the target's variance is explained, beyond chance: it follows from the number
)


def judge(survey: Survey) -> Finding:
    if not survey.columns:
        return unknown("there are no columns besides the target")
    if np.bincount(survey.split, minlength=1).max() < LEAST_ROWS:
        return unknown(f"{plural(len(survey), 'row')}: in so few, unlike values are no sign of an identifier")
    found = identifiers(survey)
    if not found:
        return passed(f"{plural(len(survey.columns), 'column')}: none only names its rows", columns=[])
    telling = {c: share for c in found if (share := _explained(survey, c)) >= FOLLOWS}
    measured = f"{plural(len(found), 'column')} only {'names' if len(found) == 1 else 'name'} the row: "
    measured += listed(f"{c} ({f.why})" for c, f in found.items())
    for column, share in telling.items():
        measured += f"; the order of {column} explains {share:.0%} of the variance of {survey.target or 'the class'}"
    return fired(
        measured,
        "features that say something of more than one row",
        exhibits=[survey.exhibit("the first rows", range(min(ROWS_SHOWN, len(survey))))],
        severity="warning" if telling else None,
        explained=telling,
        columns=list(found),
        why={c: f.why for c, f in found.items()},
    )


def _explained(survey: Survey, column: str) -> float:
    """Share of the target's variance (of classes: of their indicators) between stretches of equal size of the sorted
    training rows, less what chance gives (adjusted R squared); 0 where the column holds words."""
    if survey.data.roles[column] != "number":
        return 0.0
    if survey.labels is not None:
        known = survey.training & (survey.labels[0] >= 0)
        classes = survey.labels[0]
        # Sum over classes of the variance of the indicator: 1 - sum of squared shares.
        spread = lambda rows: 1.0 - float(np.square(np.bincount(classes[rows]) / len(rows)).sum())  # noqa: E731
    elif survey.values is not None:
        values = survey.values
        known = survey.training & np.isfinite(values)
        spread = lambda rows: float(values[rows].var())  # noqa: E731
    else:
        return 0.0
    rows = np.flatnonzero(known)
    if len(rows) < LEAST_ROWS or not (whole := spread(rows)):
        return 0.0
    rows = rows[np.argsort(survey.number(column)[rows], kind="stable")]
    within = sum(len(part) * spread(part) for part in np.array_split(rows, STRETCHES)) / len(rows)
    return max(0.0, 1.0 - within / whole * (len(rows) - 1) / (len(rows) - STRETCHES))


INSPECTOR = Inspector(fault="identifier-columns", severity="note", basis="heuristic", judge=judge, kinds=TABLES)


def bad(folder):
    rows = [f"{7000 + i * 37 % 401:04d}-QX,{i * 7 % 13},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("customer,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{(i * 0.37) % 1.7:.4f},{i * 7 % 13},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("weight,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
