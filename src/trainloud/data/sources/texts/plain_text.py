"""A file of plain text: a stream of characters, for a model of language.

A row is what the file is made of: a line, where hardly a line is empty (names, sentences, verse); a paragraph, where
empty lines part them (plays, prose); a block of BLOCK characters, where there are next to no line ends. What was taken
is said; `--kind text` makes each line a text.
"""

import bz2
import gzip
import lzma
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

import numpy as np
import pyarrow as pa

from trainloud.core.inspection import Recognised
from trainloud.data.dataset import Asked, Dataset, Limits, SourceError, Trouble
from trainloud.data.sources import Source
from trainloud.data.sources.place import Place
from trainloud.data.sources.texts.decoding import BINARY, Decoder, binary_share, guessed
from trainloud.data.sources.texts.gathered import Gathered

Unit = Literal["line", "paragraph", "block"]

SUFFIXES = (".txt", ".text", ".tokens", ".raw", ".md", ".rst", ".tex")
COMPRESSED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
MOST = 2 << 30  # bytes of one file that are read
BLOCK = 1_000  # bytes of a row where the text has next to no line ends
LONG_LINE = 10_000  # bytes a line on average, above which line ends do not part rows
LONG_ROW = 64 << 10  # bytes; longer lines and paragraphs are cut there
EMPTY_LINES = 0.01  # share of lines, above which empty lines part paragraphs


def opened(path: Path) -> IO[bytes]:
    """The file, decompressed as its last suffix says. Raises OSError."""
    return COMPRESSED.get(path.suffix.lower(), open)(path, "rb")  # type: ignore[operator,return-value]


