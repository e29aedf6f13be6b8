"""Parts that the person named, or that lie in folders named after splits, as one data set with splits.

Columns are matched by name, or by place where a part has no header. A column that is of numbers in one part and of
words in another becomes one of words, read again from the cells as they were written. Words are kept as they are: that
one part writes ">50K." and another ">50K" is for an inspector to tell.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.core.inspection import Recognised
from trainloud.core.words import plural
from trainloud.data.dataset import Dataset, Facts, Limits, Pictures, Role, SourceError, Trouble
from trainloud.data.sources.files.shelf import Columns, coded, concatenated
from trainloud.data.sources.parts import Parts
from trainloud.data.sources.pictures.layout import in_order
from trainloud.data.sources.tables.typing import merged, typed

WIDTH: tuple[Role, ...] = ("number", "time", "category", "text")  # what holds what: later ones hold all earlier ones
BESIDE = "lies beside it and was not read"  # a note of a part alone, which no longer holds
MOST_GONE = 0.5  # share of the first part's features that a further part may lack: of more, it is another table
SHOWN = 8  # columns that a message names
NUMBERED = re.compile(r"column \d+")
TYPES: dict[Role, pa.DataType] = {
    "number": pa.float64(),
    "time": pa.timestamp("us"),
    "category": pa.dictionary(pa.int32(), pa.string()),
    "text": pa.large_string(),
}


def join(parts: Mapping[str, Dataset], limits: Limits | None = None, of: Mapping[str, str] | None = None) -> Dataset:
    """One data set of several, their names its splits. The first says what it is.

    `of`: name -> split, where several parts are one split. Raises SourceError where the parts are of different kinds,
    or two are the same split.
    """
    names, parts_ = list(parts), list(parts.values())
    first = parts_[0]
    for name, part in zip(names[1:], parts_[1:], strict=True):
        if part.recognised.kind != first.recognised.kind:
            raise SourceError(f"{name} holds {_kind(part)}, {names[0]} {_kind(first)}")
        if (part.pictures is None, part.series is None) != (first.pictures is None, first.series is None):
            raise SourceError(f"{name} and {names[0]} are stored in different ways")
    split, splits = _splits([of[n] for n in names] if of else names, parts_, bool(of))
    troubles: list[Trouble] = []
    parts_ = [first, *(_as_first(p, first, n, troubles) for n, p in zip(names[1:], parts_[1:], strict=True))]
    rows = sum(map(len, parts_))
    keep = Columns(limits or Limits(), rows, len(first.roles))
    columns: dict[str, pa.ChunkedArray] = {}
    roles: dict[str, Role] = {}
    facts: dict[str, Facts] = {}
    notes: list[str] = []
    for column in first.roles:
        columns[column], roles[column], own = _column(column, parts_, names, keep, notes)
        if own is not None:
            facts[column] = own
    _check_target(first.recognised, roles, names)
    lengths = [len(p) for p in parts_]
    return Dataset(
        replace(first.recognised, form="; ".join(dict.fromkeys(p.recognised.form for p in parts_))),
        pa.table(columns),
        split,
        splits,
        _identity(parts),
        _at(lengths, [p.name_of for p in parts_]),
        roles,
        facts,
        first.text,
        pictures=_pictures(lengths, [p.pictures for p in parts_]),
        masks=_pictures(lengths, [p.masks for p in parts_]),
        series=_series(lengths, [p.series for p in parts_]),
        cells=_cells(parts_),
        troubles=(*(t for p in parts_ for t in p.troubles), *troubles),
        notes=(*dict.fromkeys(n for p in parts_ for n in p.notes if BESIDE not in n), *notes),
    )


def _identity(parts: Mapping[str, Dataset]) -> str:
    """Of all parts together; "" (nothing is kept) where one of them has none, as arrays in memory."""
    if not all(p.identity for p in parts.values()):
        return ""
    return hashlib.sha256("\n".join(f"{n}\0{p.identity}" for n, p in parts.items()).encode()).hexdigest()


def _kind(part: Dataset) -> str:
    return {"images": "images", "table": "a table", "text": "texts"}.get(part.recognised.kind, part.recognised.kind)


def _splits(names: Sequence[str], parts: Sequence[Dataset], several: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    """(n,) int16 and the names. The first part may have splits of its own, to which the others come."""
    own = [
        p.splits if i == 0 and len(p.splits) > 1 else (n,) for i, (n, p) in enumerate(zip(names, parts, strict=True))
    ]
    every = [s for splits in own for s in splits]
    twice = {s for s in every if every.count(s) > 1}
    if several:
        every = list(dict.fromkeys(every))
    elif twice:
        raise SourceError(f"the data has a split named {min(twice)!r} already: it cannot be given a second one")
    order = in_order(every)
    numbers = []
    for part, splits in zip(parts, own, strict=True):
        place = np.array([order.index(s) for s in splits], np.int16)
        numbers.append(place[part.split] if len(splits) > 1 else np.full(len(part), place[0], np.int16))
    return np.concatenate(numbers), tuple(order)


# columns ------------------------------------------------------------------------------------------------------------


def _as_first(part: Dataset, first: Dataset, name: str, troubles: list[Trouble]) -> Dataset:
    """The part with the columns of the first: by place if one of them has no names, else by name; what is not in both
    is said."""
    own, wanted = list(part.roles), list(first.roles)
    shared = set(own) & set(wanted)
    unnamed = all(map(NUMBERED.fullmatch, own)) or all(map(NUMBERED.fullmatch, wanted))
    if unnamed and not shared and len(own) == len(wanted):
        part = _renamed(part, dict(zip(own, wanted, strict=True)))
        own, shared = wanted, set(wanted)
    if wanted and own and not shared:
        raise SourceError(f"{name} has none of the {len(wanted):,} columns of the first part: {', '.join(own[:8])}")
    if first.recognised.kind == "table":
        _check_alike(own, [c for c in wanted if c != first.recognised.target], name)
    for column in own:
        if column not in shared:
            what = f"column {column!r} is not in the first part: left out"
            troubles.append(Trouble("column-mismatch", name, what))
    for column in wanted:
        if column not in shared and column != first.recognised.target:
            what = f"column {column!r} of the first part is not there: all its cells are missing"
            troubles.append(Trouble("column-mismatch", name, what))
    return part


def _check_alike(own: Sequence[str], features: Sequence[str], name: str) -> None:
    """Raises SourceError where the part lacks most of the features of the first: it is of another table."""
    gone = [c for c in features if c not in own]
    if len(gone) > MOST_GONE * len(features):
        words = ", ".join(map(repr, gone[:SHOWN]))
        more = f" and {len(gone) - SHOWN:,} more" if len(gone) > SHOWN else ""
        there = ", ".join(map(repr, own[:SHOWN])) + (f" and {len(own) - SHOWN:,} more" if len(own) > SHOWN else "")
        raise SourceError(
            f"{name} lacks {len(gone):,} of the {plural(len(features), 'feature')} of the first part: {words}{more}; "
            f"it has {there}: it is another table, or its columns must be renamed"
        )


def _renamed(part: Dataset, to: Mapping[str, str]) -> Dataset:
    cells = part.cells
    if cells is not None:
        cells = cells.rename_columns([to.get(n, n) for n in cells.column_names])
    return replace(
        part,
        table=part.table.rename_columns([to[n] for n in part.roles]),
        roles={to[n]: r for n, r in part.roles.items()},
        facts={to[n]: f for n, f in part.facts.items() if n in to},
        cells=cells,
        text=to.get(part.text, part.text),
    )


def _column(
    column: str, parts: Sequence[Dataset], names: Sequence[str], keep: Columns, notes: list[str]
) -> tuple[pa.ChunkedArray, Role, Facts | None]:
    """One column of all parts, of the role that holds all of them."""
    there = [p for p in parts if column in p.roles]
    found = {p.roles[column] for p in there if not _empty(p.table.column(column))}
    role = max(found or {parts[0].roles[column]}, key=WIDTH.index)
    facts: Facts | None = None
    if len(found) > 1:
        said = ", ".join(f"{p.roles[column]} in {n}" for n, p in zip(names, parts, strict=True) if column in p.roles)
        retyped = _retyped(column, there, role)
        if retyped is not None:
            cells, facts = retyped
            notes.append(f"{column}: {said}: taken as {facts.role} in all")
            split_up, at = [], 0
            for part in parts:
                size = len(part) if part in there else 0
                split_up.append(cells.slice(at, size))
                at += size
            return _with_gaps(column, split_up, parts, facts.role, keep), facts.role, facts
        notes.append(f"{column}: {said}: taken as {role} in all")
    own = [p.table.column(column) if column in p.roles else None for p in parts]
    for part in there:
        if column in part.facts:
            facts = part.facts[column] if facts is None else merged(facts, part.facts[column])
    facts = facts if facts is None else replace(facts, role=role)
    return _with_gaps(column, [_cast(c, role) for c in own], parts, role, keep), role, facts


def _empty(cells: pa.ChunkedArray) -> bool:
    """Whether every cell is missing: such a part says nothing of the column's role."""
    return bool(pc.all(pc.is_null(cells, nan_is_null=True), min_count=0).as_py())


