"""Several parts, one after another, as one row of rows."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


class Parts(Generic[T]):
    """`parts[i]` holds the rows from `starts[i]` up to `starts[i + 1]`."""

    def __init__(self, parts: Sequence[T], lengths: Sequence[int]):
        self._parts = parts
        self._starts = np.cumsum([0, *lengths])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def of(self, row: int) -> tuple[T, int]:
        """The part that holds the row, and its number inside it."""
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self._parts[part], row - int(self._starts[part])
