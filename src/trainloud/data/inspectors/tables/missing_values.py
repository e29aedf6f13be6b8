"""Which cells have no value, by column and by row?

Why it matters: a network has no notion of "missing". A NaN that enters it makes the loss NaN at the first step; a
filled-in value is learnt as if it had been measured, and whether a cell is missing may itself tell something.

Remedy: decide column by column: leave out what is mostly missing; fill in from training rows alone (median, most
frequent word) and add a column that says where it was filled in.

Known limits: words that stand for "missing" and were not recognised count as values: see disguised-missing-values. A
missing target is told by target-missing. Missing cells are a fact to handle, not a fault: a note, unless rows hold
nothing at all.

Source: Rubin 1976, "Inference and Missing Data"; Josse, Chen, Prost, Varoquaux, Scornet 2019, "On the consistency of
supervised learning with missing values", section 3.
"""

import numpy as np

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import KNOWN_MISSING, TABLES, listed, looked_at, missing_cells, profile
from trainloud.data.survey import Survey

ROWS_SHOWN = 8


def judge(survey: Survey) -> Finding:
    columns = looked_at(survey)
    if not columns or not len(survey):
        return unknown("there are no columns besides the target")
    rows = len(survey)
    count = {c: profile(survey, c).missing for c in columns}
    holes = sorted((c for c in columns if count[c]), key=lambda c: -count[c])
    if not holes:
        return passed(f"no cell of {plural(len(columns), 'column')} and {plural(rows, 'row')} is missing", cells=0)
    of_row: np.ndarray = np.zeros(rows, np.int32)
    by_split: dict[str, list[int]] = {}
    for column in holes:
        gone = missing_cells(survey, column)
        of_row += gone
        by_split[column] = np.bincount(survey.split[gone], minlength=len(survey.splits)).tolist()
    cells, empty = sum(count.values()), int((of_row == len(columns)).sum())
    words = listed(f"{c} {count[c]:,} ({count[c] / rows:.1%})" for c in holes)
    measured = (
        f"{cells:,} of {plural(rows * len(columns), 'cell')} ({cells / rows / len(columns):.2%}) "
        f"{'is' if cells == 1 else 'are'} missing, in "
        f"{int((of_row > 0).sum()):,} of {plural(rows, 'row')} and {len(holes):,} of {plural(len(columns), 'column')}: "
        f"{words}"
    )
    spelled = _spelled(survey, holes)
    if spelled:
        words = listed(f'"{w}" ({n:,})' for w, n in spelled.items())
        measured += f"; some are spelled {words}"
    if empty:
        measured += f"; {plural(empty, 'row')} without any value"
    worst = np.argsort(-of_row, kind="stable")[:ROWS_SHOWN]
    notes = [f"{of_row[r]:,} of {len(columns):,} cells missing" for r in worst]
    return fired(
        measured,
        "a value in every cell, or a decision for each of these columns",
        severity="warning" if empty else None,
        exhibits=[survey.exhibit("the rows with most missing cells", worst.tolist(), notes, int((of_row > 0).sum()))],
        cells=cells,
        columns={c: count[c] for c in holes[:200]},
        splits={c: dict(zip(survey.splits, by_split[c], strict=True)) for c in holes[:200]},
        rows=int((of_row > 0).sum()),
        empty_rows=empty,
        spelled=spelled,
    )


def _spelled(survey: Survey, columns: list[str]) -> dict[str, int]:
    """Word that readers of tables take for missing unasked -> cells, most frequent first."""
    words: dict[str, int] = {}
    for column in columns:
        facts = survey.data.facts.get(column)
        for word, cells in facts.disguised.items() if facts is not None else ():
            if word in KNOWN_MISSING:
                words[word] = words.get(word, 0) + cells
    return dict(sorted(words.items(), key=lambda item: -item[1]))


INSPECTOR = Inspector(fault="missing-values", severity="note", basis="proof", judge=judge, kinds=TABLES)


def bad(folder):
    rows = [f"{i},{'' if i % 4 == 0 else i * 7 % 13},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]


def good(folder):
    rows = [f"{i},{i * 7 % 13},{'yes' if i % 3 else 'no'}" for i in range(200)]
    (folder / "table.csv").write_text("a,b,answer\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "answer"]
