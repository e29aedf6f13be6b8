"""Pictures in folders, on disk or inside a zip or a tar: classes by folder or by a table, splits, masks.

- Class folders, with or without folders named train, val, test above them: the first folder below the split is the
  class (column "class"), deeper ones are the column "folder".
- A flat folder with a table that names its files: the table's columns are the data set's; pictures that it does not
  name keep their row. They have no label, unless folders name the same classes as the table: then their folder's.
- Two folders (or two endings of names) that match one to one, one of them with few values: pictures and masks.
- A flat folder without a table: pictures without a target.

Files that are pictures by name or by content are rows, whether they can be decoded or not. Everything else is a
trouble: hidden and system files apart from stray ones; annotations that share their name with a picture are counted.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa

from trainloud.core.inspection import Recognised, Task
from trainloud.core.words import plural
from trainloud.data.dataset import Asked, Dataset, Facts, Limits, Role, SourceError, Trouble
from trainloud.data.sources import Source
from trainloud.data.sources.files.archives import archive_form
from trainloud.data.sources.files.tree import Entry, Tree, glance, identity, is_tree, parts_of, printable, tree_of
from trainloud.data.sources.pictures.image_files import HEAD, image_format, is_system, named_image, stem_of, suffix_of
from trainloud.data.sources.pictures.label_columns import as_classes
from trainloud.data.sources.pictures.label_table import SUFFIXES as TABLES
from trainloud.data.sources.pictures.labelled import Labels, candidates, category, labelled, task_of
from trainloud.data.sources.pictures.layout import Layout, Meaning, in_order, layout
from trainloud.data.sources.pictures.mask_pairs import Pairs, pairs
from trainloud.data.sources.place import Place

# Files that other sources read: a folder that holds more of them than pictures is theirs.
DATA = TABLES | {".parquet", ".arrow", ".feather", ".jsonl", ".ts", ".npy", ".npz", ".pt", ".pth", ".h5", ".hdf5"}
MANY = 4  # times as many pictures as tables, from which they are the data whether a table names them or not
UNNAMED = 50  # files without a picture's name whose first bytes are looked at to recognise the place
SIDECARS = 0.9  # share of the files of one suffix that must bear a picture's name to be its annotations


def recognises(place: Place) -> str:
    if not is_tree(place):
        return ""
    names = [n for n in glance(place) if not is_system(parts_of(n))]
    images = sum(map(named_image, names))
    data = sum(suffix_of(n) in DATA for n in names)
    if not images and place.is_folder:
        tree = tree_of(place, Limits())
        others = [e for e in tree.entries if not is_system(parts_of(e.name)) and suffix_of(e.name) not in DATA]
        images = sum(bool(_format(tree, e)) for e in others[:UNNAMED])
    if not images or images < data or (images < MANY * data and not _in_a_table(place)):
        return ""
    return f"{plural(images, 'picture')} among its files"


def _in_a_table(place: Place) -> bool:
    """Whether a table inside names the pictures; else a few of them illustrate the table."""
    if "," in archive_form(place):  # to be unpacked for that
        return False
    tree = tree_of(place, Limits())
    found = sort_out(tree)
    return bool(candidates(tree, found.tables, [printable(e.name) for e in found.images], Asked()))


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    """The pictures of a folder or an archive. Raises SourceError."""
    if asked.kind not in ("", "images") or (asked.like is not None and asked.like.recognised.kind != "images"):
        kind = asked.kind or (asked.like.recognised.kind if asked.like is not None else "")
        raise SourceError(f"{place}: it holds pictures, which cannot be read as {kind}")
    tree = tree_of(place, limits)
    sorted_out = sort_out(tree)
    if not sorted_out.images:
        raise SourceError(f"{place}: no file in it is a picture{_instead(sorted_out)}")
    wanted = asked.like.recognised.task if asked.like is not None else asked.task
    found = pairs(sorted_out.images, tree.read) if wanted in ("", "segmentation") else None
    if found is None and wanted == "segmentation" and asked.like is not None:
        found = Pairs(sorted_out.images, [None] * len(sorted_out.images), [], "no masks")
    if found is None and asked.task == "segmentation":
        raise SourceError(f"{place}: no masks were found: no folder's files match the pictures' and hold few values")
    if found is not None:
        return _segmented(place, tree, sorted_out, found)
    return _classified(place, asked, tree, sorted_out)


# sorting files out ----------------------------------------------------------------------------------------------------


@dataclass
class SortedOut:
    """What each file is."""

    images: list[Entry] = field(default_factory=list)
    tables: list[Entry] = field(default_factory=list)
    """Tables, which may hold labels."""
    troubles: list[Trouble] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def sort_out(tree: Tree) -> SortedOut:
    """Which files are pictures, tables, annotations of pictures, the system's, or strays."""
    found = SortedOut(troubles=list(tree.troubles))
    others: list[tuple[Entry, str]] = []
    for entry in tree.entries:
        if is_system(parts_of(entry.name)):
            what = "a hidden picture" if named_image(entry.name) else "a file of the system or hidden"
            found.troubles.append(_trouble("system-file", entry, f"{what}, {entry.size:,} bytes: not an example"))
        elif named_image(entry.name):
            found.images.append(entry)
        elif suffix_of(entry.name) in TABLES:
            found.tables.append(entry)
        else:
            try:
                is_picture = bool(image_format(tree.head(entry, HEAD)))
            except OSError as error:
                found.troubles.append(_trouble("unreadable", entry, error.strerror or str(error)))
                continue
            if is_picture:
                found.images.append(entry)
            else:
                others.append((entry, suffix_of(entry.name)))
    _sidecars(found, others)
    found.images.sort(key=lambda e: e.name)
    return found


