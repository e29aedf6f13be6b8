"""What is known of every example: the person's own columns, and what was measured. All that inspectors read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.core.example import Example, Exhibit
from trainloud.data.dataset import Dataset, Limits

SEED = 0  # of every draw, so that the same data gives the same findings
SIDE = 32  # pixels a side of the thumbnails that duplicates and probes read
TEXT_SHOWN = 240  # characters of a text or a row that an example shows


@dataclass(frozen=True)
class Measured:
    """What one pass over the examples gave; every array has one entry a row of the data set."""

    axes: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Name -> (n,) float32, NaN where it could not be measured: brightness, width, length ..."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Name -> what 1 means."""
    words: Mapping[str, tuple[np.ndarray, tuple[str, ...]]] = field(default_factory=dict)
    """Name -> (n,) int32 codes and their words, -1 for none: format, colour mode, source folder."""
    content: np.ndarray | None = None
    """(n, 2) uint64: 128-bit digest of the example without its target; equal exactly for equal contents. For images
    of the decoded pixels with their size, for rows of the typed cells, for texts of the text."""
    thumbs: np.ndarray | None = None
    """(n, SIDE, SIDE, 3) uint8, a memory map: the picture shrunk to fit, centred on grey; zeros where undecodable."""
    errors: Mapping[int, str] = field(default_factory=dict)
    """Row -> why it could not be decoded."""
    remarks: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Row -> what is odd about its file: "named .jpg, is PNG", "3 frames", "EXIF orientation 6"."""


class Survey:
    """One data set with all that was measured of it. Rows are numbered from 0 in the order of the data."""

    def __init__(self, data: Dataset, measured: Measured, limits: Limits | None = None, group: str = ""):
        self.data = data
        self.measured = measured
        self.limits = limits or Limits()
        self.group = group
        """The column that the person named as a group; "" if none."""
        self._kept: dict[Any, Any] = {}

    # what it is -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.data)

    @property
    def kind(self) -> str:
        return self.data.recognised.kind

    @property
    def task(self) -> str:
        return self.data.recognised.task

    @property
    def target(self) -> str:
        """Name of the target column, "" without one."""
        return self.data.recognised.target

    @property
    def split(self) -> np.ndarray:
        return self.data.split

    @property
    def splits(self) -> tuple[str, ...]:
        return self.data.splits

    def rows_of(self, split: str) -> np.ndarray:
        return np.flatnonzero(self.split == self.splits.index(split))

    @property
    def training(self) -> np.ndarray:
        """(n,) bool: the rows that a model may be fitted on: the split named train, or the first."""
        first = self.splits.index("train") if "train" in self.splits else 0
        return self.split == first

    @property
    def splits_in_order(self) -> list[int]:
        """Indices into `splits`, that of the training data first."""
        first = int(self.split[self.training.argmax()])
        return [first, *(i for i in range(len(self.splits)) if i != first)]

    # columns --------------------------------------------------------------------------------------------------

    @property
    def columns(self) -> tuple[str, ...]:
        """The person's own columns without the target, in order."""
        return tuple(c for c in self.data.roles if c != self.target)

    def of_role(self, *roles: str) -> tuple[str, ...]:
        """Columns without the target that hold numbers, categories, texts or times."""
        return tuple(c for c in self.columns if self.data.roles[c] in roles)

    def number(self, column: str) -> np.ndarray:
        """(n,) float64, NaN for missing; times as seconds since 1970; booleans as 0 and 1."""
        values = self.data.table.column(column)
        if pa.types.is_temporal(values.type):
            whole = pc.cast(pc.cast(values, pa.timestamp("us")), pa.int64())
            return pc.fill_null(pc.cast(whole, pa.float64(), safe=False), np.nan).to_numpy() / 1e6
        return pc.fill_null(pc.cast(values, pa.float64(), safe=False), np.nan).to_numpy()

    def codes(self, column: str) -> tuple[np.ndarray, tuple[str, ...]]:
        """(n,) int32 codes, -1 for missing, and the words they stand for, sorted. Numbers are taken as words."""

        def make() -> tuple[np.ndarray, tuple[str, ...]]:
            values = self.data.table.column(column)
            if not pa.types.is_dictionary(values.type):
                if pa.types.is_floating(values.type):
                    values = pa.chunked_array([pa.array([None if v != v else f"{v:.15g}" for v in values.to_numpy()])])
                values = pc.dictionary_encode(pc.cast(values, pa.string()))
            one = values.unify_dictionaries().combine_chunks()
            one = one.chunk(0) if isinstance(one, pa.ChunkedArray) else one
            words = np.array(one.dictionary.to_pylist(), dtype=object)
            codes = pc.fill_null(one.indices, -1).to_numpy(zero_copy_only=False).astype(np.int32)
            order = sorted(range(len(words)), key=lambda i: _natural(words[i]))
            place: np.ndarray = np.empty(len(words) + 1, np.int32)
            place[order] = np.arange(len(words))
            place[-1] = -1
            return place[codes], tuple(words[order])

        return self.once(("codes", column), make)

    @property
    def texts(self) -> pa.ChunkedArray:
        """(n,) large_string: the text of each example. Raises KeyError for other kinds."""
        return self.data.table.column(self.data.text)

    # target ---------------------------------------------------------------------------------------------------

    @cached_property
    def labels(self) -> tuple[np.ndarray, tuple[str, ...]] | None:
        """(n,) int32 class of each row (-1: none given), and the class names; None unless the task is classes."""
        return self.codes(self.target) if self.task == "classes" and self.target else None

    @cached_property
    def values(self) -> np.ndarray | None:
        """(n,) float64 target of each row, NaN for missing; None unless the target is a number."""
        return self.number(self.target) if self.task in ("number", "forecast") and self.target else None

    # examples -------------------------------------------------------------------------------------------------

    def axis(self, name: str) -> np.ndarray:
        """(n,) float: a measured axis, or one of the person's numeric columns."""
        return self.measured.axes[name] if name in self.measured.axes else self.number(name)

    def label_of(self, row: int) -> str:
        if not self.target:
            return ""
        if self.labels is not None:
            codes, names = self.labels
            return names[codes[row]] if codes[row] >= 0 else "(none)"
        return "" if self.values is None else f"{self.target} = {self.values[row]:g}"

    def example(self, row: int, note: str = "") -> Example:
        """The row as evidence; its picture or text is filled in later, for those that are shown."""
        row = int(row)
        return Example(row, self.splits[self.split[row]], self.data.name_of(row), self.label_of(row), note)

    def exhibit(self, caption: str, rows: Sequence[int], notes: Sequence[str] = (), total: int = 0) -> Exhibit:
        """Rows side by side; `total` where there are more than these."""
        rows = list(rows)
        shown = [self.example(r, notes[i] if i < len(notes) else "") for i, r in enumerate(rows)]
        return Exhibit(caption, tuple(shown), max(total, len(rows)))

    def text_of(self, row: int) -> str:
        """The example in words, shortened: its text, or its cells."""
        if self.data.text:
            return shorten(str(self.texts[int(row)].as_py() or ""))
        cells = ((c, self.data.table.column(c)[int(row)].as_py()) for c in islice(self.data.roles, TEXT_SHOWN // 3))
        return shorten(", ".join(f"{c}={_cell(v)}" for c, v in cells))

    def sample(self, limit: int, rows: np.ndarray | None = None) -> np.ndarray:
        """At most `limit` of the rows (default: all), ascending, drawn with a fixed seed, in equal shares of each
        class's own size."""
        rows = np.arange(len(self)) if rows is None else np.asarray(rows)
        if len(rows) <= limit:
            return rows
        rng = np.random.default_rng(SEED)
        order = rng.permutation(rows)
        if self.labels is not None:
            # Every k-th row after sorting by class keeps the classes' shares.
            order = order[np.argsort(self.labels[0][order], kind="stable")]
            picks = np.floor((np.arange(limit) + 0.5) * len(rows) / limit).astype(np.int64)
            order = order[picks]
        return np.sort(order[:limit])

    # shared work ----------------------------------------------------------------------------------------------

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once for this survey: features and fits that several inspectors share."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def pixels(self, rows: np.ndarray, side: int = SIDE) -> np.ndarray:
        """(len(rows), side, side, 3) uint8 of the pictures, aspect kept, centred; the thumbnails for side = SIDE."""
        if side == SIDE and self.measured.thumbs is not None:
            return np.asarray(self.measured.thumbs[rows])
        from trainloud.data.measure.pictures import shrunk

        assert self.data.pictures is not None
        return shrunk(self.data.pictures, rows, side, self.limits.workers, self.limits, self.data.name_of)


def shorten(text: str, limit: int = TEXT_SHOWN) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "missing"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _natural(word: str) -> tuple[int, float, str]:
    """Sort key: numbers by value, before words."""
    try:
        return 0, float(word), word
    except ValueError:
        return 1, 0.0, word
