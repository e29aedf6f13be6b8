"""Texts that are read one after another become one column, on disk where they are many."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from trainloud.data.dataset import Limits
from trainloud.data.sources.files.shelf import Shelf

CHUNK = 4 << 20  # bytes of single texts that are put together
SCHEMA = pa.schema([("text", pa.large_string())])


class Gathered:
    """A growing column of texts."""

    def __init__(self, limits: Limits):
        self._shelf = Shelf(SCHEMA, limits)
        self._kept = 0
        self._loose: list[bytes] = []
        self._loose_size = 0

    def __len__(self) -> int:
        return self._kept + len(self._loose)

    def add(self, data: np.ndarray, offsets: np.ndarray) -> None:
        """(b,) uint8 of sound UTF-8, and (n + 1,) where each of the n texts begins."""
        self._flush()
        if len(offsets) > 1:
            self._keep(np.ascontiguousarray(data), offsets.astype(np.int64))

    def text(self, data: bytes) -> None:
        """One text of sound UTF-8."""
        self._loose.append(data)
        self._loose_size += len(data)
        if self._loose_size >= CHUNK:
            self._flush()

    def column(self) -> pa.ChunkedArray:
        """(n,) large_string; nothing may be added afterwards."""
        self._flush()
        return self._shelf.table().column(0)

    def _flush(self) -> None:
        if self._loose:
            loose, self._loose, self._loose_size = self._loose, [], 0
            self._keep(np.frombuffer(b"".join(loose), np.uint8), _offsets(loose))

    def _keep(self, data: np.ndarray, offsets: np.ndarray) -> None:
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
        array = pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)
        self._shelf.add(pa.record_batch([array], schema=SCHEMA))
        self._kept += len(array)


def _offsets(texts: Sequence[bytes]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([len(t) for t in texts])]).astype(np.int64)
