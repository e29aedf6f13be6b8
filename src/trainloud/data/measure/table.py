"""One pass over the rows of a table: a digest of each row without its target, and its missing cells."""

from dataclasses import replace

import numpy as np

from trainloud.data.cache import Cache
from trainloud.data.dataset import Dataset, Limits
from trainloud.data.measure import Tell
from trainloud.data.measure.rows import row_digests
from trainloud.data.methods.columns import listed, missing_cells
from trainloud.data.methods.identifiers import identifiers
from trainloud.data.survey import Measured, Survey

MISSING_AXIS = "missing cells"


def measure(data: Dataset, limits: Limits, cache: Cache, tell: Tell) -> Measured:
    """Digests over all columns but the target and those that only name their rows (said in `data.notes`): a row that
    stands there twice under two numbers is found. The axis of missing cells is there if any cell is missing."""
    survey = Survey(data, Measured(), limits)
    compared, left_out = compared_columns(survey)
    if left_out:
        note = f"rows are compared without {listed(left_out)}: unique in each row, it would hide what is there twice"
        note = note if len(left_out) == 1 else note.replace("it would hide", "they would hide")
        data.notes = (*data.notes, note)
    kept = cache.arrays("rows")
    if kept is None:
        tell("reading the columns", 0, len(data))
        kept = {"content": row_digests(survey, compared), "missing": _missing(survey)}
        cache.keep_arrays("rows", kept)
        tell("reading the columns", len(data), len(data))
    none = not kept["missing"].any()
    measured = Measured(content=kept["content"] if compared else None)
    if none:
        return measured
    return replace(measured, axes={MISSING_AXIS: kept["missing"]}, units={MISSING_AXIS: "cells"})


def compared_columns(survey: Survey) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that a row's digest is made of, and those left out because they only name the rows."""
    named = identifiers(survey)
    return tuple(c for c in survey.columns if c not in named), tuple(named)


def _missing(survey: Survey) -> np.ndarray:
    """(n,) float32: cells of each row without a value, the target not counted."""
    count: np.ndarray = np.zeros(len(survey), np.float32)
    for column in survey.columns:
        if survey.data.table.column(column).null_count or survey.data.roles[column] == "number":
            count += missing_cells(survey, column)
    return count
