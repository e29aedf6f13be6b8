"""A table as a data set: its columns typed, its target, its task and its kind told.

Readers of every form of table hand over their columns here, as text cells or typed, and get a `Dataset`.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from trainloud.core.inspection import Recognised
from trainloud.data.dataset import Asked, Dataset, Facts, Limits, SourceError
from trainloud.data.sources.files.shelf import Columns
from trainloud.data.sources.tables.columns import Table, Typing
from trainloud.data.sources.tables.kinds import joined_texts, kind_of
from trainloud.data.sources.tables.rows_of_series import rows_as_series
from trainloud.data.sources.tables.steps import steps_of
from trainloud.data.sources.tables.targets import (
    as_classes,
    asked_column,
    forecast,
    no_target,
    target_of,
    task_of,
    time_of,
    without_header,
)


def dataset(table: Table, asked: Asked, limits: Limits) -> Dataset:
    """The data set of these columns. Raises SourceError for columns that were asked for and are not there."""
    if asked.kind and asked.kind not in ("table", "text", "series", "images"):
        raise SourceError(f"{table.name}: a table cannot be read as {asked.kind}")
    work = Typing(table, Columns(limits, table.rows, len(table.order)))
    target, why = target_of(table, asked)
    if asked.group and asked.like is None:
        asked_column(asked.group, table.order, "--group")
    for name in table.order:
        work.type(name, target=name == target)
    own = not asked.target and asked.like is None
    rows_why = rows_as_series(work, asked)
    if rows_why:
        target, why = table.order[0], rows_why
        work.type(target, target=True)
    elif own and not table.header and table.target != target:
        target, why = without_header(work, target, why)
    if own and not rows_why and target and not table.target and (no := no_target(work, target)):
        target, why = "", f"{why}, but {no}: there is no target; --target NAME names one"
    time = time_of(work, target, asked)
    steps = steps_of(work.columns, work.roles, time) if table.pictures is None else None
    kind, text, kind_why = kind_of(work, target, steps, asked, table)
    if rows_why and asked.like is None and not asked.task:
        asked = replace(asked, task="classes")
    task, task_why = task_of(work, target, kind, asked)
    if kind == "series" and task == "forecast" and not target and asked.like is None:
        target, why = forecast(work, steps)
    if kind == "series" and steps is not None and steps.made is not None:
        work.put(steps.name, steps.made, Facts("time"))
        time = steps.name
    if task == "classes":
        as_classes(work, target)
    if kind == "text":
        text = joined_texts(work, text, target)
    said = "; ".join(w for w in (kind_why, why, task_why) if w)
    return _made(work, Recognised(kind, task, target, time, said, table.form), text[0] if text else "")


def _made(work: Typing, recognised: Recognised, text: str) -> Dataset:
    table = work.table
    said = [f"{name}: {note}" for name, notes in work.notes.items() for note in notes]
    return Dataset(
        recognised,
        pa.table(work.columns) if work.columns else pa.table({}),
        np.zeros(table.rows, np.int16),
        ("",),
        table.identity,
        table.name_of,
        work.roles,
        work.facts,
        text,
        pictures=table.pictures,
        series=table.series,
        cells=table.cells,
        troubles=tuple(table.troubles),
        notes=(*table.notes, *said),
    )
