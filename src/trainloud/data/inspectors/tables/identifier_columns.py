"""Is a column nothing but the name or the number of its row?

Why it matters: a customer's number tells nothing of another customer. A network with enough weights learns it by heart
and is no better for new rows; a row counter carries the order in which the rows were written, which often follows the
time or the class and is gone in use. It also hides rows that stand there twice.

Remedy: leave the column out of the features; keep it aside to join and to split by.

Known limits: told by the values: whole numbers that hardly ever repeat although they could, or words of one shape with
digits in them, different in every row. Measurements are not blamed for being unique. A counter named like a time is
left alone. Columns that repeat (a patient's number) are asked about by groups-straddle-splits.

Source: Kaufman, Rosset, Perlich, Stitelman 2012, "Leakage in Data Mining", section 2 (the patient's number that told
the hospital).
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES, listed, plural
from trainloud.data.methods.identifiers import LEAST_ROWS, identifiers
from trainloud.data.survey import Survey

ROWS_SHOWN = 4


def judge(survey: Survey) -> Finding:
    if not survey.columns:
        return unknown("there are no columns besides the target")
    if np.bincount(survey.split, minlength=1).max() < LEAST_ROWS:
        return unknown(f"{plural(len(survey), 'row')}: in so few, unlike values are no sign of an identifier")
    found = identifiers(survey)
    if not found:
        return passed(f"none of {plural(len(survey.columns), 'column')} only names its rows", columns=[])
    return fired(
        f"{plural(len(found), 'column')} only {'names' if len(found) == 1 else 'name'} the row: "
        + listed(f"{c} ({f.why})" for c, f in found.items()),
        "features that say something of more than one row",
        exhibits=[survey.exhibit("the first rows", range(min(ROWS_SHOWN, len(survey))), total=len(survey))],
        columns=list(found),
        why={c: f.why for c, f in found.items()},
    )


INSPECTOR = Inspector(fault="identifier-columns", severity="warning", basis="heuristic", judge=judge, kinds=TABLES)


def bad(folder):
    rows = [f"{7000 + i * 37 % 401:04d}-QX,{i * 7 % 13},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("customer,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{(i * 0.37) % 1.7:.4f},{i * 7 % 13},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("weight,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
