"""Which column of a table is the target, and what its task is: said, and overruled by flags."""

import difflib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.core.inspection import Task
from trainloud.data.dataset import Asked, Facts, SourceError
from trainloud.data.sources.files.shelf import coded
from trainloud.data.sources.tables.columns import Table, Typing
from trainloud.data.sources.tables.steps import Steps, time_column

TARGETS = ("target", "label", "labels", "class_label", "ground_truth", "y_true")  # anywhere in the table
TARGETS_AT_END = ("class", "classes", "y", "outcome", "category", "response", "is_spam", "sentiment")  # first or last
MOST_CODES = 20  # different whole numbers of a target, each there twice or more, that are taken for classes
UNIQUE = 0.5  # share of different words above which a column nobody asked for is no target


def column_named(word: str, names: Sequence[str]) -> str:
    """The column of this name, or of this index (negative ones from the end); "" for none."""
    if word in names:
        return word
    alike = [n for n in names if n.strip().lower() == word.strip().lower()]
    if len(alike) == 1:
        return alike[0]
    try:
        return names[int(word)]
    except (ValueError, IndexError):
        return ""


def asked_column(word: str, names: Sequence[str], flag: str) -> str:
    found = column_named(word, names)
    if not found:
        near = difflib.get_close_matches(word, names, 3) or list(names[:12])
        more = f" and {len(names) - len(near):,} more" if len(names) > len(near) else ""
        raise SourceError(f"{flag} {word}: there is no such column; there are {', '.join(near)}{more}")
    return found


def time_of(work: Typing, target: str, asked: Asked) -> str:
    """The column of time, as asked, as in the first part, or the one that orders the rows; "" for none."""
    if asked.like is not None and asked.like.recognised.time in work.columns:
        return asked.like.recognised.time
    if asked.time and asked.like is None:
        return asked_column(asked.time, work.table.order, "--time")
    found = time_column(work.columns, work.roles)
    return "" if found == target else found


def target_of(table: Table, asked: Asked) -> tuple[str, str]:
    """(column, why it), "" for none; by what was asked, what the data declares, its name, or its place."""
    names = list(table.order)
    if asked.like is not None:
        own = asked.like.recognised.target
        return (own, "the target of the first part") if own in names else ("", "it has no target")
    if asked.target:
        found = asked_column(asked.target, names, "--target")
        return found, f"the target is {found!r}, as asked"
    if asked.task == "none":
        return "", "no target, as asked"
    if table.target:
        return table.target, f"the target is {table.target!r}, by {table.declared}"
    if not table.header:
        return names[-1], "the target is the last column, as there is no header; --target INDEX overrides"
    low = {n.strip().lower().replace(" ", "_"): n for n in names}
    ends = {n.strip().lower().replace(" ", "_"): n for n in (names[0], names[-1])}
    by_name = [low[t] for t in TARGETS if t in low] + [ends[t] for t in TARGETS_AT_END if t in ends]
    behind = table.pictures is not None or table.series is not None  # the rows, which need no other column
    if by_name and (len(names) > 1 or behind):
        return by_name[0], f"the target is {by_name[0]!r}, by its name; --target NAME overrides"
    return "", "no column is plainly the target; --target NAME names it"


def without_header(work: Typing, target: str, why: str) -> tuple[str, str]:
    """Without a header the target is the last column, unless only the first one can be it."""
    if len(work.columns) < 2:
        return "", "one column without a header: no target"
    if not no_target(work, target):
        return target, why
    work.type(target)
    first = next(iter(work.columns))
    work.type(first, target=True)
    if no_target(work, first) or not few_classes(work, first):
        work.type(first)
        return "", "no header, and neither the last nor the first column can be a target; --target INDEX names it"
    return first, f"the target is the first column, as there is no header and the last holds {_holds(work, target)}"


def _holds(work: Typing, name: str) -> str:
    return {"text": "texts", "time": "times"}.get(work.roles[name], "words that hardly repeat")


