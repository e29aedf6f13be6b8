"""Surveys of tables made in a test, without a file."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from trainloud.core.finding import Finding
from trainloud.core.inspection import Kind, Recognised
from trainloud.data.cache import Cache
from trainloud.data.dataset import Dataset, Facts, Limits
from trainloud.data.inspector import inspectors, judge
from trainloud.data.measure.table import measure
from trainloud.data.survey import Measured, Survey


def column(values: Any) -> tuple[pa.ChunkedArray, str]:
    """The column and its role: numbers, times, or words."""
    array = np.asarray(values) if not isinstance(values, pa.Array | pa.ChunkedArray) else values
    if isinstance(array, np.ndarray) and array.dtype.kind in "fiu":
        return pa.chunked_array([pa.array(array.astype(np.float64))]), "number"
    if isinstance(array, np.ndarray) and array.dtype.kind == "M":
        return pa.chunked_array([pa.array(array.astype("M8[us]"))]), "time"
    words = [None if w is None else str(w) for w in array.tolist()]
    return pa.chunked_array([pa.array(words, pa.string()).dictionary_encode()]), "category"


def survey_of(
    columns: Mapping[str, Any],
    target: str = "",
    split: Sequence[int] | np.ndarray | None = None,
    splits: tuple[str, ...] = ("train", "test"),
    *,
    task: str = "",
    time: str = "",
    group: str = "",
    kind: Kind = "table",
    facts: Mapping[str, Facts] | None = None,
    measured: Measured | None = None,
    names: Sequence[str] = (),
) -> Survey:
    """The survey of these columns; `split` are numbers of `splits`, one a row."""
    made = {name: column(values) for name, values in columns.items()}
    rows = len(next(iter(made.values()))[0]) if made else len(names)
    roles: Any = {name: role for name, (_, role) in made.items()}
    task = task or ("none" if not target else "classes" if roles[target] == "category" else "number")
    data = Dataset(
        Recognised(kind, task, target, time),  # type: ignore[arg-type]
        pa.table({name: array for name, (array, _) in made.items()}),
        np.zeros(rows, np.int16) if split is None else np.asarray(split, np.int16),
        ("",) if split is None else splits,
        "made",
        lambda row: names[row] if names else f"row {row}",
        roles,
        dict(facts or {}),
    )
    if measured is None:
        cache = Cache("")
        measured = measure(data, Limits(), cache, lambda *_: None)
        cache.close()
    return Survey(data, measured, group=group)


def asked(fault: str, survey: Survey) -> Finding:
    """The answer of one inspector, with what it declares filled in."""
    found = judge(inspectors()[fault], survey)
    assert "the inspector itself failed" not in found.measured, found.measured
    return found
