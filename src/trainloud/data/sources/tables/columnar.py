"""Parquet, Arrow and Feather files, folders of them, and data sets as the Hugging Face libraries leave them on disk.

Read with pyarrow alone, one column at a time. Files of a folder are one table, or splits where their names or folders
say so: "train-00000-of-00002.parquet", "test/part-0.parquet", "data_validation.arrow".
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError, Trouble
from trainloud.data.sources import Source
from trainloud.data.sources.files.shelf import Shelf
from trainloud.data.sources.files.tree import printable
from trainloud.data.sources.joined import join
from trainloud.data.sources.parts import Parts
from trainloud.data.sources.pictures.layout import in_order, split_named
from trainloud.data.sources.place import Place
from trainloud.data.sources.tables.arrow_columns import Arrow, Features, arrow_dataset, features_in
from trainloud.data.sources.tables.delimited import TABLES, suffixes
from trainloud.data.sources.tables.named_parts import family_of, split_of

MAGIC = ((b"PAR1", "Parquet"), (b"ARROW1", "Arrow file"), (b"FEA1", "Feather 1"))
STREAM = b"\xff\xff\xff\xff"  # continuation mark that an Arrow stream begins with
SUFFIXES = frozenset({".parquet", ".pq", ".parq", ".arrow", ".feather", ".ipc", ".arrows"})
ROWS = 1 << 16  # rows read at once; fewer of bytes
BYTES_ROWS = 256
OLD_HUB = "datasets before 2.0 keep which rows are in it in a file of indices"


def recognises(place: Place) -> str:
    if place.is_file:
        kind = _kind(place.head(8), place.path)
        return f"begins as {kind}" if kind else ""
    if not place.is_folder or place.path is None:
        return ""
    if (place.path / "dataset_dict.json").is_file() or (place.path / "state.json").is_file():
        return "a data set saved by the library datasets"
    files = _files(place.path)
    delimited = sum(suffixes(path)[0] in TABLES for path in place.path.rglob("*"))
    if len(files) < delimited:
        return ""
    return f"{len(files):,} Parquet or Arrow file{'' if len(files) == 1 else 's'}" if files else ""


def _kind(head: bytes, path: Path | None) -> str:
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    suffix = path.suffix.lower() if path is not None else ""
    return "Arrow stream" if head.startswith(STREAM) and suffix in SUFFIXES else ""


def _files(folder: Path) -> list[Path]:
    """The files of the folder and below that are named as Parquet or Arrow; hidden ones and links out of it are not."""
    root = folder.resolve()
    found = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        named = path.suffix.lower() in SUFFIXES and not any(p.startswith((".", "_")) for p in inside)
        if named and path.is_file() and path.resolve().is_relative_to(root):
            found.append(path)
    return found


# one file -----------------------------------------------------------------------------------------------------------


@dataclass
class File:
    """One file of columns."""

    path: Path
    name: str

    @cached_property
    def kind(self) -> str:
        try:
            with self.path.open("rb") as f:
                found = _kind(f.read(8), self.path)
        except OSError as error:
            raise SourceError(f"{self.name}: it cannot be read: {error}") from error
        if found == "Feather 1":
            raise SourceError(f"{self.name}: Feather version 1 is read no more; write it again with a current pyarrow")
        if not found:
            raise SourceError(f"{self.name}: neither Parquet nor Arrow by its first bytes")
        return found

    @cached_property
    def _parquet(self) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetFile(self.path, memory_map=True)

    def _arrow(self, options: pa.ipc.IpcReadOptions | None = None) -> Any:
        source = pa.memory_map(str(self.path))
        if self.kind == "Arrow file":
            return pa.ipc.open_file(source, options=options)
        return pa.ipc.open_stream(source, options=options)

    @cached_property
    def schema(self) -> pa.Schema:
        with self._told():
            return self._parquet.schema_arrow if self.kind == "Parquet" else self._arrow().schema

    @cached_property
    def rows(self) -> int:
        with self._told():
            if self.kind == "Parquet":
                return int(self._parquet.metadata.num_rows)
            reader = self._arrow()
            if self.kind == "Arrow file":
                return sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
            return sum(b.num_rows for b in reader)

    def batches(self, column: str) -> Iterator[pa.RecordBatch]:
        """Record batches of one column. Raises SourceError."""
        at = self.schema.get_field_index(column)
        with self._told():
            if self.kind == "Parquet":
                heavy = pa.types.is_nested(self.schema.field(at).type) or _is_bytes(self.schema.field(at).type)
                words = [column] if _is_words(self.schema.field(at).type) else []
                yield from _parquet_batches(self.path, column, words, BYTES_ROWS if heavy else ROWS)
                return
            reader = self._arrow(pa.ipc.IpcReadOptions(included_fields=[at]))
            if self.kind == "Arrow file":
                yield from (reader.get_batch(i) for i in range(reader.num_record_batches))
            else:
                yield from reader

    def _told(self) -> "_Told":
        return _Told(self.name)


class _Told:
    """Errors of pyarrow as SourceError with the file's name."""

    def __init__(self, name: str):
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (pa.ArrowException, OSError, KeyError)) and not isinstance(error, SourceError):
            raise SourceError(f"{self._name}: it cannot be read: {str(error).splitlines()[0]}") from error


