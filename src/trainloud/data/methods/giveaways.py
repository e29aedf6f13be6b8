"""When a single column, or a formula of a few, is taken to give the target away: how exact it must be.

A strong predictor is no leak. What makes one is exactness: a column of codes that stands one-to-one with the target, a
sum that gives it to the last digit, an error so near zero that no measurement has it. Only these are graded above a
note; whether it is known when the prediction is made, only the person can say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trainloud.core.finding import Basis, Severity
from trainloud.data.methods.binned import bin_numbers, folds, tally_classes
from trainloud.data.methods.columns import encoded, missing_cells, profile
from trainloud.data.methods.redundant import first_met
from trainloud.data.methods.relations import relations
from trainloud.data.methods.statistics import wilson
from trainloud.data.survey import Survey

RELATED_ROWS = 4_000  # rows on which formulas are searched and checked
SURE_ROWS = 100  # rows in which a one-to-one code or an exact formula is no luck
EXACT, EXACT_HIGH = (
    0.005,
    0.02,
)  # left of the best constant's errors, and the upper end of its 95 % interval: as good as
# the answer itself
NEAR = 0.1  # left of the best constant's errors: nearly the answer
NEAR_NUMBER = 0.02  # the same of a number's variance
SAME = 1e-9  # share of variance that rounding leaves
LEAST_DISTINCT = 50  # different values whose order is no luck
EACH = 5  # rows of each value of a column that is a function's argument, on average
BESIDE = 20  # values on either side of a border between two classes, whose spacing ...
GAP = 5.0  # ... the gap at the border may exceed so many times: beyond, the classes are clusters that lie apart


@dataclass(frozen=True)
class Leak:
    """One column, or a formula of a few, that gives the target away."""

    columns: tuple[str, ...]
    how: str
    """In words, with numbers."""
    severity: Severity
    basis: Basis
    left: float
    """Share that it leaves unexplained out of sample: of the best constant's errors, or of the variance."""
    formula: str = ""


def of_classes(
    survey: Survey, column: str, left: float, rows: np.ndarray, labels: np.ndarray, known: np.ndarray
) -> Leak | None:
    assert survey.labels is not None
    target = survey.target or "the class"
    wrong = len(rows) - int(np.bincount(labels).max())
    hits = f"alone it predicts {1 - left * wrong / len(rows):.2%} of {target} out of sample"
    same = _one_to_one(survey, column, known, survey.labels[0])
    if same:
        sure = len(known) >= SURE_ROWS and wrong >= EACH
        how = f"{column} is {target} in other words: {same}; {hits}"
        return Leak((column,), how, "error" if sure else "note", "proof" if sure else "heuristic", left)
    gone = _missing_alone(survey, column, rows, labels)
    if gone is not None and gone <= NEAR and gone <= 2 * max(left, 0.01):
        how = f"whether {column} is missing alone predicts {1 - gone * wrong / len(rows):.2%} of {target} out of sample"
        return Leak((column,), how, "warning", "experiment", gone)
    if left > NEAR:
        return None
    exact = left <= EXACT and wilson(left * wrong, wrong)[1] <= EXACT_HIGH
    apart = exact and survey.data.roles[column] == "number" and _clusters(survey.number(column)[rows], labels)
    how = f"{column}: {hits}{', by classes that lie apart in it' if apart else ''}"
    return Leak((column,), how, "warning" if exact and not apart else "note", "experiment", left)


def _one_to_one(survey: Survey, column: str, known: np.ndarray, target: np.ndarray) -> str:
    """In words that each value of the column stands with one value of the target and the other way round, in all these
    rows; "" if not."""
    seen = profile(survey, column)
    if seen.distinct > len(known) // 2:
        return ""
    values = first_met(_column(survey, column)[known])
    answers = first_met(target[known])
    if not np.array_equal(values, answers) or values.max() < 1:
        return ""
    return f"the {int(values.max()) + 1:,} values of each stand one-to-one in all {len(known):,} training rows"


def _clusters(values: np.ndarray, labels: np.ndarray) -> bool:
    """Do the classes lie apart in this column, with wide gaps between them? A target that was cut from the column has
    its borders amid the values."""
    known = np.isfinite(values)
    order = np.argsort(values[known], kind="stable")
    x, y = values[known][order], labels[known][order]
    borders = np.flatnonzero((y[1:] != y[:-1]) & (x[1:] > x[:-1]))
    steps = np.diff(x)
    if not len(borders):
        return False
    wide = [steps[b] > GAP * np.median(steps[max(b - BESIDE, 0) : b + BESIDE + 1]) for b in borders[:100]]
    return bool(np.mean(wide) > 0.5)


