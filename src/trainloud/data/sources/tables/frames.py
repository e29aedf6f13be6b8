"""Tables in memory: data frames of pandas or polars, tables of pyarrow, columns in a dict, `datasets` objects.

Told by what they can do, so that none of those libraries is imported here. A dict of any of them is splits.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError
from trainloud.data.sources import Source
from trainloud.data.sources.joined import join
from trainloud.data.sources.pictures.layout import in_order, split_named
from trainloud.data.sources.place import Place
from trainloud.data.sources.tables.arrow_columns import Arrow, Features, arrow_dataset, features_in


def recognises(place: Place) -> str:
    if place.path is not None or place.thing is None:
        return ""
    form = form_of(place.thing)
    if form:
        return f"a {form}"
    return f"a dict of {len(place.thing)} tables" if _is_splits(place.thing) else ""


def form_of(thing: Any) -> str:
    """In words, what kind of table it is; "" for none."""
    if isinstance(thing, type):
        return ""
    if isinstance(thing, (pa.Table, pa.RecordBatch)):
        return "pyarrow table"
    root = type(thing).__module__.split(".")[0]
    if root == "pandas" and hasattr(thing, "columns") and hasattr(thing, "dtypes"):
        return "pandas data frame"
    if root == "polars" and hasattr(thing, "to_arrow") and hasattr(thing, "columns"):
        return "polars data frame"
    if root == "datasets" and hasattr(thing, "features") and hasattr(thing, "data"):
        return "data set of the library datasets"
    if isinstance(thing, np.ndarray) and thing.dtype.names and thing.ndim == 1:
        return "structured array"
    return "dict of columns" if _is_columns(thing) else ""


def _is_columns(thing: Any) -> bool:
    """A dict of two or more columns of one length."""
    if not isinstance(thing, Mapping) or len(thing) < 2 or not all(isinstance(k, str) for k in thing):
        return False
    values = list(thing.values())
    if not all(isinstance(v, (list, tuple, np.ndarray)) or _is_series(v) for v in values):
        return False
    return all(getattr(v, "ndim", 1) == 1 for v in values) and len({len(v) for v in values}) == 1 and len(values[0]) > 0


def _is_series(thing: Any) -> bool:
    return type(thing).__module__.split(".")[0] in ("pandas", "polars", "pyarrow") and hasattr(thing, "__len__")


def _is_splits(thing: Any) -> bool:
    return isinstance(thing, Mapping) and len(thing) > 0 and all(form_of(v) for v in thing.values())


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    """Raises SourceError."""
    thing = place.thing
    if form_of(thing):
        return _one(thing, str(place), asked, limits)
    done: dict[str, Dataset] = {}
    parts = {split_named(str(k)) or str(k): v for k, v in thing.items()}
    if len(parts) < len(thing):
        raise SourceError(f"{place}: two of its parts are one split: {', '.join(map(str, thing))}")
    for split in in_order(parts):
        own = replace(asked, like=next(iter(done.values()))) if done else asked
        done[split] = _one(parts[split], f"{place}[{split!r}]", own, limits)
    return join(done, limits) if len(done) > 1 else next(iter(done.values()))


def _one(thing: Any, name: str, asked: Asked, limits: Limits) -> Dataset:
    table, features = arrow_table(thing, name)
    return arrow_dataset(
        Arrow(
            name=name,
            form=form_of(thing),
            identity=identity(table),
            schema=table.schema,
            rows=table.num_rows,
            column=table.column,
            name_of=lambda row: f"row {row}",
            features=features or features_in(table.schema),
        ),
        asked,
        limits,
    )


def arrow_table(thing: Any, name: str) -> tuple[pa.Table, Features]:
    """The columns as Arrow, each once by name, and the features of a `datasets` object. Raises SourceError."""
    form = form_of(thing)
    if form == "pyarrow table":
        table = thing if isinstance(thing, pa.Table) else pa.Table.from_batches([thing])
    elif form == "polars data frame":
        thing = thing.collect() if hasattr(thing, "collect") else thing
        table = thing.to_arrow()
    elif form == "data set of the library datasets":
        return _of_datasets(thing)
    else:
        table = _of_columns(thing, form, name)
    if len(set(table.column_names)) < table.num_columns:
        names = [n if table.column_names.index(n) == i else f"{n} ({i})" for i, n in enumerate(table.column_names)]
        table = table.rename_columns(names)
    return table, {}


def _of_datasets(thing: Any) -> tuple[pa.Table, Features]:
    table = getattr(thing.data, "table", thing.data)
    chosen = getattr(thing, "_indices", None)
    if chosen is not None:  # shuffled or filtered: which rows, in which order
        table = table.take(getattr(chosen, "table", chosen).column(0))
    features = thing.features.to_dict() if hasattr(thing.features, "to_dict") else dict(thing.features)
    return table.select([c for c in features if c in table.column_names]), features


def _of_columns(thing: Any, form: str, name: str) -> pa.Table:
    if form == "pandas data frame":
        columns = [(str(c), thing.iloc[:, i]) for i, c in enumerate(thing.columns)]
    elif form == "structured array":
        columns = [(n, thing[n]) for n in thing.dtype.names]
    else:
        columns = list(thing.items())
    made = [(n, _array(v, f"{name}, column {n!r}")) for n, v in columns]
    return pa.Table.from_arrays([a for _, a in made], names=[n for n, _ in made])


def _array(values: Any, name: str) -> Any:
    """One column; objects of mixed types as words. Raises SourceError."""
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    if hasattr(values, "to_arrow"):
        return values.to_arrow()
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        pass
    try:
        words = [None if v is None or v != v else v if isinstance(v, str) else str(v) for v in values]
        return pa.array(words, pa.large_string())
    except (TypeError, ValueError) as error:
        raise SourceError(f"{name}: cells of type {type(values[0]).__name__} are no numbers or words") from error


def identity(table: pa.Table) -> str:
    """Digest of names, types and cells, so that other data is never taken for the same."""
    digest = hashlib.sha256(str(table.schema.remove_metadata()).encode())
    for column in table.columns:
        for chunk in column.chunks:
            digest.update(f"{len(chunk)} {chunk.offset}".encode())
            for buffer in chunk.buffers():
                digest.update(b"" if buffer is None else memoryview(buffer))
            if pa.types.is_dictionary(chunk.type):
                for buffer in chunk.dictionary.buffers():
                    digest.update(b"" if buffer is None else memoryview(buffer))
    return digest.hexdigest()


SOURCE = Source("table in memory", recognises, read, order=12)