def _sidecars(found: SortedOut, others: Sequence[tuple[Entry, str]]) -> None:
    """Annotation files, named as their pictures are, are counted; the rest are strays."""
    stems = {stem_of(e.name) for e in found.images}
    of: Counter[str] = Counter(suffix for _, suffix in others)
    beside = Counter(suffix for e, suffix in others if stem_of(e.name) in stems)
    annotations = {s for s in of if s and beside[s] > 1 and beside[s] >= SIDECARS * of[s]}
    for suffix in sorted(annotations):
        found.notes.append(f"{of[suffix]:,} {suffix} files bear the names of pictures: annotations, which are not read")
    for entry, suffix in others:
        if suffix not in annotations:
            what = f"no picture by name or content, {entry.size:,} bytes"
            found.troubles.append(_trouble("stray-file", entry, what))


def _format(tree: Tree, entry: Entry) -> str:
    try:
        return image_format(tree.head(entry, HEAD))
    except OSError:
        return ""


def _trouble(kind: str, entry: Entry, what: str) -> Trouble:
    return Trouble(kind, printable(entry.name), what)


def _instead(found: SortedOut) -> str:
    """What there is instead of pictures."""
    kinds = Counter(t.kind for t in found.troubles)
    kinds.update({"table": len(found.tables)} if found.tables else {})
    said = ", ".join(f"{n:,} {kind}" for kind, n in kinds.most_common())
    first = found.troubles[0] if found.troubles else None
    return f" ({said}{f'; {first.name}: {first.what}' if first else ''})" if said else ""


# pictures -------------------------------------------------------------------------------------------------------------


class FilePictures:
    """Pictures that are files of a tree."""

    def __init__(self, tree: Tree, entries: Sequence[Entry | None], what: str = "picture"):
        self._tree, self._entries, self._what = tree, entries, what

    def __len__(self) -> int:
        return len(self._entries)

    def given(self, row: int) -> bool:
        """Whether the row has such a file."""
        return self._entries[row] is not None

    def encoded(self, row: int) -> bytes:
        entry = self._entries[row]
        if entry is None:
            raise OSError(f"there is no {self._what}")
        return self._tree.read(entry)

    def array(self, row: int) -> np.ndarray:
        raise OSError("a file, not an array")


