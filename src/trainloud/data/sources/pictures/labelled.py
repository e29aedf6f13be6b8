"""The table that says what is in flat pictures: found inside or beside their folder, or named by the person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from trainloud.core.inspection import Task
from trainloud.data.dataset import Asked, Facts, Role, SourceError, Trouble
from trainloud.data.sources.files.tree import Entry, Tree, files_of, printable
from trainloud.data.sources.pictures.image_files import suffix_of
from trainloud.data.sources.pictures.label_table import (
    LARGEST,
    SPLIT_WORDS,
    SUFFIXES,
    Cells,
    Matched,
    match,
    read_cells,
    target_of,
)
from trainloud.data.sources.pictures.layout import split_named
from trainloud.data.sources.place import Place
from trainloud.data.sources.tables.typing import typed

MOST_TABLES = 8  # inside or beside the folder that are tried
MOST_BESIDE = 200  # files beside the folder: among more, none belongs to it more than to the others
SHOWN = 3  # names of unmatched files and rows that a note lists
TOLD = 1000  # unmatched rows that are troubles of their own; more are counted
MOST_CLASSES = 100  # numbers 0 to k of a target that are taken for classes though they need be no integers
FEW = 20  # different integers, with gaps, each there twice or more, that are classes
SAME_WORDS = 0.5  # share of pictures whose folder must agree with the table for both to name the same classes


@dataclass(frozen=True)
class Labels:
    """What a table says of the pictures."""

    name: str
    """The table's name inside the tree, or its path."""
    columns: Mapping[str, tuple[pa.ChunkedArray, Role]]
    """Its columns without the one of names, one cell a picture."""
    target: str
    as_folders: bool
    """The folders name the same classes."""
    why: str
    split: list[str] = field(default_factory=list)
    """Split of each picture, where the table says it."""
    facts: Mapping[str, Facts] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()
    notes: tuple[str, ...] = ()


def labelled(
    place: Place,
    asked: Asked,
    tree: Tree,
    tables: Sequence[Entry],
    pictures: Sequence[Entry],
    folders: Sequence[str | None],
) -> Labels | None:
    """The labels that a table gives; None where there is none, or folders name the classes and nobody asked for it.

    `folders`: the class that each picture's folder names, empty if they name none. Raises SourceError for a table
    that was asked for and does not name the pictures.
    """
    names = [printable(e.name) for e in pictures]
    if asked.labels:
        found = match(_asked_for(asked, tree), names)
        if found is None and asked.like is not None:
            return None  # the table of the first part, which need not name this one's pictures
        if found is None:
            raise SourceError(
                f"{asked.labels}: none of its columns holds the names of the {len(names):,} pictures of {place}"
            )
    elif folders:
        return None
    else:
        several = candidates(tree, tables, names, asked) if tables else _beside(place, names, asked)
        if not several:
            return None
        if len(several) > 1:
            these = " and ".join(m.cells.name for m in several)
            why = f"{these} each name pictures: say which holds the labels with --labels"
            if asked.target or asked.task not in ("", "none"):
                raise SourceError(f"{place}: {why}")
            return Labels("", {}, "", False, "", notes=(why,))
        found = several[0]
    return _labels(found, asked, names, folders)


def _asked_for(asked: Asked, tree: Tree) -> Cells:
    """The cells of the table that the person named: a file, or a file of the tree."""
    path = Path(asked.labels)
    entry = next((e for e in tree.entries if e.name == asked.labels), None)
    try:
        if path.is_file():
            if path.stat().st_size > LARGEST:
                raise SourceError(f"{asked.labels}: more than {LARGEST:,} bytes; a table of labels is read whole")
            return read_cells(path.read_bytes(), asked.labels, asked)
        if entry is not None:
            return read_cells(tree.read(entry), asked.labels, asked)
    except OSError as error:
        raise SourceError(f"{asked.labels}: {error.strerror or error}") from error
    raise SourceError(f"{asked.labels}: no such file")


def candidates(tree: Tree, tables: Sequence[Entry], names: Sequence[str], asked: Asked) -> list[Matched]:
    """The tables inside that name the pictures."""
    found = []
    for entry in tables[:MOST_TABLES]:
        try:
            found.append(match(read_cells(tree.read(entry), entry.name, asked), names))
        except (OSError, SourceError):
            continue
    return [m for m in found if m is not None]


def _beside(place: Place, names: Sequence[str], asked: Asked) -> list[Matched]:
    """The tables beside the folder or the archive that name the pictures."""
    assert place.path is not None
    found = []
    tables = [p for p in files_of(place.path.absolute().parent, MOST_BESIDE) if suffix_of(p.name) in SUFFIXES]
    for path in tables[:MOST_TABLES]:
        try:
            if path.stat().st_size <= LARGEST:
                found.append(match(read_cells(path.read_bytes(), str(path), asked), names))
        except (OSError, SourceError):
            continue
    return [m for m in found if m is not None]


