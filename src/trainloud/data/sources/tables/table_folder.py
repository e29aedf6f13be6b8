"""A folder or an archive that holds a table: one file, shards of one, or files that are splits by their names.

What belongs together is told by names alone: "train.csv" beside "test.csv", "part-0.csv" beside "part-1.csv". Tables
that may be anything are never put together: the person names one.
"""

import io
import os
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError, Trouble
from trainloud.data.sources import Source
from trainloud.data.sources.files.tree import Entry, Folder, Tree, glance, is_tree, parts_of, printable, tree_of
from trainloud.data.sources.joined import join
from trainloud.data.sources.pictures.image_files import is_system
from trainloud.data.sources.pictures.layout import in_order
from trainloud.data.sources.place import Place
from trainloud.data.sources.tables.delimited import TABLES, read_stored, suffixes
from trainloud.data.sources.tables.feed import Stored
from trainloud.data.sources.tables.named_parts import family_of, split_of
from trainloud.data.sources.texts import json_records
from trainloud.data.sources.texts.text_folder import DOCUMENTS

TEXTS = frozenset({".txt", ".text"})
RECORDS = frozenset({".jsonl", ".ndjson"})
MOST_NAMED = 8  # tables that are named where it is open which one is meant


def _is_table(name: str) -> bool:
    return suffixes(Path(name))[0] in TABLES | RECORDS and not is_system(parts_of(name))


def recognises(place: Place) -> str:
    if not is_tree(place):
        return ""
    names = list(glance(place))
    tables = [n for n in names if _is_table(n)]
    texts = [n for n in names if suffixes(Path(n))[0] in TEXTS and not DOCUMENTS.match(n.rsplit("/", 1)[-1])]
    if not tables or len(texts) > len(tables):
        return ""
    return f"{len(tables):,} table{'' if len(tables) == 1 else 's'} by their names"


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    """Raises SourceError."""
    tree = tree_of(place, limits)
    chosen, strays = _chosen([e for e in tree.entries if _is_table(e.name)], place)
    of = {printable(e.name): split_of(e.name) for e in chosen}
    several = len(set(of.values())) > 1
    done: dict[str, Dataset] = {}
    for split in in_order(set(of.values())):
        for entry in chosen:
            name = printable(entry.name)
            if of[name] == split:
                own = replace(asked, like=next(iter(done.values()))) if done else asked
                done[name] = _one(place, tree, entry, name, own, limits)
    first = next(iter(done.values()))
    data = join(done, limits, {n: of[n] if several else "" for n in done}) if len(done) > 1 else first
    others = [e for e in tree.entries if not _is_table(e.name) and not is_system(parts_of(e.name))]
    troubles = [Trouble("stray-file", printable(e.name), "a table of another name: not read") for e in strays]
    troubles += [Trouble("stray-file", printable(e.name), f"no table, {e.size:,} bytes") for e in others]
    said = f"{tree.form} with {len(done)} table{'' if len(done) == 1 else 's'}"
    return replace(
        data,
        recognised=replace(data.recognised, form=f"{said}: {data.recognised.form}"),
        identity=place.identity(),
        troubles=(*tree.troubles, *data.troubles, *troubles),
    )


def _chosen(entries: list[Entry], place: Place) -> tuple[list[Entry], list[Entry]]:
    """The files of the one family that is the data, and the others. Raises SourceError where that is open."""
    families: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        families[family_of(entry.name)].append(entry)
    if len(families) == 1:
        return entries, []
    split = {f: {split_of(e.name) for e in own} - {""} for f, own in families.items()}
    parted = [f for f, splits in split.items() if "train" in splits]
    if len(parted) == 1:
        chosen = [e for e in families[parted[0]] if split_of(e.name)]
        return chosen, [e for e in entries if e not in chosen]
    names = [printable(e.name) for e in entries]
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    raise SourceError(
        f"{place}: {len(names):,} tables, and their names do not say which belong together: "
        f"name one of {', '.join(names[:MOST_NAMED])}{more}"
    )


def _one(place: Place, tree: Tree, entry: Entry, name: str, asked: Asked, limits: Limits) -> Dataset:
    def opened() -> io.BufferedIOBase:
        if isinstance(tree, Folder):
            return open(entry.key, "rb")
        return io.BytesIO(tree.read(entry))

    path = Path(entry.name)
    if suffixes(path)[0] in RECORDS:
        if not isinstance(tree, Folder):
            raise SourceError(f"{place}: records in JSON are not read from an archive; unpack it and name the folder")
        return json_records.read(Place(path=Path(os.fsdecode(entry.key)), word=name), asked, limits)
    stored = Stored(name, opened, path.suffix.lower())  # type: ignore[arg-type]
    try:
        return read_stored(stored, suffixes(path)[0], f"{place.identity()}\0{name}", asked, limits)
    except OSError as error:
        raise SourceError(f"{place}, {name}: it cannot be read: {error}") from error


SOURCE = Source("folder or archive with a table", recognises, read, order=55)
