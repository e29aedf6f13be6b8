"""Does a column hold one and the same value in (almost) every training row?

Why it matters: a column without variation tells nothing, and standardising it divides by zero. One that varies in the
test data alone enters the network there with weights that no training has touched.

Remedy: leave the column out, or find out why it does not vary (a join that failed, a filter, a sensor that was off).

Known limits: only the training rows are asked. A column that varies in fewer than one row of a thousand is a note: rare
events are what some tables are about. So are columns that hold what most others of their kind hold too: borders of
pictures, words that no text has.

Source: Kuhn and Johnson 2013, "Applied Predictive Modeling", section 3.5 (zero- and near-zero-variance predictors).
"""

import re
from collections import Counter

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES, encoded, listed, looked_at, profile, say
from trainloud.data.survey import Survey

LEAST_ROWS = 20  # rows: in fewer a rare value may not have been met
RARE = 1e-3  # share of the rows that may differ in a column that is nearly constant
ALIKE = 30  # columns of one range, or of one name but for its number, from which they are places of one thing
MOST = 0.5  # share of the varied columns that they make up


def judge(survey: Survey) -> Finding:
    columns = looked_at(survey)
    rows = int(survey.training.sum())
    if not columns or rows < LEAST_ROWS:
        return unknown(f"{plural(len(columns), 'column')} of {plural(rows, 'training row')}: too few to ask")
    dead: list[str] = []
    constant: dict[str, str] = {}
    nearly: dict[str, str] = {}
    for column in columns:
        seen = profile(survey, column)
        # The cells of its most frequent value, missing taken as one, over all splits.
        most = max(seen.common[0][1] if seen.common else 0, seen.missing)
        few = len(survey) - rows + RARE * rows
        if len(survey) - most > few or (seen.infinite and most < len(survey)):
            continue
        value, differ = _training(survey, column)
        if differ == 0 and value is None:
            dead.append(column)
        elif differ == 0:
            elsewhere = ", but not in the other splits" if seen.distinct > 1 else ""
            constant[column] = f"{column} is {value} in all of them{elsewhere}"
        elif differ <= RARE * rows:
            nearly[column] = f"{column} is {'missing' if value is None else value} in all but {differ:,}"
    return _answer(survey, columns, rows, dead, constant, nearly)


def _training(survey: Survey, column: str) -> tuple[str | None, int]:
    """The most frequent value of the training rows, in words (None: missing), and how many of them differ from it."""
    role = survey.data.roles[column]
    if role in ("number", "time"):
        values = survey.number(column)[survey.training]
        present = values[~np.isnan(values)]
        if 2 * len(present) < len(values) or not len(present):
            return None, len(present)
        middle = float(np.sort(present)[len(present) // 2])
        return say(middle, role), len(values) - int((present == middle).sum())
    codes, words = encoded(survey, column)
    counts = np.bincount(codes[survey.training] + 1)
    most = int(counts.argmax())
    return (str(words[most - 1].as_py()) if most else None), int(counts.sum() - counts[most])


def _answer(
    survey: Survey,
    columns: tuple[str, ...],
    rows: int,
    dead: list[str],
    constant: dict[str, str],
    nearly: dict[str, str],
) -> Finding:
    parts = []
    if dead:
        parts.append(f"{listed(dead)} without a value in any of them")
    if constant:
        parts.append(listed(constant.values()))
    if nearly:
        parts.append(listed(nearly.values()))
    if not parts:
        return passed(f"each of {plural(len(columns), 'column')} varies in {plural(rows, 'training row')}", columns=0)
    told = len(dead) + len(constant)
    return fired(
        f"{told + len(nearly):,} of {plural(len(columns), 'column')} {'do' if told + len(nearly) > 1 else 'does'} not "
        f"vary in {plural(rows, 'training row')}: {'; '.join(parts)}",
        "columns that differ between rows",
        severity=None if dead or not set(constant) <= _background(survey, columns, constant, nearly) else "note",
        dead=dead[:200],
        constant=list(constant)[:200],
        nearly=list(nearly)[:200],
    )


def _background(survey: Survey, columns: tuple[str, ...], constant: dict[str, str], nearly: dict[str, str]) -> set[str]:
    """Constant columns of numbers that hold what is an end of many others like them: of one range (0 and 1), or of one
    name but for the number in it ("pixel17")."""
    numbers = [c for c in columns if survey.data.roles[c] == "number"]
    varied = [c for c in numbers if c not in constant and c not in nearly]
    ranges = Counter((p.low.values[0], p.high.values[0]) for p in (profile(survey, c) for c in varied) if p.low.values)
    stems: dict[str, list[str]] = {}
    for column in varied:
        stems.setdefault(_stem(column), []).append(column)
    found = set()
    for column in set(constant) & set(numbers):
        value = profile(survey, column).median
        one = max((n for ends, n in ranges.items() if value in ends), default=0)
        named = stems.get(_stem(column), []) if _stem(column) != column else []
        alike = sum(value in (p.low.values[0], p.high.values[0]) for p in (profile(survey, c) for c in named))
        if one >= max(ALIKE, MOST * len(varied)) or alike >= max(ALIKE, MOST * len(varied)):
            found.add(column)
    return found


def _stem(name: str) -> str:
    return re.sub(r"\d+", "0", name)


INSPECTOR = Inspector(fault="constant-or-dead-features", severity="warning", basis="proof", judge=judge, kinds=TABLES)


def bad(folder):
    rows = [f"{i * 7 % 13},5,{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i * 7 % 13},{5 + i % 2},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
