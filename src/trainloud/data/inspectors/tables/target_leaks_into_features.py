"""Does a column, or a sum of a few, give the target away?

Why it matters: a column that was filled in after the outcome, or computed from it, makes every score excellent and the
network useless: in use the column is empty, or the question is answered already.

Remedy: ask of each column named whether it is known at the moment of the prediction. If not, leave it out. If it is,
no network is needed: the formula, or a look at the column, is the model.

Known limits: a perfect predictor may be legitimate; what is told is how exact it is, beside what all other columns
together reach, and only exactness is more than a note. A column that is known too late but predicts no better than the
others is not seen. Formulas of up to four columns are searched: sums and differences, affine functions, products.

Source: Kaufman, Rosset, Perlich, Stitelman 2012, "Leakage in Data Mining: Formulation, Detection, and Avoidance", ACM
TKDD 6(4), section 3; Kapoor and Narayanan 2023, "Leakage and the reproducibility crisis in machine-learning-based
science".
"""

from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.words import plural
from trainloud.data.inspector import Inspector
from trainloud.data.methods.columns import TABLES
from trainloud.data.methods.leaks import Searched, search
from trainloud.data.survey import Survey

TOLD = 4  # leaks told in words
ROWS_SHOWN = 6


def judge(survey: Survey) -> Finding:
    found = search(survey)
    if isinstance(found, str):
        return unknown(found)
    target = survey.target or "the class"
    if not found.leaks:
        best = _reached(found, found.best_left, target)
        return passed(f"the best single column, {found.best}, {best}", best=found.best, left=found.best_left)
    told = "; ".join(leak.how for leak in found.leaks[:TOLD])
    if len(found.leaks) > TOLD:
        told += f"; and {len(found.leaks) - TOLD:,} more"
    if found.others is not None:
        several = found.others_count > 1
        others = f"the other {plural(found.others_count, 'column')} together" if several else "the other column"
        told += f"; {others} {_beside(found, found.others, several)}"
    first = found.leaks[0]
    named = {c: None for leak in found.leaks for c in leak.columns}
    rows = survey.sample(ROWS_SHOWN)
    notes = [_cells(survey, int(r), first.columns) for r in rows]
    return fired(
        told,
        f"no column that gives {target} away by itself",
        severity=first.severity,
        basis=first.basis,
        exhibits=[survey.exhibit(f"{' and '.join(first.columns)} beside {target}", rows.tolist(), notes, len(survey))],
        leaks=[
            {"columns": list(leak.columns), "formula": leak.formula, "severity": leak.severity, "left": leak.left}
            for leak in found.leaks
        ],
        columns=list(named),
        others_left=found.others,
        constant=found.constant,
        rows=found.rows,
    )


def _reached(found: Searched, left: float, target: str) -> str:
    """What the best column predicts, where this share is left unexplained."""
    if found.constant:
        hits = 1 - left * (1 - found.constant)
        return f"predicts {hits:.1%} of {target} out of sample, the best constant {found.constant:.1%}"
    return f"explains {max(1 - left, 0):.1%} of the variance of {target} out of sample"


def _beside(found: Searched, left: float, several: bool) -> str:
    """What the others reach, where this share is left unexplained."""
    if found.constant:
        verb = "reach" if several else "reaches"
        return f"{verb} {1 - left * (1 - found.constant):.1%}, the best constant {found.constant:.1%}"
    return f"{'explain' if several else 'explains'} {max(1 - left, 0):.1%} of the variance"


def _cells(survey: Survey, row: int, columns: tuple[str, ...]) -> str:
    cells = ((c, survey.data.table.column(c)[row].as_py()) for c in columns)
    return ", ".join(f"{c} = {v}" for c, v in cells)


INSPECTOR = Inspector(
    fault="target-leaks-into-features",
    severity="warning",
    basis="experiment",
    judge=judge,
    kinds=TABLES,
)


def bad(folder):
    rows = []
    for i in range(300):
        fare, tip = 5 + i * 37 % 101 / 4, i * 7 % 13 / 2
        rows.append(f"{i * 5 % 17},{tip},{fare + tip},{fare}")
    (folder / "table.csv").write_text("zone,tip,total,fare\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "fare"]


def good(folder):
    rows = []
    for i in range(300):
        fare, tip = 5 + i * 37 % 101 / 4, i * 7 % 13 / 2
        rows.append(f"{i * 5 % 17},{tip},{fare + i * 11 % 19},{fare}")
    (folder / "table.csv").write_text("zone,tip,distance,fare\n" + "\n".join(rows) + "\n")
    return ["table.csv", "--target", "fare"]
