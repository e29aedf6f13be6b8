"""Arrays whose first axis counts examples, as a data set: which axis is what, and what the labels are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isqrt
from typing import cast

import numpy as np
import pyarrow as pa

from trainloud.core.inspection import Kind, Recognised, Task
from trainloud.data.dataset import Asked, Dataset, Limits, Pictures, Role, SourceError, Trouble
from trainloud.data.sources.files.shelf import Shelf
from trainloud.data.sources.parts import Parts
from trainloud.data.sources.pictures.label_columns import MOST_COLUMNS, column_of, labels_of
from trainloud.data.sources.pictures.labelled import task_of
from trainloud.data.sources.pictures.layout import in_order

CHANNELS = (1, 2, 3, 4)  # lengths of an axis that may hold colours
LEAST_SIDE = 8  # pixels of the shorter side of what is a picture without being bytes
MOST_ASPECT = 4  # longer by shorter side of a picture of whole numbers; series are longer
FLOAT_ASPECT = 2  # the same for float values, which series have too
SAMPLED = 256  # examples that ranges of values are told from


@dataclass
class Part:
    """The arrays of one split."""

    split: str
    x: np.ndarray
    """(n, ...)."""
    word: str
    """What the person calls x."""
    y: np.ndarray | None = None
    """(n,) or (n, k)."""
    masks: np.ndarray | None = None
    """(n, h, w): of each picture."""
    others: dict[str, np.ndarray] = field(default_factory=dict)
    """(n,) each: further columns."""
    name: Callable[[int], str] | None = None
    """Row of this part -> its name; None for word[row]."""

    def name_of(self, row: int) -> str:
        return self.name(row) if self.name is not None else f"{self.word}[{row}]"


@dataclass
class Stack:
    """Parts with all that is to be said about them."""

    parts: list[Part]
    form: str
    identity: str
    label: str = "label"
    """Name of the column of y."""
    classes: Sequence[str] = ()
    """Names of the classes 0, 1, 2 ..."""
    columns: Sequence[str] = ()
    """Names of the columns of a table."""
    why: str = ""
    troubles: list[Trouble] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Axes:
    """What the axes of x mean."""

    kind: Kind
    order: str
    """One letter an axis after the first: "hw", "hwc", "chw" for pictures, "tc", "ct", "t" for series, "d" for rows."""
    why: str


def dataset(stack: Stack, asked: Asked, limits: Limits) -> Dataset:
    """The data set of some arrays. Raises SourceError."""
    _in_order(stack)
    first = stack.parts[0]
    axes = axes_of(first.x, asked.like.recognised.kind if asked.like is not None else asked.kind)
    for part in stack.parts:
        if part.x.shape[1:] != first.x.shape[1:]:
            both = f"{first.word} has shape {first.x.shape} and {part.word} {part.x.shape}"
            raise SourceError(f"{both}: examples of two sizes")
    masked = first.masks is not None and axes.kind == "images"
    return finished(
        stack,
        asked,
        axes,
        features=_table(stack, limits) if axes.kind == "table" else None,
        pictures=ArrayPictures([pixels(p.x, axes.order) for p in stack.parts]) if axes.kind == "images" else None,
        masks=ArrayPictures([p.masks for p in stack.parts if p.masks is not None]) if masked else None,
        series=Series([p.x for p in stack.parts], axes.order) if axes.kind == "series" else None,
    )


def _in_order(stack: Stack) -> None:
    splits = in_order({p.split for p in stack.parts})
    stack.parts.sort(key=lambda p: splits.index(p.split))


def finished(
    stack: Stack,
    asked: Asked,
    axes: Axes,
    features: pa.Table | None = None,
    pictures: Pictures | None = None,
    masks: Pictures | None = None,
    series: Callable[[int], np.ndarray] | None = None,
    text: str = "",
) -> Dataset:
    """The data set of parts, in the order of their splits, whose examples are at hand already; adds their labels.

    Raises SourceError where labels and examples differ in number, or a column is not there.
    """
    for part in stack.parts:
        for word, other in (("labels", part.y), ("masks", part.masks), *part.others.items()):
            if other is not None and len(other) != len(part.x):
                raise SourceError(f"{part.word} has {len(part.x):,} examples and its {word} {len(other):,}")
    sizes = [len(p.x) for p in stack.parts]
    columns, told = labels_of([p.y for p in stack.parts], sizes, stack.label, stack.classes, asked, stack.notes)
    for name in dict.fromkeys(n for p in stack.parts for n in p.others):
        columns.setdefault(name, column_of([p.others.get(name, np.full(len(p.x), np.nan)) for p in stack.parts]))
    table = _joined(features, columns)
    roles: dict[str, Role] = {n: columns[n][1] if n in columns else _role(table, n) for n in table.column_names}
    target, task = _target(asked, table, roles, told, masks is not None)
    starts = np.cumsum([0, *sizes])
    splits = in_order({p.split for p in stack.parts})

    def name_of(row: int) -> str:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        return stack.parts[part].name_of(row - int(starts[part]))

    return Dataset(
        Recognised(axes.kind, task, target, why="; ".join(w for w in (stack.why, axes.why) if w), form=stack.form),
        table,
        np.repeat(np.array([splits.index(p.split) for p in stack.parts], np.int16), sizes),
        tuple(splits),
        stack.identity,
        name_of,
        roles=roles,
        text=text,
        pictures=pictures,
        masks=masks,
        series=series,
        troubles=tuple(stack.troubles),
        notes=tuple(stack.notes),
    )


# axes -----------------------------------------------------------------------------------------------------------------


def axes_of(x: np.ndarray, kind: str) -> Axes:
    """What the axes of an array mean; `kind` is what the person said. Raises SourceError."""
    if x.dtype.kind not in "biufSU" and x.dtype.names is None:
        raise SourceError(f"an array of type {x.dtype} is no data that trainloud knows")
    shape = x.shape[1:]
    size = " x ".join(f"{s:,}" for s in shape)
    if kind not in ("", "images", "table", "series"):
        raise SourceError(f"an array of shape {x.shape} cannot be read as {kind}")
    if kind == "table" or (not kind and len(shape) < 2):
        note = ""
        side = isqrt(shape[0]) if shape else 0
        if not kind and side >= LEAST_SIDE and side * side == shape[0] and _bytes(x):
            note = f" (if they are pictures of {side} x {side} pixels, say --kind images)"
        return Axes("table", "d", f"{x.ndim} axes: rows of {int(np.prod(shape)) if shape else 1:,} columns{note}")
    if kind == "images":
        return Axes("images", *picture_order(shape))
    if kind == "series":
        if len(shape) not in (1, 2):
            raise SourceError(f"an array of shape {x.shape} cannot be read as series: (examples, time, channels) can")
        order = "t" if len(shape) == 1 else "tc" if shape[0] >= shape[1] else "ct"
        return Axes("series", order, f"series of {shape[0] if order[0] == 't' else shape[1]:,} steps")
    if len(shape) == 2:
        if _is_picture(x):
            return Axes("images", "hw", f"{size} values an example, taken for pictures (height, width)")
        order, steps, width = ("tc", *shape) if shape[0] >= shape[1] else ("ct", *shape[::-1])
        told = f"{steps:,} steps of {width:,} channels, the longer axis taken for time"
        return Axes("series", order, f"{size} {x.dtype} values an example, taken for series: {told}")
    if len(shape) == 3:
        return Axes("images", *picture_order(shape))
    raise SourceError(f"an array of shape {x.shape} has {x.ndim} axes; rows have 2, series 3, pictures 3 or 4")


def picture_order(shape: tuple[int, ...]) -> tuple[str, str]:
    """(order, why) of pictures. Raises SourceError."""
    size = " x ".join(f"{s:,}" for s in shape)
    if len(shape) == 1:
        for channels in (1, 3):
            side = isqrt(shape[0] // channels)
            if side * side * channels == shape[0]:
                order = "flat1" if channels == 1 else "flat3"
                return order, f"{size} values an example, cut into {side} x {side} pixels of {channels} channels"
        raise SourceError(f"{shape[0]:,} values an example are no square picture")
    if len(shape) == 2:
        return "hw", f"pictures of {size} (height, width)"
    if len(shape) != 3:
        raise SourceError(f"examples of shape {shape} are no pictures: they have 2 or 3 axes")
    a, b, c = shape
    last, before = c in CHANNELS, a in CHANNELS
    if last != before:
        order = "hwc" if last else "chw"
    elif a == b != c:
        order = "hwc"
    elif b == c != a:
        order = "chw"
    elif last:
        order = "hwc"
    else:
        raise SourceError(f"examples of shape {shape}: none of the axes is plainly that of the channels")
    words = "(height, width, channels)" if order == "hwc" else "(channels, height, width)"
    return order, f"pictures of {size} {words}"


def _is_picture(x: np.ndarray) -> bool:
    """Whether examples of two axes are pictures: bytes, or values as pictures have them, and not too long."""
    shorter, longer = sorted(x.shape[1:])
    if shorter == 1 or longer > MOST_ASPECT * shorter:
        return False
    if x.dtype.kind == "b" or x.dtype == np.uint8:
        return True
    if shorter < LEAST_SIDE:
        return False
    if x.dtype.kind in "iu":
        return _bytes(x)
    return shorter == longer or (longer <= FLOAT_ASPECT * shorter and (_bytes(x) or _within(x, 0.0, 1.0)))


def _some(x: np.ndarray) -> np.ndarray:
    return np.asarray(x[:: 1 + len(x) // SAMPLED])


def _within(x: np.ndarray, low: float, high: float) -> bool:
    values = _some(x)
    return bool(values.size) and bool(((values >= low) & (values <= high)).all())


def _bytes(x: np.ndarray) -> bool:
    """Whether values are whole numbers from 0 to 255."""
    if x.dtype.kind not in "iuf":
        return False
    return x.dtype == np.uint8 or (_within(x, 0, 255) and bool((_some(x) % 1 == 0).all()))


def pixels(x: np.ndarray, order: str) -> np.ndarray:
    """A view with the channels last."""
    if order.startswith("flat"):
        channels = int(order[4:])
        side = isqrt(x.shape[1] // channels)
        x = x.reshape(len(x), channels, side, side)
        return np.moveaxis(x, 1, 3) if channels > 1 else x[:, 0]
    return np.moveaxis(x, 1, 3) if order == "chw" else x


class ArrayPictures:
    """Pictures that are arrays, (n, height, width[, channels]) each, one after another."""

    def __init__(self, arrays: Sequence[np.ndarray]):
        self._parts = Parts(arrays, [len(a) for a in arrays])

    def __len__(self) -> int:
        return len(self._parts)

    def encoded(self, row: int) -> None:
        return None

    def array(self, row: int) -> np.ndarray:
        part, own = self._parts.of(row)
        pixels = np.ascontiguousarray(part[own])
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


class Series:
    """Row -> float32 (channels, time)."""

    def __init__(self, arrays: Sequence[np.ndarray], order: str):
        self._parts, self._order = Parts(arrays, [len(a) for a in arrays]), order

    def __call__(self, row: int) -> np.ndarray:
        part, own = self._parts.of(row)
        one = np.asarray(part[own], np.float32)
        return one.T if self._order == "tc" else one.reshape(-1, one.shape[-1])


# columns --------------------------------------------------------------------------------------------------------------


def _table(stack: Stack, limits: Limits) -> pa.Table:
    """The columns of rows, numbers as float64, on disk where they are many."""
    first = stack.parts[0].x
    if first.dtype.names is not None:
        fields = {n: column_of([p.x[n] for p in stack.parts]) for n in first.dtype.names}
        return pa.table({n: c for n, (c, _) in fields.items()})
    width = int(np.prod(first.shape[1:])) if first.ndim > 1 else 1
    if width > MOST_COLUMNS:
        raise SourceError(
            f"{stack.parts[0].word} has {width:,} columns; trainloud reads tables of at most {MOST_COLUMNS:,} "
            "(rows that are series or pictures can be read with --kind)"
        )
    if first.dtype.kind in "SU":
        return pa.table(
            {f"x{i}": column_of([p.x.reshape(len(p.x), -1)[:, i] for p in stack.parts])[0] for i in range(width)}
        )
    names = list(stack.columns) if len(stack.columns) == width else [f"x{i}" for i in range(width)]
    schema = pa.schema([(n, pa.float64()) for n in names])
    shelf = Shelf(schema, limits)
    step = limits.rows(16 * width, 1 / 16)
    for part in stack.parts:
        for start in range(0, len(part.x), step):
            block = np.asarray(part.x[start : start + step], np.float64).reshape(-1, width)
            shelf.add(pa.record_batch([pa.array(np.ascontiguousarray(c)) for c in block.T], schema=schema))
    return shelf.table()


def _role(table: pa.Table, name: str) -> Role:
    kind = table.column(name).type
    return "number" if pa.types.is_floating(kind) else "text" if pa.types.is_large_string(kind) else "category"


def _joined(features: pa.Table | None, columns: Mapping[str, tuple[pa.ChunkedArray, Role]]) -> pa.Table:
    if features is None:
        return pa.table({n: c for n, (c, _) in columns.items()})
    for name, (cells, _) in columns.items():
        title = name if name not in features.column_names else f"{name} (label)"
        features = features.append_column(title, cells)
    return features


def _target(asked: Asked, table: pa.Table, roles: Mapping[str, Role], told: str, masks: bool) -> tuple[str, Task]:
    """Name of the target, and the task. Raises SourceError."""
    names = table.column_names
    target = told
    if asked.target and asked.target in names:
        target = asked.target
    elif asked.target:
        try:
            target = names[int(asked.target)]
        except (ValueError, IndexError):
            shown = ", ".join(map(repr, names[:20])) or "none"
            raise SourceError(f"there is no column {asked.target!r}; there are {shown}") from None
    if asked.task == "none":
        return "", "none"
    if masks and not asked.target:
        return "", "segmentation"
    if not target:
        if asked.task:
            raise SourceError(f"the task {asked.task} needs a target, and there are no labels")
        return "", "none"
    if asked.task in ("classes", "number"):
        return target, cast(Task, asked.task)
    return target, task_of(table.column(target), roles[target])