def _column(survey: Survey, column: str) -> np.ndarray:
    if survey.data.roles[column] in ("number", "time"):
        return survey.number(column)
    return encoded(survey, column)[0]


def _missing_alone(survey: Survey, column: str, rows: np.ndarray, labels: np.ndarray) -> float | None:
    """What the pattern of missing cells alone leaves unexplained; None without missing cells."""
    if not profile(survey, column).missing:
        return None
    gone = bin_numbers(missing_cells(survey, column)[rows].astype(np.float64))
    wrong = len(rows) - int(np.bincount(labels).max())
    tallied = tally_classes(gone, labels, int(labels.max()) + 1, folds(len(rows), labels))
    return (len(rows) - tallied.hits) / wrong


def formulas(survey: Survey, columns: Sequence[str], rows: np.ndarray) -> list[Leak]:
    """Formulas of a few columns that give the target to the last digit."""
    assert survey.values is not None
    names = [c for c in columns if survey.data.roles[c] in ("number", "time")]
    if not names:
        return []
    rows = survey.sample(min(RELATED_ROWS, survey.limits.rows(8 * len(names), 0.05)), rows)
    x = np.stack([survey.number(c)[rows] for c in names], axis=1)
    leaks = []
    for r in relations(names, x, survey.values[rows]):
        up_to = "" if r.amounts == 1 else f" + one of {r.amounts} amounts"
        share = f"all {r.rows:,}" if r.share == 1 else f"{r.share:.2%} of {r.rows:,}"
        exact = r.amounts == 1 and r.rows >= SURE_ROWS
        leaks.append(
            Leak(
                r.columns,
                f"{r.formula}{up_to} is {survey.target} to the last digit in {share} rows looked at",
                "error" if exact else "warning",
                "proof" if exact else "experiment",
                1 - r.share,
                f"{r.formula}{up_to}",
            )
        )
    return leaks


def of_number(survey: Survey, column: str, left: float, rows: np.ndarray) -> Leak | None:
    assert survey.values is not None
    seen = profile(survey, column)
    says = f"alone it explains {1 - max(left, 0):.2%} of the variance of {survey.target} out of sample"
    same = _one_to_one(survey, column, rows, survey.values)
    if same and len(rows) >= SURE_ROWS:
        how = f"{column} is {survey.target} in other words: {same}; {says}"
        return Leak((column,), how, "error", "proof", left)
    if left <= SAME and seen.distinct * EACH <= len(rows) and len(rows) >= SURE_ROWS:
        how = f"{survey.target} follows from {column}: each of its {seen.distinct:,} values has one target; {says}"
        return Leak((column,), how, "warning", "proof", left)
    if survey.data.roles[column] == "number" and _same_order(survey.number(column)[rows], survey.values[rows]):
        how = f"{column} puts all {len(rows):,} rows looked at in the order of {survey.target}; {says}"
        return Leak((column,), how, "warning", "experiment", left)
    return Leak((column,), f"{column}: {says}", "note", "experiment", left) if left <= NEAR_NUMBER else None


def _same_order(x: np.ndarray, y: np.ndarray) -> bool:
    """Is one a strictly monotone function of the other, where neither merely follows the order of the rows?"""
    if not np.isfinite(x).all():
        return False
    codes = [np.unique(v, return_inverse=True)[1] for v in (x, y)]
    if codes[0].max() != codes[1].max() or codes[0].max() < LEAST_DISTINCT:
        return False
    if not np.array_equal(*codes) and not np.array_equal(codes[0], codes[1].max() - codes[1]):
        return False
    return not any((np.diff(v) >= 0).all() or (np.diff(v) <= 0).all() for v in codes)


def next_values(survey: Survey, columns: Sequence[str], alone: Mapping[str, float]) -> list[Leak]:
    """Columns that hold the target of the next row, where rows are in the order of time."""
    assert survey.values is not None
    if not survey.data.recognised.time:
        return []
    rows = np.flatnonzero(survey.training)
    after = survey.values[rows][1:]
    if len(after) < SURE_ROWS or (after == survey.values[rows][:-1]).mean() > 0.5:
        return []
    found = []
    for column in columns:
        if survey.data.roles[column] == "number" and alone[column] < 1:
            share = float((survey.number(column)[rows][:-1] == after).mean())
            if share >= 1 - EXACT:
                how = f"{column} holds the {survey.target} of the next row in {share:.2%} of {len(after):,} rows"
                found.append(Leak((column,), how, "warning", "experiment", alone[column]))
    return found