def recognises(place: Place) -> str:
    if not place.is_file or place.path is None:
        return ""
    suffixes = [s.lower() for s in place.path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    if suffixes and suffixes[-1] in SUFFIXES:
        return f"named {suffixes[-1]}"
    try:
        with opened(place.path) as f:
            head = f.read(64 << 10)
    except (OSError, EOFError, lzma.LZMAError):
        return ""
    encoding, mark = guessed(head)
    if not head or (b"\0" in head and encoding == "utf-8") or binary_share(head[mark:], encoding) > BINARY:
        return ""
    try:
        head[mark : len(head) // 4 * 4].decode(encoding)
    except UnicodeDecodeError as error:
        if error.start < len(head) - 8:
            return ""
    return f"its first {len(head):,} bytes are text ({encoding})"


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    assert place.path is not None
    if asked.kind and asked.kind not in ("characters", "text"):
        raise SourceError(f"{place}: plain text is no {asked.kind}")
    rows = Rows(limits, "line" if asked.kind == "text" else "")
    with rows.reading(place.path.name, asked.encoding) as decoder:
        try:
            with opened(place.path) as file:
                for piece in decoder.pieces(file, MOST):
                    rows.add(piece)
        except (EOFError, lzma.LZMAError, OSError) as error:
            raise SourceError(f"{place}: {error}") from error
    if not len(rows.texts):
        raise SourceError(f"{place}: no text in it, white space only")
    kind = "text" if asked.kind == "text" else "characters"
    return dataset(rows, kind, recognises(place), f"plain text, {decoder.encoding}", place.identity())  # type: ignore[arg-type]


def dataset(rows: "Rows", kind: Literal["characters", "text"], why: str, form: str, identity: str) -> Dataset:
    """The rows as a data set without splits."""
    column = rows.texts.column()
    why += f"; a row is {rows.why}"
    return Dataset(
        Recognised(kind, "none", why=why, form=form),
        pa.table({"text": column}),
        np.zeros(len(column), np.int16),
        ("",),
        identity,
        rows.name_of,
        {"text": "text"},
        text="text",
        troubles=tuple(rows.troubles),
    )


@dataclass
class Rows:
    """The rows of one or several files, filled piece by piece."""

    limits: Limits
    unit: Unit | Literal[""] = ""
    """"": told by the first piece."""
    why: str = ""
    troubles: list[Trouble] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.texts = Gathered(self.limits)
        self._rest = b""
        self._lines: list[np.ndarray] = []
        self._files: list[tuple[int, str]] = []
        self._line = 1
        self._cut = 0
        if self.unit:
            self.why = f"a {self.unit}"

    def reading(self, name: str, encoding: str = "") -> "_Reading":
        """Use as `with rows.reading(name) as decoder`: the pieces that are added belong to this file."""
        return _Reading(self, name, encoding)

    def add(self, piece: bytes) -> None:
        if not self.unit:
            self.unit, self.why = told(piece)
        data = self._rest + piece
        end = _last_end(data, self.unit)
        if len(data) - end > LONG_ROW:  # a very long line: cut here, not kept growing
            end = len(data)
        self._rest = data[end:]
        if end:
            self._rows(data[:end])

    def finish(self) -> None:
        if self._rest:
            self._rows(self._rest)
        self._rest = b""
        if self._cut:
            name = self._files[-1][1]
            what = f"{self._cut:,} {self.unit}{'s' * (self._cut > 1)} of more than {LONG_ROW:,} bytes cut there"
            self.troubles.append(Trouble("long-line", name, what))
        self._cut = 0

    def name_of(self, row: int) -> str:
        """ "file.txt:18", the line that the row begins at; "file.txt, block 3" where lines part nothing."""
        sizes = np.cumsum([len(x) for x in self._lines])
        chunk = int(np.searchsorted(sizes, row, side="right"))
        line = int(self._lines[chunk][row - (sizes[chunk - 1] if chunk else 0)])
        first, name = next(f for f in reversed(self._files) if f[0] <= row)
        return f"{name}, block {row - first + 1:,}" if self.unit == "block" else f"{name}:{line}"

    def _rows(self, data: bytes) -> None:
        buffer = np.frombuffer(data, np.uint8)
        starts, ends = _bounds(buffer, self.unit)
        if self.unit != "block":
            starts, ends = self._shortened(buffer, starts, ends)
        newlines = np.flatnonzero(buffer == 10)
        self._lines.append((self._line + np.searchsorted(newlines, starts)).astype(np.int64))
        self._line += len(newlines)
        inside: np.ndarray = np.zeros(len(buffer) + 1, np.int8)  # what lies between rows is left out
        np.add.at(inside, starts, 1)
        np.add.at(inside, ends, -1)
        keep = np.cumsum(inside[:-1], dtype=np.int8).astype(bool)
        self.texts.add(buffer[keep], np.concatenate([[0], np.cumsum(ends - starts)]))

    def _shortened(self, buffer: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows longer than LONG_ROW in parts."""
        long = ends - starts > LONG_ROW
        if not long.any():
            return starts, ends
        self._cut += int(long.sum())
        parts = np.where(long, -(-(ends - starts) // LONG_ROW), 1)
        inside = np.arange(int(parts.sum())) - np.repeat(np.cumsum(parts) - parts, parts)
        begin = _character(buffer, np.repeat(starts, parts) + inside * LONG_ROW)
        last = np.cumsum(parts) - 1
        finish = np.concatenate([begin[1:], ends[-1:]])
        finish[last] = ends
        return begin, finish


class _Reading:
    def __init__(self, rows: Rows, name: str, encoding: str):
        self._rows, self._decoder = rows, Decoder(name, encoding)

    def __enter__(self) -> Decoder:
        self._rows._files.append((len(self._rows.texts), self._decoder.name))
        self._rows._line = 1
        return self._decoder

    def __exit__(self, *raised: object) -> None:
        if raised[0] is None:
            self._rows.finish()
            self._rows.troubles += self._decoder.troubles


def told(piece: bytes) -> tuple[Unit, str]:
    """What a row of this text is, and why."""
    lines = piece.count(b"\n") + (not piece.endswith(b"\n"))
    average = len(piece) / max(lines, 1)
    if average > LONG_LINE:
        return "block", f"a block of {BLOCK:,} bytes: a line has {average:,.0f} bytes on average"
    blank = sum(1 for _ in _blank(piece))
    if blank > EMPTY_LINES * lines:
        return "paragraph", f"a paragraph: {blank / lines:.0%} of {lines:,} lines are empty"
    return "line", f"a line: {blank / lines:.1%} of {lines:,} lines are empty"


def _blank(piece: bytes) -> Iterator[int]:
    at = piece.find(b"\n\n")
    while at >= 0:
        yield at
        at = piece.find(b"\n\n", at + 1)


def _last_end(data: bytes, unit: str) -> int:
    """Where the last whole row ends."""
    if unit == "block":
        whole = len(data) // BLOCK * BLOCK
        while whole > 0 and whole < len(data) and data[whole] & 0xC0 == 0x80:
            whole -= 1
        return whole
    mark = b"\n\n" if unit == "paragraph" else b"\n"
    return data.rfind(mark) + len(mark) if mark in data else 0


def _bounds(buffer: np.ndarray, unit: str) -> tuple[np.ndarray, np.ndarray]:
    """Where rows start and end; rows of white space alone are none."""
    n = len(buffer)
    if unit == "block":
        starts = _character(buffer, np.arange(0, n, BLOCK))
        return starts, np.concatenate([starts[1:], [n]])
    newline = np.flatnonzero(buffer == 10)
    starts, ends = np.concatenate([[0], newline + 1]), np.concatenate([newline, [n]])
    dark = np.concatenate([[0], np.cumsum(~np.isin(buffer, (9, 10, 11, 12, 13, 32)), dtype=np.int64)])
    filled = dark[ends] > dark[starts]
    if unit == "line":
        return starts[filled], ends[filled]
    first = filled.copy()
    first[1:] &= ~filled[:-1]
    last = filled.copy()
    last[:-1] &= ~filled[1:]
    return starts[first], ends[last]


def _character(buffer: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The places moved on to the first byte of a character."""
    at = at.copy()
    for _ in range(3):
        inner = (at < len(buffer)) & (buffer[np.minimum(at, len(buffer) - 1)] & 0xC0 == 0x80)
        at += inner
    return at


SOURCE = Source("plain text", recognises, read, order=95)
