"""Are there infinite numbers in the data?

Why it matters: one infinite number makes the mean of its column infinite, its standardised values NaN, and with the
first batch that holds it every weight of the network NaN.

Remedy: find where it comes from (a division by zero, a logarithm of zero, an overflow of float32); write the true limit
or leave the cell empty.

Known limits: missing cells are told by missing-values, missing targets by target-missing. Numbers beyond 3.4e38 are
finite here and become infinite as float32: they are told too.

Source: IEEE 754-2019, section 6.1; Goodfellow, Bengio, Courville 2016, "Deep Learning", section 4.1.
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES, listed, looked_at, plural, profile
from trainloud.data.survey import Survey

LARGEST = float(np.finfo(np.float32).max)  # what a network's usual precision can hold
ROWS_SHOWN = 8


def judge(survey: Survey) -> Finding:
    columns = [c for c in (*looked_at(survey), survey.target) if c and survey.data.roles.get(c) == "number"]
    if not columns or not len(survey):
        return unknown("there is no column of numbers")
    found: dict[str, int] = {}
    first: dict[str, np.ndarray] = {}
    for column in columns:
        seen = profile(survey, column)
        if not seen.infinite and max(map(abs, (*seen.low.values[:1], *seen.high.values[:1])), default=0.0) <= LARGEST:
            continue
        rows = np.flatnonzero(np.abs(survey.number(column)) > LARGEST)  # NaN compares as False
        found[column], first[column] = len(rows), rows
    if not found:
        return passed(f"all numbers of {plural(len(columns), 'column')} are finite in single precision", cells=0)
    order = sorted(found, key=lambda c: -found[c])
    exhibits = [survey.exhibit(f"{c} is not finite", first[c][:ROWS_SHOWN].tolist(), total=found[c]) for c in order[:3]]
    return fired(
        f"{plural(sum(found.values()), 'cell')} in {plural(len(found), 'column')} are infinite in single precision: "
        + listed(f"{c} {found[c]:,}" for c in order),
        "finite numbers",
        exhibits=exhibits,
        columns={c: found[c] for c in order[:200]},
    )


INSPECTOR = Inspector(fault="non-finite-values-in-data", severity="error", basis="proof", judge=judge, kinds=TABLES)


def bad(folder):
    rows = [f"{i % 17},{'inf' if i == 77 else i * 7 % 13},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,ratio,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i % 17},{i * 7 % 13},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,ratio,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
