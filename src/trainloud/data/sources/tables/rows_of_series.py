"""A table without a header whose rows are series, each with its class in front: the form of the UCR archive.

Source: Dau et al. 2019, "The UCR Time Series Archive", IEEE/CAA Journal of Automatica Sinica 6(6), section II.
"""

from itertools import pairwise

import numpy as np

from trainloud.data.dataset import Asked
from trainloud.data.sources.tables.columns import Typing
from trainloud.data.sources.tables.targets import codes_of

FEWEST = 16  # values of a series
SMOOTH = 1.0  # mean squared step along the rows in that along the columns: below, time runs along the rows


class RowSeries:
    """Row -> float32 (1, time), the missing values at its end cut off: shorter series are filled up with them."""

    def __init__(self, values: np.ndarray):
        self._values = values

    def __call__(self, row: int) -> np.ndarray:
        one = self._values[row]
        known = np.flatnonzero(~np.isnan(one))
        return one[None, : known[-1] + 1] if len(known) else one[None, :0]


def rows_as_series(work: Typing, asked: Asked) -> str:
    """Turns the columns behind the first into one series a row, where they are that; why, "" where they are not."""
    table, names = work.table, list(work.table.order)
    alike = asked.like is not None and asked.like.series is not None and list(asked.like.roles) == names[:1]
    if not (alike or (asked.like is None and asked.kind == "series" and _are_series(work))):
        return ""
    values: np.ndarray = np.empty((table.rows, len(names) - 1), np.float32)
    for i, name in enumerate(names[1:]):
        values[:, i] = work.columns[name].to_numpy() if work.roles[name] == "number" else np.nan
    for held in (work.columns, work.roles, work.facts, work.notes):
        for name in names[1:]:
            held.pop(name, None)  # type: ignore[attr-defined]
    table.series, table.order = RowSeries(values), names[:1]
    if table.cells is not None:
        table.cells = table.cells.select(names[:1])
    return f"each row is a series of up to {len(names) - 1:,} values behind its class"


def _are_series(work: Typing) -> bool:
    names = list(work.table.order)
    if work.table.header or work.table.series is not None or len(names) <= FEWEST:
        return False
    first = work.columns[names[0]]
    classes = work.roles[names[0]] == "category" or (work.roles[names[0]] == "number" and codes_of(first) > 0)
    if not classes or any(work.roles[n] != "number" for n in names[1:]):
        return False
    columns = [work.columns[n].to_numpy() for n in names[1:]]
    along = np.nanmean([np.nanmean(np.square(b - a)) for a, b in pairwise(columns)])
    across = np.nanmean([np.nanmean(np.square(np.diff(c))) for c in columns if len(c) > 1])
    return bool(along < SMOOTH * across)