def _classified(place: Place, asked: Asked, tree: Tree, found: SortedOut) -> Dataset:
    """Pictures with classes by folder or by a table, or without."""
    entries = found.images
    plan, roles = _planned(place, entries)
    classes = [r.label for r in roles]
    labels = labelled(place, asked, tree, found.tables, entries, classes if len(plan.classes) > 1 else [])
    columns: dict[str, tuple[pa.ChunkedArray, Role]] = {}
    by_folder = bool(plan.classes) and labels is None and asked.task != "none"
    if by_folder:
        columns["class"] = category(classes), "category"
    apart = by_folder or (labels is not None and labels.as_folders)
    rest = [r.rest if apart else "/".join(p for p in (r.label, r.rest) if p) for r in roles]
    if len(set(rest)) > 1:
        columns["folder"] = category(rest), "category"
    columns |= labels.columns if labels else {}
    if asked.like is not None:
        _like(columns, asked.like, len(entries))
    target, task = _target(place, asked, columns, labels.target if labels else "class" if by_folder else "")
    if task == "classes" and columns[target][1] == "number":
        columns[target] = as_classes(columns[target][0].to_numpy()), "category"
    split = labels.split if labels and labels.split else [r.split for r in roles]
    why = "; ".join(w for w in (plural(len(entries), "picture"), *_said(plan, labels)) if w)
    unused = [e for e in found.tables if labels is None or not _same_file(e, labels.name)]
    beside = (Path(labels.name),) if labels and labels.name else ()
    strays = [_trouble("stray-file", e, "a table, from which nothing is read here") for e in unused]
    return _dataset(
        place,
        _Parts(
            tree,
            entries,
            columns,
            split,
            labels.facts if labels else {},
            beside=beside,
        ),
        Recognised("images", task, target, why=why, form=f"{tree.form} of pictures"),
        (*found.troubles, *strays, *(labels.troubles if labels else ())),
        (*found.notes, *(labels.notes if labels else _beside(classes) if by_folder else ())),
    )


def _same_file(entry: Entry, name: str) -> bool:
    """Whether a file of the tree is the one of this name inside it, or of this path."""
    return entry.name == name or (isinstance(entry.key, str) and entry.key == os.path.realpath(name))


def _beside(classes: Sequence[str | None]) -> tuple[str, ...]:
    bare = sum(c is None for c in classes)
    what = (
        "lies beside the class folders and has no class"
        if bare == 1
        else "lie beside the class folders without a class"
    )
    return (f"{plural(bare, 'picture')} {what}",) if bare else ()


def _like(columns: dict[str, tuple[pa.ChunkedArray, Role]], like: Dataset, rows: int) -> None:
    """The target of the first part stands in this one too, with nothing in it where it is not known."""
    target = like.recognised.target
    if target and target not in columns:
        columns[target] = (category([None] * rows), "category") if like.roles[target] == "category" else (
            pa.chunked_array([pa.array(np.full(rows, np.nan))]), "number"
        )  # fmt: skip


def _said(plan: Layout, labels: Labels | None) -> tuple[str, ...]:
    return (plan.of_splits, labels.why) if labels and labels.name else (plan.why,)


def _planned(place: Place, entries: Sequence[Entry]) -> tuple[Layout, list[Meaning]]:
    """What the folders mean, and of each picture what its folder means."""
    folders = [parts_of(printable(e.name))[:-1] for e in entries]
    assert place.path is not None
    plan = layout(Counter(folders), stem_of(place.path.name).removesuffix(".tar"))
    return plan, [plan.meanings[f] for f in folders]


