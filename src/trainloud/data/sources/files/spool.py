"""A file without a name that holds what cannot be read in any order where it lies: it goes when it is closed.

Gzip and its like can only be read from the front, and a torch data set gives each item by running a person's code:
both are read once, in order, into such a file, and from there in any order by several threads. It is made in the
folder of the cache, or the system's folder for temporary files, and takes at most a share of the free disk.
"""

import lzma
import os
import shutil
import tempfile
import threading
import zipfile
import zlib
from typing import Any

import numpy as np

from trainloud.data.dataset import Limits, SourceError

SHARE = 0.8  # of the disk's free space that one spool may take: the rest is for the cache and for everybody else
PIECE = 1 << 20  # bytes copied at once


def read_forward(file: Any, size: int) -> bytes:
    """At most `size` bytes of a compressed file; what comes before a break is given, and the next call meets it.

    Raises what the file's own `read1` raises, where there is nothing before it.
    """
    pieces: list[bytes] = []
    left = size
    while left > 0:
        try:
            piece = file.read1(left)
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile):
            if not pieces:
                raise
            break
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


class Spool:
    """Bytes written one after another, then read at any place; reading is safe from several threads."""

    def __init__(self, limits: Limits):
        folder = limits.cache or None
        try:
            if folder is not None:
                os.makedirs(folder, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder, prefix="trainloud-")  # noqa: SIM115 (closed when it goes)
        except OSError as error:
            raise SourceError(f"no temporary file can be made: {error.strerror or error}") from error
        self.room = int(SHARE * shutil.disk_usage(folder or tempfile.gettempdir()).free)
        """Bytes that may still be written."""
        self._end = 0
        self._written = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._end

    def add(self, data: bytes | memoryview) -> int:
        """Append; the offset at which it starts. Raises SourceError where the disk is full."""
        size = len(data)
        if size > self.room:
            raise SourceError(
                f"no room to unpack it: {self._end + size:,} bytes and more, over {SHARE:.0%} of the free disk"
            )
        try:
            self._file.write(data)
        except OSError as error:
            raise SourceError(f"it cannot be unpacked: {error.strerror or error}") from error
        self.room -= size
        self._end += size
        return self._end - size

    def align(self, size: int = 64) -> None:
        """Fill up to the next multiple of `size` bytes, so that an array may start there."""
        if self._end % size:
            self.add(bytes(size - self._end % size))

    def read(self, offset: int, size: int) -> bytes:
        self._flush()
        return os.pread(self._file.fileno(), size, offset)

    def array(self, offset: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """The array that starts there, as a memory map that stays after the spool has gone."""
        self._flush()
        if not int(np.prod(shape)):
            return np.empty(shape, dtype)
        return np.memmap(self._file, dtype=dtype, mode="r", offset=offset, shape=shape)

    def _flush(self) -> None:
        if self._written != self._end:
            with self._lock:
                self._file.flush()
                self._written = self._end
