"""Columns that lie on disk and are mapped into memory: anonymous memory stays bounded, whatever the data's size."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from trainloud.data.dataset import Limits
from trainloud.data.sources.files.spool import Spool

SHARE = 1 / 32  # of the memory limit that one table may take as anonymous memory before it goes to disk


class Shelf:
    """Record batches of one schema: in memory while they are small, from then on in one Arrow stream on disk."""

    def __init__(self, schema: pa.Schema, limits: Limits):
        self.schema, self._limits = schema, limits
        self._held: list[pa.RecordBatch] = []
        self._bytes = 0
        self._disk: _Stream | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Raises SourceError where the disk is full."""
        if self._disk is None:
            self._held.append(batch)
            self._bytes += batch.nbytes
            if self._bytes > self._limits.memory * SHARE:
                self._disk = _Stream(Spool(self._limits), self.schema)
                for held in self._held:
                    self._disk.write(held)
                self._held = []
        else:
            self._disk.write(batch)

    def table(self) -> pa.Table:
        """All batches; nothing may be added afterwards."""
        if self._disk is None:
            return pa.Table.from_batches(self._held, self.schema)
        return self._disk.table()


class Columns:
    """Columns of one length that are made one after another, each of its own type."""

    def __init__(self, limits: Limits, rows: int, columns: int):
        """`rows` x `columns` cells of about 8 bytes: whether they go to disk is told by it."""
        large = rows * columns * 8 > limits.memory * SHARE
        self._spool = Spool(limits) if large else None

    def keep(self, cells: pa.ChunkedArray) -> pa.ChunkedArray:
        """The same column in one chunk, on disk where the table is large. Raises SourceError where the disk is full."""
        if self._spool is None:
            return cells
        if pa.types.is_dictionary(cells.type):
            cells = cells.unify_dictionaries()
        table = pa.table({"": cells}).combine_chunks()
        stream = _Stream(self._spool, table.schema)
        for batch in table.to_batches():
            stream.write(batch)
        return stream.table().column(0)


class _Stream:
    """An Arrow stream inside a spool."""

    def __init__(self, spool: Spool, schema: pa.Schema):
        spool.align()
        self._spool, self._start = spool, len(spool)
        self._writer = pa.ipc.new_stream(pa.PythonFile(_Sink(spool), "w"), schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def table(self) -> pa.Table:
        self._writer.close()
        size = len(self._spool) - self._start
        mapped = pa.py_buffer(self._spool.array(self._start, (size,), np.uint8))
        return pa.ipc.open_stream(pa.BufferReader(mapped)).read_all()


class _Sink:
    """What pyarrow writes to: a file that only grows."""

    closed = False

    def __init__(self, spool: Spool):
        self._spool = spool

    def write(self, data: Any) -> int:
        self._spool.add(memoryview(data))
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def coded(words: Any) -> pa.DictionaryArray:
    """Words (an array, chunked or not) as dictionary<int32, string>. In one piece: chunk by chunk, every chunk would
    get the dictionary of all before it."""
    whole = words.cast(pa.large_string())
    whole = whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], pa.large_string())
    encoded = whole.dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices, encoded.dictionary.cast(pa.string()))


def concatenated(parts: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Columns of one type, one after another, without copying."""
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], type=parts[0].type)
