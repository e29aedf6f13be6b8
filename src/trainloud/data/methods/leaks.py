"""Columns that give the target away: alone, out of sample, and in small formulas. What all others reach stands beside.

How exact a column must be is said in `giveaways.py`. Where the others together come as near as it does, the task is
easy and nothing gives it away.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from trainloud.core.words import plural
from trainloud.data.methods.binned import (
    BINS,
    MOST,
    ROWS,
    additive,
    bin_column,
    bins_of,
    explained,
    folds,
    one_hot,
    tally_classes,
    tally_number,
)
from trainloud.data.methods.columns import looked_at
from trainloud.data.methods.giveaways import EXACT_HIGH, Leak, formulas, next_values, of_classes, of_number
from trainloud.data.methods.redundant import first_met
from trainloud.data.survey import Survey

LEAST_OTHERS = 20  # rows outside the most frequent class
PROMISING = 0.3  # left unexplained, of what the best constant leaves: under it a column is looked at in detail
EASY = 5.0  # times what the column leaves: if the others leave less, the task is easy and nothing gives it away
APART = 2.0  # the same for a note
CLASSES = 64  # classes told apart when the others are fitted; rarer ones are one
FITS = 4  # leaks beside which the others are fitted: if there are more, the task is easy

Reach = Callable[[Collection[str]], float]
"""What all columns but these leave unexplained together, out of sample; 1 where none is left."""


@dataclass(frozen=True)
class Searched:
    """What a search for leaks gave."""

    leaks: tuple[Leak, ...]
    """Most certain first."""
    best: str
    """The column that predicts best by itself."""
    best_left: float
    others: float | None
    """What the columns outside all leaks leave unexplained together; None where they were not fitted."""
    others_count: int
    constant: float
    """Accuracy of the best constant for classes; 0 for numbers."""
    rows: int
    alone: dict[str, float] = field(default_factory=dict)
    """Column -> what it leaves unexplained by itself."""


def search(survey: Survey) -> Searched | str:
    """The leaks among the training rows' columns, searched once; a reason in words where there is nothing to ask."""
    return survey.once("leaks", lambda: _search(survey))


def _search(survey: Survey) -> Searched | str:
    target = survey.labels[0] if survey.labels is not None else survey.values
    if target is None:
        return "there is no target"
    known = survey.training & (target >= 0 if survey.labels is not None else np.isfinite(target))
    columns = looked_at(survey)
    if not columns:
        return "there are no columns besides the target"
    rows = survey.sample(ROWS, np.flatnonzero(known))
    if survey.labels is not None:
        return _classes(survey, columns, rows, np.flatnonzero(known))
    return _numbers(survey, columns, rows)


# classes ------------------------------------------------------------------------------------------------------------


def _classes(survey: Survey, columns: Sequence[str], rows: np.ndarray, known: np.ndarray) -> Searched | str:
    assert survey.labels is not None
    labels, classes = first_met(survey.labels[0][rows]), 0
    classes = int(labels.max()) + 1 if len(labels) else 0
    wrong = len(rows) - int(np.bincount(labels, minlength=1).max()) if classes else 0
    if wrong < LEAST_OTHERS:
        return f"only {plural(wrong, 'row')} outside the most frequent class: too few to predict"
    fold = folds(len(rows), labels)
    alone, found = {}, []
    for column in columns:
        binned = bin_column(survey, column, rows)
        left = (len(rows) - tally_classes(binned, labels, classes, fold).hits) / wrong
        if left <= PROMISING:
            finer = bin_column(survey, column, rows, _finer(len(rows)))
            left = min(left, (len(rows) - tally_classes(finer, labels, classes, fold).hits) / wrong)
            leak = of_classes(survey, column, left, rows, labels, known)
            found += [leak] if leak is not None else []
        alone[column] = left
    few = _few_classes(labels)

    def reach(without: Collection[str]) -> float:
        bins = bins_of(survey, _strongest(alone, without), rows)
        guess = additive(bins, one_hot(few, int(few.max()) + 1), fold).argmax(axis=1)
        return float((guess != few).sum() / wrong)

    return _searched(found, alone, reach, 1 - wrong / len(rows), len(rows))


def _finer(rows: int) -> int:
    """Bins of a column that is looked at in detail: eight rows each."""
    return max(BINS, min(1024, rows // 8))


def _few_classes(labels: np.ndarray) -> np.ndarray:
    """Labels with all but the most frequent CLASSES taken as one."""
    counts = np.bincount(labels)
    place = np.full(len(counts), CLASSES)
    kept = np.argsort(-counts, kind="stable")[:CLASSES]
    place[kept] = np.arange(len(kept))
    return place[labels]


# numbers ------------------------------------------------------------------------------------------------------------


def _numbers(survey: Survey, columns: Sequence[str], rows: np.ndarray) -> Searched | str:
    assert survey.values is not None
    target = survey.values[rows]
    target = target / max(float(np.abs(target).max(initial=0)), 1.0)  # squares of huge numbers overflow
    if len(rows) < LEAST_OTHERS or np.ptp(target) == 0:
        return f"{plural(len(rows), 'row')} with a target that varies: too few to predict"
    fold = folds(len(rows))
    alone, found = {}, []
    related = formulas(survey, columns, rows)
    for column in columns:
        left = 1 - tally_number(bin_column(survey, column, rows), target, fold).explained
        if left <= PROMISING:
            finer = bin_column(survey, column, rows, _finer(len(rows)))
            left = min(left, 1 - tally_number(finer, target, fold).explained)
            leak = of_number(survey, column, left, rows)
            found += [leak] if leak is not None and not any(r.columns == (column,) for r in related) else []
        alone[column] = left
    found = [*related, *found, *next_values(survey, columns, alone)]

    def reach(without: Collection[str]) -> float:
        return 1 - explained(target, additive(bins_of(survey, _strongest(alone, without), rows), target, fold))

    return _searched(found, alone, reach, 0.0, len(rows))


# together -----------------------------------------------------------------------------------------------------------


def _strongest(alone: dict[str, float], without: Collection[str]) -> list[str]:
    """The columns that are fitted together: of very many, those that leave least alone."""
    rest = [c for c in alone if c not in set(without)]
    return rest if len(rest) <= 3 * MOST else sorted(rest, key=lambda c: alone[c])[: 3 * MOST]


def _searched(found: list[Leak], alone: dict[str, float], reach: Reach, constant: float, rows: int) -> Searched:
    """The leaks, graded down where all other columns together come as near."""
    grades = ("error", "warning", "note")
    found = sorted(found, key=lambda leak: (grades.index(leak.severity), not leak.formula, leak.left))
    certain = {c for leak in found if leak.basis == "proof" or leak.formula for c in leak.columns}
    kept, fits = [], 0
    for leak in found:
        rest = set(alone) - certain - set(leak.columns)
        if leak.basis == "experiment" and not leak.formula and rest:
            fits += 1
            others = reach(certain | set(leak.columns)) if fits <= FITS else 0.0
            if leak.severity == "warning" and others < max(EASY * leak.left, EXACT_HIGH):
                leak = replace(leak, severity="note")
            if leak.severity == "note" and others < APART * leak.left:
                continue
        kept.append(leak)
    kept.sort(key=lambda leak: (grades.index(leak.severity), not leak.formula, leak.left))
    named = {c for leak in kept for c in leak.columns}
    count = len(alone) - len(named)
    together = reach(named) if kept and count else None
    best = min(alone, key=lambda c: alone[c] if np.isfinite(alone[c]) else np.inf)
    return Searched(tuple(kept), best, alone[best], together, count, constant, rows, alone)