def _retyped(column: str, parts: Sequence[Dataset], widest: Role) -> tuple[pa.ChunkedArray, Facts] | None:
    """The column typed again from the cells of all parts; None where one of them came typed."""
    if any(p.cells is None or column not in p.cells.column_names for p in parts):
        return None
    cells = [p.cells.column(column) for p in parts if p.cells is not None]
    if len({str(c.type) for c in cells}) > 1:
        cells = [pc.cast(c, pa.large_string()) for c in cells]
    together = concatenated(cells)
    # Together they may settle what one part alone left open: day and month, or an odd word.
    done = typed(together)
    odd = sum(p.facts[column].odd_cells for p in parts if column in p.facts)
    if done.facts.odd_cells > odd or WIDTH.index(done.facts.role) > WIDTH.index(widest):
        done = typed(together, role="text" if widest == "text" else "category")
    return done.cells, done.facts


def _cast(cells: pa.ChunkedArray | None, role: Role) -> pa.ChunkedArray | None:
    """Typed cells of a narrower role as this one."""
    if cells is None or cells.type == TYPES[role]:
        return cells
    if role == "category":
        return pa.chunked_array([coded(_as_words(cells))])
    if role == "text":
        return pc.cast(_as_words(cells), pa.large_string())
    return pc.cast(pa.chunked_array([pa.nulls(len(cells))]), TYPES[role])  # all of it is missing