def no_target(work: Typing, name: str) -> str:
    """Why a column that nobody asked for can be no target; "" if it can."""
    role, cells = work.roles[name], work.columns[name]
    if role in ("text", "time"):
        return f"it holds {_holds(work, name)}"
    present = len(cells) - (cells.null_count if role == "category" else int(pc.is_nan(cells).to_numpy().sum()))
    if not present:
        return "it holds nothing"
    if role == "category" and present > 2 and _distinct(cells) > UNIQUE * present:
        return "its words hardly repeat"
    return ""


def few_classes(work: Typing, name: str) -> bool:
    """Whether a column holds words, or codes of classes."""
    role = work.roles[name]
    return role == "category" or (role == "number" and codes_of(work.columns[name]) > 0)


def _distinct(cells: pa.ChunkedArray) -> int:
    if pa.types.is_dictionary(cells.type):
        return int(sum(len(d) for d in {id(c.dictionary): c.dictionary for c in cells.chunks}.values()))
    return int(pc.count_distinct(cells, mode="only_valid").as_py())


def codes_of(cells: pa.ChunkedArray) -> int:
    """How many classes a column of numbers has if it holds codes of classes; 0 if it holds quantities."""
    values = cells.to_numpy()
    values = values[~np.isnan(values)]
    head = np.unique(values[:5000])
    if len(head) > MOST_CODES or not len(head) or not np.isfinite(head).all() or (head != np.floor(head)).any():
        return 0
    different, counts = np.unique(values, return_counts=True)
    whole = bool(np.isfinite(different).all()) and bool((different == np.floor(different)).all())
    return len(different) if whole and len(different) <= MOST_CODES and counts.min() >= 2 else 0


def task_of(work: Typing, target: str, kind: str, asked: Asked) -> tuple[Task, str]:
    if kind == "series" and work.table.series is None and asked.task in ("", "forecast"):
        return "forecast", ""
    if not target:
        if asked.task in ("classes", "number") and asked.like is None:
            raise SourceError(f"{work.table.name}: --task {asked.task} needs a target; --target NAME names it")
        return "none", ""
    like = asked.like.recognised.task if asked.like is not None else ""
    wanted = like or asked.task
    role = work.roles[target]
    if wanted == "number":
        if role != "number" and not like:
            example = next((w for w in work.columns[target].to_pylist()[:1000] if w), "")
            raise SourceError(f"{work.table.name}: the target {target!r} is no number: it holds {str(example)[:40]!r}")
        return "number", ""
    if wanted == "classes":
        return "classes", ""
    if wanted in ("segmentation", "forecast"):
        raise SourceError(f"{work.table.name}: a table has no task {wanted!r}")
    if role == "category":
        return "classes", ""
    if role == "number":
        codes = codes_of(work.columns[target])
        if codes:
            return (
                "classes",
                f"its {codes} whole numbers, each there twice or more, are classes; --task number overrides",
            )
        return "number", ""
    if asked.target:
        raise SourceError(f"{work.table.name}: the target {target!r} holds {_holds(work, target)}, which are no target")
    return "none", ""


def as_classes(work: Typing, target: str) -> None:
    """The target as a category: numbers by their value, "3" for 3.0."""
    cells = work.columns[target]
    facts = work.facts.get(target, Facts("category"))
    if work.roles[target] == "number":
        work.put(target, words_of(cells), replace(facts, role="category"))
    elif work.roles[target] != "category":
        work.put(target, pa.chunked_array([coded(cells)]), replace(facts, role="category"))


def words_of(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """dictionary<int32, string> of numbers; missing stays missing."""
    values = cells.to_numpy()
    different, places = np.unique(values, return_inverse=True)
    words = [f"{v:.0f}" if v == np.floor(v) and abs(v) < 1e15 else f"{v:.15g}" for v in different.tolist() if v == v]
    indices = pa.array(places.astype(np.int32), pa.int32(), mask=np.isnan(values))
    return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.string()))])


def forecast(work: Typing, steps: Steps | None) -> tuple[str, str]:
    """The column that is forecast where nobody said which: the last one of numbers."""
    parts = steps.parts if steps is not None else ()
    numbers = [n for n, r in work.roles.items() if r == "number" and n not in parts]
    if not numbers:
        raise SourceError(f"{work.table.name}: no column of numbers that could be forecast")
    return numbers[-1], f"the target is {numbers[-1]!r}, the last column of numbers; --target NAME overrides"
