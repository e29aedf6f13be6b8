"""Arrow columns of any type as columns of a data set: numbers, categories, texts, times, pictures or series.

Features of a Hugging Face data set say more than the types: which whole numbers are classes, and how they are called.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.data.dataset import Asked, Dataset, Limits, Role, SourceError, Trouble
from trainloud.data.sources.files.shelf import Columns, coded
from trainloud.data.sources.pictures.image_files import HEAD, image_format
from trainloud.data.sources.tables.columns import Table
from trainloud.data.sources.tables.lines import MOST_COLUMNS, clean_names
from trainloud.data.sources.tables.tabular import dataset
from trainloud.data.sources.tables.targets import TARGETS

EXACT = 1 << 53  # whole numbers beyond are not all float64s
WIDEST = 4096  # numbers of a list column that become columns of their own
TRIED = 20  # cells of bytes that are looked at for pictures

Features = Mapping[str, Any]


@dataclass
class Arrow:
    """A table of Arrow columns, read one at a time."""

    name: str
    form: str
    identity: str
    schema: pa.Schema
    rows: int
    column: Callable[[str], pa.ChunkedArray]
    """All cells of one column. Raises SourceError."""
    name_of: Callable[[int], str]
    features: Features = field(default_factory=dict)
    """Column -> its feature as `datasets` writes it in JSON."""
    root: Path | None = None
    """Folder that paths of pictures are relative to, and only files inside it are read; None for an object of the
    person's own program, whose paths are read as they stand."""
    troubles: list[Trouble] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def features_in(schema: pa.Schema) -> Features:
    """The features that `datasets` leaves in the metadata of a schema; none if there are none."""
    try:
        told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = told.get("info", {}).get("features", {})
    except (ValueError, AttributeError):
        return {}
    return features if isinstance(features, dict) else {}


@dataclass
class _Sorted:
    """The columns as they come out."""

    table: Table
    keep: Columns
    words: dict[str, pa.ChunkedArray] = field(default_factory=dict)
    lists: dict[str, pa.ChunkedArray] = field(default_factory=dict)

    def left_out(self, name: str, why: str) -> None:
        self.table.troubles.append(Trouble("unreadable", f"{self.table.name}, column {name!r}", f"{why}: left out"))

    def ready(self, name: str, cells: pa.ChunkedArray, role: Role) -> None:
        self.table.ready[name] = self.keep.keep(cells), role


def arrow_dataset(arrow: Arrow, asked: Asked, limits: Limits) -> Dataset:
    """The data set of these columns. Raises SourceError."""
    if len(arrow.schema) > MOST_COLUMNS:
        raise SourceError(f"{arrow.name}: {len(arrow.schema):,} columns; at most {MOST_COLUMNS:,} are read")
    if not arrow.rows:
        raise SourceError(f"{arrow.name}: no rows")
    names, troubles = clean_names(arrow.schema.names, arrow.name)
    table = Table(arrow.name, arrow.form, arrow.identity, arrow.name_of, arrow.rows)
    table.troubles, table.notes = [*arrow.troubles, *troubles], list(arrow.notes)
    features = arrow.features or features_in(arrow.schema)
    sorted_ = _Sorted(table, Columns(limits, arrow.rows, len(names)))
    for own, name in zip(arrow.schema.names, names, strict=True):
        _place(name, storage(arrow.column(own)), features.get(own), arrow, sorted_)
    _place_lists(sorted_, asked)
    table.cells = pa.table(sorted_.words) if sorted_.words else None
    there = {*sorted_.words, *table.ready}
    table.order = [n for n in _order(names, there) if n in there]
    table.target, table.declared = _declared(features, table.order), "the features of the data set"
    if not table.order and table.pictures is None and table.series is None:
        raise SourceError(f"{arrow.name}: no column holds anything that trainloud knows")
    return dataset(table, asked, limits)


def _order(names: Sequence[str], there: set[str]) -> list[str]:
    """The columns in order, those that came out of a nested one in its place."""
    made = [n for n in there if n not in names]
    order: list[str] = []
    for name in names:
        order.append(name)
        order += sorted((m for m in made if m.startswith((f"{name}.", f"{name}["))), key=_place_in)
    return order


def _place_in(name: str) -> tuple[int, str]:
    inside = name.rpartition("[")[2].rstrip("]")
    return (int(inside), "") if inside.isdigit() else (0, name)


def _declared(features: Features, names: Sequence[str]) -> str:
    """The column of classes that the features declare; "" where there is none, or more than one of no telling name."""
    classes = [n for n in names if _kind(features.get(n)) == "ClassLabel"]
    named = [n for n in classes if n.lower() in TARGETS]
    return classes[0] if len(classes) == 1 else named[0] if named else ""