def _target(
    place: Place, asked: Asked, columns: Mapping[str, tuple[pa.ChunkedArray, Role]], told: str
) -> tuple[str, Task]:
    """Name of the target, and the task. Raises SourceError for a column that is not there."""
    if asked.like is not None:
        return asked.like.recognised.target, asked.like.recognised.task
    there = ", ".join(map(repr, columns)) or "none"
    target = asked.target if asked.target in columns else told
    if asked.target and target != asked.target and not asked.labels:
        raise SourceError(f"{place}: no column {asked.target!r} to predict; there are {there}")
    for name, flag in ((asked.group, "group"), (asked.time, "time")):
        if name and name not in columns:
            raise SourceError(f"{place}: no column {name!r} for --{flag}; there are {there}")
    if asked.task == "none" or not target:
        if asked.task not in ("", "none"):
            raise SourceError(
                f"{place}: the task {asked.task} needs a target, and neither folders nor a table give one"
            )
        return "", "none"
    if asked.task in ("classes", "number"):
        return target, cast(Task, asked.task)
    if asked.task:
        raise SourceError(f"{place}: pictures with a target have the task classes or number, not {asked.task}")
    return target, task_of(*columns[target])


@dataclass(frozen=True)
class _Parts:
    """The rows of the data set before they are put in order."""

    tree: Tree
    entries: Sequence[Entry]
    columns: Mapping[str, tuple[pa.ChunkedArray, Role]]
    split: Sequence[str]
    facts: Mapping[str, Facts]
    masks: Sequence[Entry | None] = ()
    beside: tuple[Path, ...] = ()
    """Files outside of the tree that were read too."""


def _segmented(place: Place, tree: Tree, found: SortedOut, pair: Pairs) -> Dataset:
    """Pictures with masks."""
    plan, meanings = _planned(place, pair.pictures)
    rest = ["/".join(p for p in (m.label, m.rest) if p) for m in meanings]
    columns: dict[str, tuple[pa.ChunkedArray, Role]] = {}
    if len(set(rest)) > 1:
        columns["folder"] = category(rest), "category"
    lonely = [_trouble("stray-file", e, "a mask without a picture of its name") for e in pair.lonely]
    masked = {parts_of(p.name)[:-1] for p, m in zip(pair.pictures, pair.masks, strict=True) if m is not None}
    without = [p for p, m in zip(pair.pictures, pair.masks, strict=True) if m is None]
    bare = [_trouble("no-mask", p, "a picture without a mask") for p in without if parts_of(p.name)[:-1] in masked]
    apart = len(without) - len(bare)
    notes = [f"{plural(apart, 'picture')} in folders that have no masks at all"] if apart else []
    tables = [_trouble("stray-file", e, "a table, from which nothing is read here") for e in found.tables]
    return _dataset(
        place,
        _Parts(tree, pair.pictures, columns, [m.split for m in meanings], {}, pair.masks),
        Recognised(
            "images", "segmentation", "", why="; ".join(w for w in (pair.why, plan.of_splits) if w),
            form=f"{tree.form} of pictures and masks",
        ),
        (*found.troubles, *lonely, *bare, *tables),
        (*found.notes, *notes),
    )  # fmt: skip


def _dataset(
    place: Place, parts: _Parts, recognised: Recognised, troubles: tuple[Trouble, ...], notes: tuple[str, ...]
) -> Dataset:
    """The rows in order: by split, then by name."""
    splits = in_order(set(parts.split))
    code = {s: i for i, s in enumerate(splits)}
    split = np.array([code[s] for s in parts.split], np.int16)
    order = np.argsort(split, kind="stable")
    entries = [parts.entries[i] for i in order]
    columns = {name: cells.take(pa.array(order)) for name, (cells, _) in parts.columns.items()}
    masks = FilePictures(parts.tree, [parts.masks[i] for i in order], "mask") if parts.masks else None
    return Dataset(
        recognised,
        pa.table(columns) if columns else pa.table({}),
        split[order],
        tuple(splits),
        identity(place, *parts.beside),
        lambda row: printable(entries[row].name),
        roles={name: role for name, (_, role) in parts.columns.items()},
        facts=dict(parts.facts),
        pictures=FilePictures(parts.tree, entries),
        masks=masks,
        troubles=troubles,
        notes=notes,
    )


SOURCE = Source("folder or archive of pictures", recognises, read, order=40)