def _as_words(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    from trainloud.data.sources.tables.targets import words_of

    if pa.types.is_floating(cells.type):
        cells = words_of(cells)
    return pc.cast(cells, pa.large_string())


def _with_gaps(
    column: str, cells: Sequence[pa.ChunkedArray | None], parts: Sequence[Dataset], role: Role, keep: Columns
) -> pa.ChunkedArray:
    """The cells of all parts one after another, missing where a part does not have the column."""
    whole = []
    for own, part in zip(cells, parts, strict=True):
        if own is not None and len(own) == len(part):
            whole.append(own)
        elif role == "number":
            whole.append(pa.chunked_array([np.full(len(part), np.nan)]))
        else:
            whole.append(pa.chunked_array([pa.nulls(len(part), TYPES[role])]))
    together = concatenated(whole)
    return keep.keep(together.unify_dictionaries() if role == "category" else together)


def _check_target(recognised: Recognised, roles: Mapping[str, Role], names: Sequence[str]) -> None:
    target = recognised.target
    if recognised.task in ("number", "forecast") and target and roles[target] != "number":
        raise SourceError(f"the target {target!r} is numbers in {names[0]} and {roles[target]} in another part")


def _cells(parts: Sequence[Dataset]) -> pa.Table | None:
    """The cells as written, where all parts have the same columns of them."""
    tables = [p.cells for p in parts]
    known = tables[0]
    if known is None or any(t is None or t.column_names != known.column_names for t in tables):
        return None
    columns = []
    for name in known.column_names:
        own = [t.column(name) for t in tables if t is not None]
        columns.append(
            concatenated(own if len({str(c.type) for c in own}) == 1 else [pc.cast(c, pa.string()) for c in own])
        )
    return pa.table(dict(zip(known.column_names, columns, strict=True)))


# what lies behind the rows ------------------------------------------------------------------------------------------


def _at(lengths: Sequence[int], names: Sequence[Callable[[int], str]]) -> Callable[[int], str]:
    parts = Parts(names, lengths)

    def name_of(row: int) -> str:
        named, own = parts.of(row)
        return named(own)

    return name_of


class JoinedPictures:
    """The pictures of several parts, one after another."""

    def __init__(self, lengths: Sequence[int], parts: Sequence[Pictures]):
        self._parts = Parts(parts, lengths)

    def __len__(self) -> int:
        return len(self._parts)

    def encoded(self, row: int) -> bytes | None:
        part, own = self._parts.of(row)
        return part.encoded(own)

    def array(self, row: int) -> np.ndarray:
        part, own = self._parts.of(row)
        return part.array(own)

    def given(self, row: int) -> bool:
        """Whether the row has one: a picture may lack its mask."""
        part, own = self._parts.of(row)
        return bool(getattr(part, "given", lambda _: True)(own))


def _pictures(lengths: Sequence[int], parts: Sequence[Pictures | None]) -> Pictures | None:
    there = [p for p in parts if p is not None]
    return JoinedPictures(lengths, there) if len(there) == len(parts) else None


def _series(
    lengths: Sequence[int], parts: Sequence[Callable[[int], np.ndarray] | None]
) -> Callable[[int], np.ndarray] | None:
    there = [p for p in parts if p is not None]
    if len(there) < len(parts):
        return None

    joined = Parts(there, lengths)

    def series(row: int) -> np.ndarray:
        part, own = joined.of(row)
        return part(own)

    return series
