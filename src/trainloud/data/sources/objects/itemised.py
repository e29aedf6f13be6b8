"""The items of a torch Dataset as they are read, and the data set that they make."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError, Trouble
from trainloud.data.sources.files.spool import Spool
from trainloud.data.sources.files.tree import printable
from trainloud.data.sources.objects.items import Item, unpack
from trainloud.data.sources.parts import Parts
from trainloud.data.sources.pictures.layout import in_order
from trainloud.data.sources.pictures.stacked import Axes, Part, Stack, axes_of, dataset, finished, picture_order, pixels
from trainloud.data.sources.tables.typing import typed

TOLD = 20  # failures that are troubles of their own; more are counted
CHUNK = 4096  # texts that become one chunk of a column
TEXT = "text"  # stands for the type of an array, where a text is kept


class Arrays:
    """Arrays and texts in the spool, in the order in which they came."""

    def __init__(self, spool: Spool):
        spool.align()
        self._spool = spool
        self._at = array("q")
        self._form = array("l")
        self.forms: list[tuple[tuple[int, ...], str]] = []
        """(shape, type) of those that differ in them."""
        self._known: dict[tuple[tuple[int, ...], str], int] = {}

    def __len__(self) -> int:
        return len(self._at)

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return len(self._spool) - self._at[0] if len(self._at) else 0

    def add(self, data: bytes, shape: tuple[int, ...], dtype: str) -> None:
        form = shape, dtype
        if form not in self._known:
            self._known[form] = len(self.forms)
            self.forms.append(form)
        self._at.append(self._spool.add(data))
        self._form.append(self._known[form])

    def form(self, i: int) -> tuple[tuple[int, ...], str]:
        return self.forms[self._form[i]]

    def raw(self, i: int) -> bytes:
        shape, dtype = self.form(i)
        size = int(np.prod(shape)) * (1 if dtype == TEXT else np.dtype(dtype).itemsize)
        return self._spool.read(self._at[i], size)

    def one(self, i: int) -> np.ndarray:
        shape, dtype = self.form(i)
        return np.frombuffer(self.raw(i), dtype).reshape(shape)

    def whole(self) -> np.ndarray:
        """(n, ...) of arrays of one shape and type: they lie one after another."""
        ((shape, dtype),) = self.forms
        return self._spool.array(self._at[0], (len(self), *shape), np.dtype(dtype))


def coded(held: np.ndarray | str) -> tuple[bytes, tuple[int, ...], str]:
    """(bytes, shape, type) of an array or a text."""
    if isinstance(held, str):
        data = printable(held).encode("utf-8", "replace")
        return data, (len(data),), TEXT
    return np.ascontiguousarray(held).tobytes(), held.shape, held.dtype.str


class Read:
    """All that was read of one data set, a part of the whole."""

    def __init__(self, split: str, word: str, xs: Spool, ys: Spool):
        self.split, self.word = split, word
        self.classes: Sequence[str] = ()
        self.paths: Sequence[str] = ()
        """Files of all its items, where it says them."""
        self.indices = array("q")
        """Item of each row."""
        self.x = Arrays(xs)
        self.records: list[Any] = []
        """Of each row a number, or a dict of numbers and words, where it is no array and no text."""
        self.kinds: Counter[str] = Counter()
        self.y = Arrays(ys)
        self.labels: list[Any] = []
        """Of each row a number, a word, or None; the place in `y` of an array is not in it."""
        self.others: dict[str, list[Any]] = {}
        self.left: Counter[str] = Counter()
        """Parts of items that are not read -> items."""
        self.failures: list[tuple[int, str]] = []
        self.notes: list[str] = []
        self.digest = hashlib.sha256()

    def take(self, at: int, raw: Any) -> None:
        """Keep one item."""
        item = unpack(raw)
        kind = _kind(item.x)
        if not kind:
            self.failures.append((at, f"of type {type(raw).__name__}, without an array, a picture, a text or numbers"))
            return
        row = len(self.indices)
        self.indices.append(at)
        self.kinds[kind] += 1
        if isinstance(item.x, (np.ndarray, str)):
            self._keep(self.x, item.x)
        else:
            self.records.append(item.x)
            self._count(item.x)
        if isinstance(item.y, np.ndarray):
            self._keep(self.y, item.y)
            self.labels.append(None)
        else:
            self.labels.append(item.y)
            self._count(item.y)
        for name, held in item.others.items():
            column = self.others.setdefault(name, [])
            column += [None] * (row - len(column))
            column.append(held)
        self._count(item.others)
        self.left.update(item.left)

    def failed(self, at: int, error: Exception) -> None:
        self.failures.append((at, f"reading it raised {type(error).__name__}: {str(error)[:200]}"))

    def _keep(self, arrays: Arrays, held: np.ndarray | str) -> None:
        data, shape, dtype = coded(held)
        arrays.add(data, shape, dtype)
        self.digest.update(data)
        self._count((shape, dtype))

    def _count(self, held: Any) -> None:
        self.digest.update(repr(held).encode("utf-8", "backslashreplace"))

    def same(self, row: int, again: Item) -> bool:
        """Whether the example of an item that was read again is what is kept of it."""
        if isinstance(again.x, (np.ndarray, str)):
            if row >= len(self.x):
                return False
            data, shape, dtype = coded(again.x)
            return (shape, dtype) == self.x.form(row) and data == self.x.raw(row)
        return row < len(self.records) and repr(self.records[row]) == repr(again.x)

    def name_of(self, row: int) -> str:
        at = self.indices[row]
        if at < len(self.paths):
            return printable(self.paths[at])
        return f"{self.split or self.word}[{at}]"


def _kind(x: Any) -> str:
    """What an example is, in words; "" for nothing that can be read."""
    if isinstance(x, np.ndarray):
        return f"arrays of {x.ndim} axes" if x.size and x.dtype.kind in "biuf" else ""
    if isinstance(x, str):
        return "texts"
    if isinstance(x, dict):
        return "numbers and words"
    return "numbers" if isinstance(x, (int, float)) else ""


# the data set ---------------------------------------------------------------------------------------------------------


def assembled(reads: list[Read], asked: Asked, limits: Limits, form: str) -> Dataset:
    """The data set of all that was read. Raises SourceError."""
    failures = [(r, at, why) for r in reads for at, why in r.failures]
    reads = [r for r in reads if len(r.indices)]
    if not reads:
        raise SourceError("there is no item in it that can be read" + (f": {failures[0][2]}" if failures else ""))
    splits = in_order({r.split for r in reads})
    reads.sort(key=lambda r: splits.index(r.split))
    kinds: Counter[str] = sum((r.kinds for r in reads), Counter())
    if len(kinds) > 1:
        raise SourceError(
            f"its items are of several kinds: {', '.join(f'{n:,} of {k}' for k, n in kinds.most_common())}"
        )
    (kind,) = kinds
    said = repr([(r.split, list(r.classes), list(r.paths), r.failures) for r in reads]).encode()
    identity = hashlib.sha256(b"".join((said, *(r.digest.digest() for r in reads)))).hexdigest()
    stack = Stack([_part(r) for r in reads], form, identity, classes=_classes(reads))
    stack.why = f"{kinds[kind]:,} items: {kind}"
    for read, at, why in failures[:TOLD]:
        stack.troubles.append(Trouble("unreadable", f"{read.split or read.word}[{at}]", why))
    if failures:
        stack.notes.append(f"{len(failures):,} items could not be read and are no examples: {failures[0][2]}")
    for read in reads:
        stack.notes += read.notes
        stack.notes += [f"the part {name!r} of {n:,} items is not read" for name, n in read.left.items()]
    masks = _targets(reads, stack)
    return _of_kind(kind, reads, stack, masks, asked, limits)


def _classes(reads: list[Read]) -> Sequence[str]:
    return next((r.classes for r in reads if r.classes), ())


def _part(read: Read) -> Part:
    """The part without its examples: an array without columns stands for them."""
    part = Part(read.split, np.empty((len(read.indices), 0)), read.split or read.word, name=read.name_of)
    for name, column in read.others.items():
        part.others[name] = _plain(column + [None] * (len(read.indices) - len(column)))
    return part


def _plain(values: list[Any]) -> np.ndarray:
    """Numbers as their type, missing ones as NaN; words as words."""
    if any(isinstance(v, str) for v in values):
        return np.array(["" if v is None else printable(str(v)) for v in values])
    if any(v is None or isinstance(v, float) for v in values):
        return np.array([np.nan if v is None else float(v) for v in values])
    return np.array(values)


def _targets(reads: list[Read], stack: Stack) -> bool:
    """Put the labels into the parts; whether they are masks, of the size of their pictures."""
    masks = False
    for read, part in zip(reads, stack.parts, strict=True):
        if not len(read.y):
            if any(v is not None for v in read.labels):
                part.y = _plain(read.labels)
        elif len(read.y) != len(read.labels):
            stack.notes.append(
                f"{len(read.y):,} of {len(read.labels):,} labels are arrays, the others are not: left out"
            )
        elif _masked(read):
            masks = True
        elif len(read.y.forms) == 1 and len(read.y.forms[0][0]) == 1:
            part.y = read.y.whole()
        else:
            shapes = " and ".join(str(s) for s, _ in read.y.forms[:3])
            stack.notes.append(f"the labels are arrays of shape {shapes}, which are not read")
    return masks


def _masked(read: Read) -> bool:
    """Whether each label is an array of the height and width of its picture."""
    if len(read.x) != len(read.y):
        return False
    for i in np.unique(np.linspace(0, len(read.y) - 1, 64).astype(int)).tolist():
        (x, _), (y, _) = read.x.form(i), read.y.form(i)
        size = [s for s in y if s != 1] if len(y) > 2 else list(y)
        if len(x) < 2 or len(size) != 2 or (tuple(size) not in (x[:2], x[-2:])):
            return False
    return True


def _of_kind(kind: str, reads: list[Read], stack: Stack, masks: bool, asked: Asked, limits: Limits) -> Dataset:
    masked = Varied([r.y for r in reads]) if masks else None
    if kind == "texts":
        chunks = [c for r in reads for c in _texts(r.x)]
        text = pa.table({"text": pa.chunked_array(chunks, pa.large_string())})
        return finished(stack, asked, Axes("text", "", ""), text, text="text")
    if kind in ("numbers", "numbers and words"):
        return finished(stack, asked, Axes("table", "d", ""), _records([v for r in reads for v in r.records]))
    forms = {f for r in reads for f in r.x.forms}
    if len(forms) == 1:
        for read, part in zip(reads, stack.parts, strict=True):
            part.x = read.x.whole()
        found = dataset(stack, asked, limits)
        if masked is not None and found.pictures is not None:
            axes = axes_of(stack.parts[0].x, "images")
            found = finished(stack, asked, axes, pictures=found.pictures, masks=masked)
        return found
    axes = varied_axes(forms, asked.like.recognised.kind if asked.like is not None else asked.kind)
    arrays = [r.x for r in reads]
    if axes.kind == "series":
        return finished(stack, asked, axes, series=VariedSeries(arrays, axes.order))
    return finished(stack, asked, axes, pictures=Varied(arrays), masks=masked)


def _texts(arrays: Arrays) -> Iterator[pa.Array]:
    for start in range(0, len(arrays), CHUNK):
        rows = range(start, min(start + CHUNK, len(arrays)))
        yield pa.array([arrays.raw(i).decode() for i in rows], pa.large_string())


def _records(rows: list[Any]) -> pa.Table:
    """The columns of dicts of numbers and words."""
    rows = [r if isinstance(r, dict) else {"x": r} for r in rows]
    columns = {}
    for name in dict.fromkeys(k for r in rows for k in r):
        values = [r.get(name) for r in rows]
        if any(isinstance(v, str) for v in values):
            cells = pa.array([None if v is None else printable(str(v)) for v in values], pa.string())
            columns[name] = typed(pa.chunked_array([cells])).cells
        else:
            columns[name] = pa.chunked_array([pa.array([np.nan if v is None else float(v) for v in values])])
    return pa.table(columns)


def varied_axes(forms: set[tuple[tuple[int, ...], str]], kind: str) -> Axes:
    """What the axes of arrays of several shapes mean. Raises SourceError."""
    shapes = [s for s, _ in forms]
    axes = len(shapes[0])
    said = f"{len(set(shapes)):,} shapes, {min(shapes)} to {max(shapes)}"
    if axes == 1:
        return Axes("series", "t", f"{said}: series of one channel")
    bytes_ = all(d in ("|u1", "|b1") for _, d in forms)
    for order, axis in (("tc", 1), ("ct", 0)):
        one_width = len({s[axis] for s in shapes}) == 1
        if axes == 2 and kind != "images" and one_width and not bytes_:
            channels = shapes[0][axis]
            return Axes("series", order, f"{said}: series of {channels:,} channels, which alone do not vary")
    if axes not in (2, 3) or kind not in ("", "images"):
        raise SourceError(f"its items are arrays of {said}, which are neither pictures nor series")
    return Axes("images", "", f"{said}: pictures")


class Varied:
    """Pictures or masks of several sizes."""

    def __init__(self, arrays: Sequence[Arrays]):
        self._parts = Parts(arrays, [len(a) for a in arrays])

    def __len__(self) -> int:
        return len(self._parts)

    def encoded(self, row: int) -> None:
        return None

    def array(self, row: int) -> np.ndarray:
        part, own = self._parts.of(row)
        one = part.one(own)
        try:
            order, _ = picture_order(one.shape)
        except SourceError:
            order = "hwc"
        return pixels(one[None], order)[0]


class VariedSeries:
    """Row -> float32 (channels, time), of several lengths."""

    def __init__(self, arrays: Sequence[Arrays], order: str):
        self._parts, self._order = Parts(arrays, [len(a) for a in arrays]), order

    def __call__(self, row: int) -> np.ndarray:
        part, own = self._parts.of(row)
        one = np.asarray(part.one(own), np.float32)
        return one.T if self._order == "tc" else one.reshape(-1, one.shape[-1])