def _parquet_batches(path: Path, column: str, words: list[str], rows: int) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path, memory_map=True, read_dictionary=words)
    yield from file.iter_batches(batch_size=rows, columns=[column])


def _is_bytes(type_: pa.DataType) -> bool:
    return pa.types.is_binary(type_) or pa.types.is_large_binary(type_)


def _is_words(type_: pa.DataType) -> bool:
    return pa.types.is_string(type_) or pa.types.is_large_string(type_)


# several files as one table -----------------------------------------------------------------------------------------


@dataclass
class Files:
    """Files that are one table."""

    files: Sequence[File]
    limits: Limits

    @cached_property
    def schema(self) -> pa.Schema:
        """Of all files, where their columns have the same names. Raises SourceError."""
        first = self.files[0]
        for file in self.files[1:]:
            if set(file.schema.names) != set(first.schema.names):
                odd = sorted(set(file.schema.names) ^ set(first.schema.names))
                raise SourceError(f"{file.name} and {first.name} have different columns: {', '.join(odd[:8])}")
        try:
            return pa.unify_schemas([f.schema for f in self.files], promote_options="permissive")
        except pa.ArrowException as error:
            raise SourceError(f"{first.name} and the files beside it: {error}") from error

    def column(self, name: str) -> pa.ChunkedArray:
        wanted = self.schema.field(name).type
        shelf: Shelf | None = None
        for file in self.files:
            for batch in file.batches(name):
                column = batch.column(0)
                if not pa.types.is_dictionary(column.type) and column.type != wanted:
                    batch = pa.record_batch([column.cast(wanted)], [name])
                shelf = shelf or Shelf(batch.schema, self.limits)
                if batch.schema != shelf.schema:
                    batch = pa.record_batch([batch.column(0).cast(shelf.schema.field(0).type)], schema=shelf.schema)
                shelf.add(batch)
        return shelf.table().column(0) if shelf is not None else pa.chunked_array([], wanted)

    def name_of(self) -> Callable[[int], str]:
        parts = Parts([f.name for f in self.files], [f.rows for f in self.files])

        def named(row: int) -> str:
            name, own = parts.of(row)
            return f"{name}, row {own}"

        return named


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    """Raises SourceError."""
    assert place.path is not None
    troubles: list[Trouble] = []
    if place.is_file:
        promised = place.path.suffix.lower()
        file = File(place.path, place.path.name)
        if promised not in SUFFIXES:
            troubles.append(Trouble("wrong-suffix", file.name, f"named {promised or 'plainly'}, is {file.kind}"))
        return _one(place, [file], {}, asked, limits, troubles, file.kind)
    saved, features, form = _saved(place.path)
    parts = saved or _split_by_name(place.path)
    if len(parts) == 1:
        return _one(place, next(iter(parts.values())), features, asked, limits, [], form)
    done: dict[str, Dataset] = {}
    for split in in_order(parts):
        own = replace(asked, like=next(iter(done.values()))) if done else asked
        done[split] = _one(place, parts[split], features, own, limits, [], form, split)
    return join(done, limits)


