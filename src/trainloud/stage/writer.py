"""The trace on disk: one line a record, each written whole and at once, so that a kill loses at most one."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

from trainloud.core.trace import line_of

EXAMPLE_CAP = 400_000  # examples whose fingerprints or labels are kept, each: bounds a trace at about 10 MB
RECORD_CAP = 200_000  # lines: beyond, one in 16 of the kinds that come with every step is kept
THINNED = ("Step", "Batch", "LossCall", "Optimizer", "Pass", "Checkpoint", "Iteration")


class Writer:
    """Appends records to FOLDER/<process>.jsonl; the file is made with the first record."""

    def __init__(self, folder: Path, first: Any):
        self._folder, self._first = folder, first
        self._file: int | None = None
        self.lines = 0
        self._kept = {"prints": 0, "labels": 0}
        self._seen: Counter[str] = Counter()
        self._lost = False

    @property
    def open(self) -> bool:
        return self._file is not None

    def write(self, record: Any) -> None:
        if self._lost:
            return
        kind = type(record).__name__
        if self.lines > RECORD_CAP and kind in THINNED:
            self._seen[kind] += 1
            if self._seen[kind] % 16:
                return
        self.write_line(line_of(record))

    def write_line(self, line: str) -> None:
        """A record that is already a line. A disk that is full or gone ends the trace, not the script."""
        try:
            self._begin()
            rest = (line + "\n").encode() if self._file is not None else b""
            while rest:
                rest = rest[os.write(self._file, rest) :]  # type: ignore[arg-type]
        except OSError:
            self._lost = True
        self.lines += 1

    def _begin(self) -> None:
        if self._file is None and not self._lost:
            self._folder.mkdir(parents=True, exist_ok=True)
            name = self._folder / f"{os.getpid()}.jsonl"
            self._file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o644)
            self.write_line(line_of(self._first()))

    def keep(self, kind: str, count: int) -> bool:
        """Whether `count` further fingerprints or labels are still below the cap."""
        self._kept[kind] += count
        return self._kept[kind] <= EXAMPLE_CAP
