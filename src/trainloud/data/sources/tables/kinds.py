"""Whether a table is one of texts, of steps in time, of pictures, or just a table: said, and overruled by a flag."""

from collections.abc import Sequence
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from trainloud.core.inspection import Kind
from trainloud.data.dataset import Asked, Dataset, Facts, SourceError
from trainloud.data.sources.tables.columns import Table, Typing
from trainloud.data.sources.tables.steps import Steps
from trainloud.data.sources.tables.targets import few_classes
from trainloud.data.sources.tables.typing import merged

BESIDE_TEXT = 4  # columns beside the text, label included, that a table of texts may have
LONG_TEXT = 40  # mean characters of the text beside more than one column: addresses and titles are shorter
TEXT_SHARE = 0.5  # of all characters of the rows that are in the text
LOOK = 2000  # rows on which characters are counted


def kind_of(work: Typing, target: str, steps: Steps | None, asked: Asked, table: Table) -> tuple[Kind, list[str], str]:
    """(kind, text columns, why)."""
    texts = [n for n, r in work.roles.items() if r == "text" and n != target]
    if asked.kind == "images" and table.pictures is None:
        raise SourceError(f"{table.name}: a table without a column of pictures cannot be read as images")
    if asked.kind:
        if asked.kind == "text" and not texts:
            texts = _longest_words(work, target)
        return cast(Kind, asked.kind), texts, "as asked"
    if asked.like is not None:
        return asked.like.recognised.kind, _texts_alike(work, asked.like), ""
    if table.pictures is not None:
        return "images", [], "a column holds pictures"
    if table.series is not None and work.roles.keys() <= {target}:
        return "series", [], "a column holds series"
    others = len(work.roles) - len(texts)
    long = others <= 1 or sum(_characters(work.columns[t]) for t in texts) >= LONG_TEXT
    if texts and long and others <= BESIDE_TEXT and (share := _text_share(work, texts)) >= TEXT_SHARE:
        named = " and ".join(map(repr, texts))
        beside = f"{others} short column{'' if others == 1 else 's'} beside"
        return "text", texts, f"{named} hold{'s' if len(texts) == 1 else ''} {share:.0%} of all characters, {beside}"
    is_classes = bool(target) and (asked.task == "classes" or few_classes(work, target))
    if steps is not None and steps.regular and not is_classes and asked.task in ("", "forecast"):
        return "series", [], steps.why
    return "table", [], ""


def _texts_alike(work: Typing, like: Dataset) -> list[str]:
    """The columns that made the first part's text, as texts."""
    parts = [like.text] if like.text in work.columns else []
    if like.text and not parts and like.cells is not None:
        parts = [n for n in like.cells.column_names if n not in like.roles and n in work.columns]
    if like.text and not parts:
        raise SourceError(f"{work.table.name}: it has no column {like.text!r}, the text of the first part")
    for name in parts:
        if work.roles[name] != "text":
            work.type(name, role="text")
    return parts


def _longest_words(work: Typing, target: str) -> list[str]:
    """The column of words with the most characters, retyped as texts."""
    words = [n for n, r in work.roles.items() if r == "category" and n != target]
    if not words:
        raise SourceError(f"{work.table.name}: no column holds texts")
    name = max(words, key=lambda n: _characters(work.columns[n]))
    if work.table.cells is not None and name in work.table.cells.column_names:
        work.type(name, role="text")
    else:
        work.columns[name], work.roles[name] = pc.cast(work.columns[name], pa.large_string()), "text"
    return [name]


def _characters(cells: pa.ChunkedArray) -> float:
    """Mean characters of the first cells."""
    head = cells.slice(0, LOOK)
    if pa.types.is_floating(head.type):
        return 4.0  # about what a number takes
    if pa.types.is_timestamp(head.type):
        return 10.0
    return float(pc.mean(pc.utf8_length(pc.cast(head, pa.large_string()))).as_py() or 0)


def _text_share(work: Typing, texts: Sequence[str]) -> float:
    sizes = {n: _characters(c) for n, c in work.columns.items()}
    return sum(sizes[t] for t in texts) / max(sum(sizes.values()), 1e-9)


def joined_texts(work: Typing, texts: list[str], target: str) -> list[str]:
    """One column of text: several ones are joined line by line, in their order, and go into it."""
    if len(texts) < 2:
        return texts
    name = " + ".join(texts)
    parts = [work.columns[t] for t in texts]
    chunked = [p.combine_chunks() for p in parts]
    joined = pc.binary_join_element_wise(*chunked, pa.scalar("\n", pa.large_string()), null_handling="skip")
    cells = joined if isinstance(joined, pa.ChunkedArray) else pa.chunked_array([joined])
    facts = work.facts.get(texts[0], Facts("text"))
    for other in texts[1:]:
        facts = merged(facts, work.facts.get(other, Facts("text")))
    at = list(work.roles).index(texts[0])
    for held in (work.columns, work.roles, work.facts):
        for t in texts:
            held.pop(t, None)  # type: ignore[attr-defined]
    work.put(name, cells, facts)
    for held in (work.columns, work.roles):
        order = [n for n in held if n != name]
        order.insert(at, name)
        ordered = {n: held[n] for n in order}
        held.clear()
        held.update(ordered)  # type: ignore[arg-type]
    work.notes[name] = (f"the text is {len(texts)} columns, joined by a line end",)
    return [name]