def _one(
    place: Place,
    files: Sequence[File],
    features: Features,
    asked: Asked,
    limits: Limits,
    troubles: list[Trouble],
    form: str,
    split: str = "",
) -> Dataset:
    kept = [f for f in files if f.rows] or list(files)
    table = Files(kept, limits)
    return arrow_dataset(
        Arrow(
            name=f"{place}, {split}" if split else str(place),
            form=form or (kept[0].kind if len(kept) == 1 else f"{len(kept):,} {kept[0].kind} files"),
            identity=place.identity() + split,
            schema=table.schema,
            rows=sum(f.rows for f in kept),
            column=table.column,
            name_of=table.name_of(),
            features=features or features_in(kept[0].schema),
            root=place.path if place.is_folder else place.path.parent if place.path else None,
            troubles=troubles,
        ),
        asked,
        limits,
    )


# folders ------------------------------------------------------------------------------------------------------------


def _split_by_name(folder: Path) -> dict[str, list[File]]:
    """Split -> files, by their names and folders; one part without a name where they say nothing."""
    found: dict[str, list[File]] = {}
    for path in _files(folder):
        inside = path.relative_to(folder)
        found.setdefault(split_of(str(inside)) or family_of(str(inside)), []).append(File(path, printable(str(inside))))
    if len(found) > 1 and not {"train", "val", "test"} & found.keys():
        return {"": [f for files in found.values() for f in files]}
    return found


def _saved(folder: Path) -> tuple[dict[str, list[File]], Features, str]:
    """What `save_to_disk` has left: (split -> files, features, form); nothing where it has not."""
    if (folder / "dataset_dict.json").is_file():
        names = [str(s) for s in _json(folder / "dataset_dict.json").get("splits", [])]
        inside = {s: folder / s for s in names if (folder / s).resolve().parent == folder.resolve()}
        if not inside:
            raise SourceError(f"{folder}: dataset_dict.json names no split")
        parts = {split_named(s) or s: _saved_part(f, f"{s}/") for s, f in inside.items()}
        return parts, _features(next(iter(inside.values()))), "data set saved by the library datasets"
    if (folder / "state.json").is_file():
        return {"": _saved_part(folder, "")}, _features(folder), "data set saved by the library datasets"
    return {}, _features(folder), ""


def _saved_part(folder: Path, prefix: str) -> list[File]:
    state = _json(folder / "state.json")
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise SourceError(f"{folder}: {OLD_HUB}; save it again after flatten_indices()")
    names = [str(f.get("filename", "")) for f in state.get("_data_files", []) if isinstance(f, dict)]
    paths = [folder / n for n in names if n and (folder / n).resolve().parent == folder.resolve()]
    missing = [p.name for p in paths if not p.is_file()]
    if missing or not paths:
        raise SourceError(f"{folder}: state.json names {', '.join(missing) or 'no file'}, which is not there")
    return [File(p, prefix + p.name) for p in paths]


def _features(folder: Path) -> Features:
    info = _json(folder / "dataset_info.json") if (folder / "dataset_info.json").is_file() else {}
    features = info.get("features")
    return features if isinstance(features, dict) else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: it cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise SourceError(f"{path}: it holds no object")
    return found


SOURCE = Source("Parquet or Arrow", recognises, read, order=10)
