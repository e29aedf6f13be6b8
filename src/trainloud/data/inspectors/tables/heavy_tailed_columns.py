"""Do single values of a column lie orders of magnitude beyond the bulk of it?

Why it matters: standardising divides by a deviation that a few rows make; the others all become nearly zero and equal.
A batch with one such row has a gradient of its own.

Remedy: take the logarithm (of 1 + x where there are zeros), use ranks or quantiles, or clip at the 99th percentile of
the training rows; if the largest values are mistakes, mend them.

Known limits: told for every column with a long tail, whatever the reason: heavy tails are how incomes, counts and
durations are distributed. Whether the values are right is for the person to say.

Source: Tukey 1977, "Exploratory Data Analysis", chapters 2 and 3; LeCun, Bottou, Orr, Müller 1998, "Efficient
BackProp", section 4.3.
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES, listed, looked_at, profile, say
from trainloud.data.survey import Survey

FAR = 10.0  # distance of the outermost value from the median, in widths of the middle 90 %: a normal column has 1.5,
# an exponential one 4, both at a million rows
LEAST_DISTINCT = 20  # different values: fewer are a scale
ROWS_SHOWN = 8


def judge(survey: Survey) -> Finding:
    columns = [c for c in (*looked_at(survey), survey.target) if c and survey.data.roles.get(c) == "number"]
    if not columns or not len(survey):
        return unknown("there is no column of numbers")
    found: dict[str, tuple[float, str]] = {}
    for column in columns:
        seen = profile(survey, column)
        if seen.distinct < LEAST_DISTINCT:
            continue
        low, high = seen.low.values[0], seen.high.values[0]
        width = seen.quantiles[5] - seen.quantiles[1] or seen.quantiles[6] - seen.quantiles[0]
        outer = high if high - seen.median >= seen.median - low else low
        far = abs(outer - seen.median) / width if width else np.inf
        if far >= FAR:
            end, at = ("largest", 6) if outer == high else ("smallest", 0)
            beyond = f"99 % lie {'below' if at else 'above'} {say(seen.quantiles[at])}"
            found[column] = far, f"{column}: {end} {say(outer)}, median {say(seen.median)}, {beyond}"
    if not found:
        return passed(
            f"{plural(len(columns), 'column')} of numbers: in none does a value lie {FAR:g} widths of the middle "
            "90 % from the median"
        )
    order = sorted(found, key=lambda c: (c != survey.target, -found[c][0]))
    shown = []
    for column in order[:2]:
        values = survey.number(column)
        off = np.abs(np.where(np.isfinite(values), values, np.nan) - profile(survey, column).median)
        rows = np.argsort(-np.nan_to_num(off, nan=-1.0), kind="stable")[:ROWS_SHOWN]
        shown.append(survey.exhibit(f"farthest out in {column}", rows.tolist(), [say(values[r]) for r in rows]))
    return fired(
        f"{plural(len(found), 'column')} with values far out: " + listed((found[c][1] for c in order), 4),
        f"all values within {FAR:g} widths of the middle 90 % of the median",
        exhibits=shown,
        columns={c: found[c][0] if np.isfinite(found[c][0]) else None for c in order[:200]},
    )


INSPECTOR = Inspector(fault="heavy-tailed-columns", severity="note", basis="proof", judge=judge, kinds=TABLES)


def bad(folder):
    rows = [f"{i * 7 % 13},{round((401 / (i * 37 % 401 + 1)) ** 1.5, 3)}" for i in range(400)]
    (folder / "table.csv").write_text("a,income\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "income"]


def good(folder):
    rows = [f"{i * 7 % 13},{i * 37 % 401}" for i in range(400)]
    (folder / "table.csv").write_text("a,income\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "income"]