def _kind(feature: Any) -> str:
    return str(feature.get("_type", "")) if isinstance(feature, Mapping) else ""


def storage(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells of an extension type as what they are stored as."""
    if isinstance(cells.type, pa.BaseExtensionType):
        return pa.chunked_array([c.storage for c in cells.chunks], cells.type.storage_type)
    return cells


# one column ---------------------------------------------------------------------------------------------------------


def _place(name: str, cells: pa.ChunkedArray, feature: Any, arrow: Arrow, out: _Sorted) -> None:
    """Put one column where it belongs."""
    type_ = cells.type
    if _kind(feature) == "ClassLabel" and pa.types.is_integer(type_):
        out.ready(name, classes(cells, list(feature.get("names") or [])), "category")
    elif pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        out.words[name] = out.keep.keep(pc.cast(cells, pa.large_string()) if pa.types.is_string_view(type_) else cells)
    elif pa.types.is_dictionary(type_):
        _place_dictionary(name, cells, out)
    elif pa.types.is_struct(type_):
        _place_struct(name, cells, feature, arrow, out)
    elif pa.types.is_binary(type_) or pa.types.is_large_binary(type_):
        _place_bytes(name, cells, arrow, out)
    elif pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_):
        out.lists[name] = cells
    else:
        plain = plainly(cells)
        if plain is None:
            out.left_out(name, f"it holds {type_}")
        elif plain[1] == "text":  # numbers that float64 cannot hold
            out.words[name] = out.keep.keep(plain[0])
            out.table.notes.append(f"{name}: whole numbers beyond 2^53 are kept as words")
        else:
            out.ready(name, *plain)


def plainly(cells: pa.ChunkedArray) -> tuple[pa.ChunkedArray, Role] | None:
    """A column of numbers, booleans, times or nothing, typed; None for other types."""
    type_ = cells.type
    if pa.types.is_null(type_):
        return pa.chunked_array([np.full(len(cells), np.nan)]), "number"
    if pa.types.is_boolean(type_):
        words = pc.if_else(cells, pa.scalar("True"), pa.scalar("False"))
        return pa.chunked_array([coded(words)]), "category"
    if pa.types.is_integer(type_) and type_.bit_width == 64:
        ends = pc.min_max(cells).as_py()
        if max(abs(ends["min"] or 0), abs(ends["max"] or 0)) > EXACT:
            return pc.cast(cells, pa.string()), "text"
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return numbers(cells), "number"
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return pc.cast(cells, pa.timestamp("us"), safe=False), "time"
    if pa.types.is_time(type_) or pa.types.is_duration(type_):
        ticks = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[type_.unit]
        whole = pc.cast(cells, pa.int32() if type_.bit_width == 32 else pa.int64())
        return pa.chunked_array([numbers(whole).to_numpy() / ticks]), "number"
    return None


def numbers(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """float64, NaN for missing."""
    return pc.fill_null(pc.cast(cells, pa.float64(), safe=False), np.nan)


def classes(cells: pa.ChunkedArray, names: Sequence[str]) -> pa.ChunkedArray:
    """Numbers of classes as their names; -1 is none."""
    codes = pc.fill_null(pc.cast(cells, pa.int64()), -1).to_numpy()
    most = int(codes.max(initial=-1)) + 1
    words = [str(n) for n in names] + [str(i) for i in range(len(names), most)]
    words = [w if w not in words[:i] else f"{w} ({i})" for i, w in enumerate(words)]
    indices = pa.array(codes.astype(np.int32), pa.int32(), mask=codes < 0)
    return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.string()))])


def _place_dictionary(name: str, cells: pa.ChunkedArray, out: _Sorted) -> None:
    values = cells.type.value_type
    if pa.types.is_string(values) or pa.types.is_large_string(values):
        out.words[name] = out.keep.keep(pc.cast(cells, pa.dictionary(pa.int32(), pa.string())))
        return
    plain = pc.cast(cells, values)  # decoded
    if pa.types.is_integer(values) or pa.types.is_boolean(values):
        out.ready(name, pa.chunked_array([coded(plain)]), "category")
        return
    typed_ = plainly(plain)
    if typed_ is None:
        out.left_out(name, f"it holds {cells.type}")
    else:
        out.ready(name, *typed_)


def _place_struct(name: str, cells: pa.ChunkedArray, feature: Any, arrow: Arrow, out: _Sorted) -> None:
    inside = [cells.type.field(i).name for i in range(cells.type.num_fields)]
    if "bytes" in inside and "path" in inside:
        pictures = ArrowPictures(cells, arrow.root)
        if out.table.pictures is None and (_kind(feature) == "Image" or pictures.are_pictures()):
            out.table.pictures = pictures
            out.table.notes.append(f"the pictures are those of column {name!r}")
        else:
            what = "further pictures" if pictures.are_pictures() else "files that are no pictures"
            out.left_out(name, f"it holds {what}")
        return
    for i, own in enumerate(inside):
        part = pa.chunked_array([pc.struct_field(c, [i]) for c in cells.chunks], cells.type.field(i).type)
        own_feature = feature.get(own) if isinstance(feature, Mapping) else None
        _place(f"{name}.{own}", storage(part), own_feature, arrow, out)


def _place_bytes(name: str, cells: pa.ChunkedArray, arrow: Arrow, out: _Sorted) -> None:
    pictures = ArrowPictures(cells, arrow.root)
    if out.table.pictures is None and pictures.are_pictures():
        out.table.pictures = pictures
        out.table.notes.append(f"the pictures are those of column {name!r}")
        return
    try:
        out.words[name] = out.keep.keep(pc.cast(cells, pa.large_string()))
    except pa.ArrowInvalid:
        out.left_out(name, "it holds bytes that are neither pictures nor UTF-8")


# lists --------------------------------------------------------------------------------------------------------------


def _place_lists(out: _Sorted, asked: Asked) -> None:
    """Lists of words are texts, short lists of numbers of one length are columns, others are series."""
    series: list[str] = []
    for name, cells in out.lists.items():
        inner = cells.type.value_type
        if pa.types.is_string(inner) or pa.types.is_large_string(inner):
            lists = pc.cast(cells, pa.large_list(pa.large_string()))
            out.words[name] = pc.binary_join(lists, pa.scalar(" ", pa.large_string()))
            out.table.notes.append(f"{name}: lists of words, joined by blanks")
        elif pa.types.is_integer(inner) or pa.types.is_floating(inner):
            lengths = pc.min_max(pc.list_value_length(cells)).as_py()
            same = lengths["min"] == lengths["max"] and not cells.null_count
            if same and 0 < lengths["max"] <= WIDEST and asked.kind != "series":
                _expanded(name, cells, lengths["max"], out)
            else:
                series.append(name)
        else:
            out.left_out(name, f"it holds {cells.type}")
    if len(series) == 1 and not out.words and out.table.pictures is None:
        out.table.series = ListSeries(out.lists[series[0]])
        out.table.notes.append(f"the series are those of column {series[0]!r}, one channel each")
        return
    for name in series:
        out.left_out(name, "it holds lists of numbers of different lengths beside other data")


def _expanded(name: str, cells: pa.ChunkedArray, width: int, out: _Sorted) -> None:
    whole = numbers(pa.chunked_array([pc.list_flatten(c) for c in cells.chunks])).to_numpy().reshape(-1, width)
    for i in range(width):
        out.ready(f"{name}[{i}]", pa.chunked_array([np.ascontiguousarray(whole[:, i])]), "number")
    out.table.notes.append(f"{name}: lists of {width:,} numbers, each place a column; --kind series overrides")


class ListSeries:
    """Series of one channel, from a column of lists."""

    def __init__(self, cells: pa.ChunkedArray):
        self._cells = cells

    def __call__(self, row: int) -> np.ndarray:
        values = self._cells[int(row)].values
        if values is None:
            return np.zeros((1, 0), np.float32)
        return numbers(pa.chunked_array([values])).to_numpy().astype(np.float32)[None]


class ArrowPictures:
    """Encoded pictures in a column of bytes, or of {bytes, path} as `datasets` stores them."""

    def __init__(self, cells: pa.ChunkedArray, root: Path | None):
        self._cells, self._root = cells, root

    def __len__(self) -> int:
        return len(self._cells)

    def are_pictures(self) -> bool:
        """Whether the first cells with bytes begin like pictures."""
        heads = []
        for row in range(min(len(self._cells), TRIED)):
            try:
                heads.append(bool(image_format(self.encoded(row)[:HEAD])))
            except OSError:
                continue
        return bool(heads) and sum(heads) > len(heads) / 2

    def encoded(self, row: int) -> bytes:
        cell = self._cells[int(row)].as_py()
        if isinstance(cell, dict):
            data, path = cell.get("bytes"), cell.get("path")
            if data is None and path:
                return self._file(path)
            cell = data
        if cell is None:
            raise OSError("no picture in this row")
        return bytes(cell)

    def _file(self, path: str) -> bytes:
        """A file that the row names."""
        found = path
        if self._root is not None:
            root = os.path.realpath(self._root)
            found = os.path.realpath(os.path.join(root, path))
            if not found.startswith(root.rstrip(os.sep) + os.sep):
                raise OSError(f"the row names a file outside of the data, {path}: not read")
        with open(found, "rb") as f:
            return f.read()

    def array(self, row: int) -> np.ndarray:
        raise OSError("the data holds encoded pictures")