def _labels(found: Matched, asked: Asked, names: Sequence[str], folders: Sequence[str | None]) -> Labels:
    cells = found.cells
    target = target_of(found, asked)
    if not target and asked.task != "none" and (asked.labels or asked.task):
        raise SourceError(f"{cells.name}: which column is the target? Name it with --target: {_listed(found)}")
    notes = _unmatched(found, names)
    texts = {title: _taken(cells.columns[i], found.row_of) for i, title in enumerate(cells.header) if i != found.column}
    as_folders = False
    if target in texts and folders:
        as_folders, note = _filled(texts[target], folders, target)
        notes += [note] if note else []
    split = _split_column(texts, target, found)
    columns: dict[str, tuple[pa.ChunkedArray, Role]] = {}
    facts = {}
    for title, values in texts.items():
        column = typed(pa.chunked_array([pa.array(values, pa.string())]), target=title == target)
        columns[title], facts[title] = (column.cells, column.facts.role), column.facts
        notes += [f"{cells.name}: {title}: {note}" for note in column.notes]
    if not target:
        notes.append(f"{cells.name} has no column that is plainly the target: name it with --target: {_listed(found)}")
    troubles = [
        Trouble(
            "missing-file", f"{cells.name}:{cells.first + r}", f"no picture is named {cells.columns[found.column][r]!r}"
        )
        for r in found.missing[:TOLD]
    ]
    if cells.ragged:
        troubles.append(Trouble("ragged-row", cells.name, f"{cells.ragged:,} rows have another number of cells"))
    matched = int((found.row_of >= 0).sum())
    why = f"{cells.name} names {matched:,} of them in its column {cells.header[found.column]!r}"
    return Labels(cells.name, columns, target, as_folders, why, split, facts, tuple(troubles), tuple(notes))


def _taken(values: Sequence[str], row_of: np.ndarray) -> list[str | None]:
    """The cell of each picture; None for a picture without a row."""
    return [values[r] if r >= 0 else None for r in row_of.tolist()]


def _listed(found: Matched) -> str:
    return ", ".join(repr(c) for i, c in enumerate(found.cells.header) if i != found.column)


def _unmatched(found: Matched, names: Sequence[str]) -> list[str]:
    """What did not find its partner, in words."""
    notes = []
    bare = np.flatnonzero(found.row_of < 0)
    if len(bare):
        first = ", ".join(repr(names[i]) for i in bare[:SHOWN])
        notes.append(f"{len(bare):,} of {len(names):,} pictures have no row in {found.cells.name} ({first} ...)")
    if found.missing:
        column = found.cells.columns[found.column]
        first = ", ".join(repr(column[r]) for r in found.missing[:SHOWN])
        notes.append(
            f"{len(found.missing):,} of {len(found.cells):,} rows of {found.cells.name} name no picture ({first} ...)"
        )
    if found.repeated:
        notes.append(f"{found.repeated:,} rows of {found.cells.name} name a picture again: the first row is taken")
    return notes


def _filled(values: list[str | None], folders: Sequence[str | None], target: str) -> tuple[bool, str]:
    """Whether folders name the same classes as the target: then pictures without a row take their folder's name."""
    both = [(v, f) for v, f in zip(values, folders, strict=True) if v is not None and f is not None]
    agree = sum(v == f for v, f in both)
    if not both or agree < SAME_WORDS * len(both):
        return False, ""
    bare = [i for i, v in enumerate(values) if v is None and folders[i] is not None]
    for i in bare:
        values[i] = folders[i]
    share = f"{agree:,} of {len(both):,} pictures ({agree / len(both):.1%})"
    note = f"the folder agrees with the column {target!r} for {share}"
    return True, note + (f"; the {len(bare):,} pictures without a row take their folder's name" if bare else "")


def _split_column(texts: dict[str, list[str | None]], target: str, found: Matched) -> list[str]:
    """The split of each picture, taken out of the columns, where one of them says nothing else."""
    for title in [t for t in texts if t != target and t.lower() in SPLIT_WORDS]:
        words = {v for v in texts[title] if v}
        told = {w: split_named(w) for w in words}
        if len(words) > 1 and all(told.values()):
            return [told[v] if v else "other" for v in texts.pop(title)]
    return []


def category(values: Sequence[str | None]) -> pa.ChunkedArray:
    """Words as a dictionary of strings, sorted."""
    words = sorted({v for v in values if v is not None})
    code = {w: i for i, w in enumerate(words)}
    codes = pa.array([None if v is None else code[v] for v in values], pa.int32())
    return pa.chunked_array([pa.DictionaryArray.from_arrays(codes, pa.array(words, pa.string()))])


def task_of(cells: pa.ChunkedArray, role: Role) -> Task:
    """Whether a target holds classes or numbers: numbers where they are not those of classes."""
    return "number" if role == "number" and not class_numbers(cells.to_numpy(), True) else "classes"


def class_numbers(values: np.ndarray, whole: bool = False) -> bool:
    """Whether numbers are those of classes: all of 0 (or 1) to some k, or few different, each of them repeated.

    `whole`: they are integers by their type, as counted classes are; of others at most MOST_CLASSES are believed.
    """
    values = values[np.isfinite(values)]
    if not len(values) or (values != np.floor(values)).any():
        return False
    different, counts = np.unique(values, return_counts=True)
    gapless = different[0] in (0, 1) and different[-1] - different[0] + 1 == len(different)
    if gapless and len(different) * 2 <= len(values) and (whole or len(different) <= MOST_CLASSES):
        return True
    return whole and len(different) <= FEW and bool(counts.min() >= 2)
