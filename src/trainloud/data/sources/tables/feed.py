"""The bytes of a text file as UTF-8 with "\\n" line ends, whatever its compression and encoding; in blocks, counted.

What had to be mended on the way is counted and said, and a file that unpacks to far more than it should stops early.
"""

import bz2
import codecs
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from trainloud.data.dataset import SourceError, Trouble
from trainloud.data.sources.texts.decoding import binary_share, guessed

BLOCK = 1 << 20  # bytes read at a time
HEAD = 64 << 10  # unpacked bytes that the encoding is told by
LONGEST_LINE = 64 << 20  # bytes; a line is held in memory whole
BOMB_RATIO = 250  # unpacked over packed bytes; tables pack 3 to 60 times, a bomb of zeros 1,000 times with gzip
BOMB_FROM = 256 << 20  # unpacked bytes below which no ratio is suspicious
MAGIC = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zst"))
SUFFIXES = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zst"}
ESCAPED = re.compile("[\udc80-\udcff]")  # what "surrogateescape" leaves of a byte that is not UTF-8


@dataclass(frozen=True)
class Stored:
    """A file of bytes: on disk, in an archive or in memory."""

    name: str
    """What the person calls it."""
    open: Callable[[], BinaryIO]
    suffix: str = ""
    """Last suffix in lower case with its dot."""


@dataclass
class Form:
    """How the bytes are packed and encoded."""

    packed: str = ""
    """"gzip", "bz2", "xz", "zst", or "" for plain."""
    encoding: str = "utf-8"
    bom: int = 0
    """Bytes of the byte order mark."""
    troubles: list[Trouble] = field(default_factory=list)


def form_of(stored: Stored, encoding: str = "") -> Form:
    """Compression by the first bytes, whatever the name says; encoding by byte order mark or where zeros stand.

    Raises SourceError for an encoding that is not known.
    """
    with stored.open() as file:
        head = file.read(8)
    form = Form(next((name for magic, name in MAGIC if head.startswith(magic)), ""))
    promised = SUFFIXES.get(stored.suffix, "")
    if promised != form.packed and head:
        is_ = f"{form.packed}-compressed" if form.packed else "plain"
        form.troubles.append(Trouble("wrong-suffix", stored.name, f"named {stored.suffix or 'plainly'}, is {is_}"))
    form.encoding, form.bom = guessed(first_bytes(stored, form.packed, HEAD), encoding)
    return form


def first_bytes(stored: Stored, packed: str, size: int) -> bytes:
    """The first unpacked bytes; fewer where the file is short or broken."""
    with stored.open() as file:
        try:
            return bytes(unpacked(file, packed).read1(size))
        except BROKEN:
            return b""


def stray_share(text: bytes) -> float:
    """Share of control characters among the first characters of what a feed has given."""
    # One byte a character: those of a binary file that were read as Windows-1252 are two and three bytes by now.
    return binary_share(text[:HEAD].decode("utf-8", "ignore").encode("latin-1", "replace"), "utf-8")


BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError)


def unpacked(file: BinaryIO, packed: str) -> Any:
    if packed == "gzip":
        return gzip.GzipFile(fileobj=file)
    if packed == "bz2":
        return bz2.BZ2File(file)
    if packed == "xz":
        return lzma.LZMAFile(file)
    if packed == "zst":
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")
    return file


def as_one_byte(separator: str) -> str:
    """What stands for this separator in what is read."""
    return separator if len(separator.encode()) == 1 else "\x1f"


def one_byte_separated(lines: bytes, separator: str, spaced: bool) -> bytes:
    """Whole lines with the separator as one byte, and without the blanks before quotes if `spaced`."""
    own = separator.encode()
    if own == b" ":
        return re.sub(rb"(?m)^ +| +$", b"", re.sub(rb"[ \t]+", b" ", lines))
    if spaced:
        lines = re.sub(re.escape(own) + rb' +"', own + b'"', lines)
    return lines.replace(own, as_one_byte(separator).encode()) if len(own) > 1 else lines


class Feed(io.RawIOBase):
    """A readable file of normalised UTF-8, its separator one byte.

    `skip` bytes of what would be read are left out at the start. Raises SourceError from `read` where the file
    unpacks without end or a line is too long.
    """

    def __init__(self, stored: Stored, form: Form, separator: str = ",", spaced: bool = False, skip: int = 0):
        self._stored, self._form, self._skip = stored, form, skip
        self._separator, self._spaced = separator, spaced
        self._by_line = len(separator.encode()) > 1 or separator == " " or spaced
        self._file = stored.open()
        self._source = unpacked(self._file, form.packed)
        self._source.read(form.bom)
        self._decoder = None if form.encoding == "utf-8" else codecs.getincrementaldecoder(form.encoding)("replace")
        self._undecoded = b""
        self._carry = b""  # the line that is not yet complete
        self._line = 1  # number of the line that the next block begins in
        self._return = False  # the last block ended in a carriage return
        self._ended = False
        self._ready = b""
        self.out = 0
        """Bytes unpacked so far."""
        self.lines = 0
        """Line breaks given out so far."""
        self.last = b"\n"
        """The last byte given out."""
        self.blank: list[np.ndarray] = []
        """Numbers of the lines (from 0, after what is skipped) that hold nothing at all, in pieces."""
        self.nul = 0
        self.mended = 0
        """Bytes that are not UTF-8 and were read as Windows-1252."""
        self.first_mended = 0
        """Line, from 1, of the first of them."""
        self.replaced = 0
        """Characters that the encoding does not know."""
        self.broken = ""
        """Why reading ended before the end of the file; "" if it did not."""

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def read(self, size: int = -1) -> bytes:
        """`size` bytes, fewer only at the end: what is read at once is one block of the parser."""
        size = BLOCK if size < 0 else size
        parts = [self._ready[:size]]
        self._ready = self._ready[size:]
        missing = size - len(parts[0])
        while missing and not self._ended:
            block = self._next()
            if block:
                self._count(block)
                parts.append(block[:missing])
                self._ready = block[missing:]
                missing -= len(parts[-1])
        return b"".join(parts)

    def readinto(self, buffer: Any) -> int:
        given = self.read(len(buffer))
        buffer[: len(given)] = given
        return len(given)

    # one block -------------------------------------------------------------------------------------------------

    def _next(self) -> bytes:
        """The next block, normalised; sets `_ended` with the last one."""
        raw = bytearray()
        try:
            # Piece by piece, so that what comes before a defect is not lost.
            while len(raw) < BLOCK and (piece := self._source.read1(BLOCK)):
                raw += piece
        except BROKEN as error:
            self.broken = f"{type(error).__name__}: {error}"
        self.out += len(raw)
        self._ended = len(raw) < BLOCK
        if self._form.packed and self.out > BOMB_FROM:
            self._no_bomb()
        text = self._utf8(bytes(raw))
        if b"\0" in text:
            self.nul += text.count(b"\0")
            text = text.replace(b"\0", b"")
        text = self._line_ends(text)
        self._line += text.count(b"\n")
        cut = min(self._skip, len(text))
        self._skip -= cut
        text = text[cut:]
        return self._by_lines(text) if self._by_line else text

    def _no_bomb(self) -> None:
        packed = max(self._file.tell(), 1)
        if self.out > BOMB_RATIO * packed:
            raise SourceError(
                f"{self._stored.name}: {packed:,} packed bytes gave {self.out:,} and there is more: over "
                f"{BOMB_RATIO} times is no table but a decompression bomb; unpack it yourself if you trust it"
            )

    def _utf8(self, raw: bytes) -> bytes:
        if self._decoder is not None:
            text = self._decoder.decode(raw, self._ended)
            self.replaced += text.count("\ufffd")
            return text.encode("utf-8", "replace")
        data = self._undecoded + raw
        keep = 0 if self._ended else _incomplete(data)
        data, self._undecoded = data[: len(data) - keep], data[len(data) - keep :]
        if data.isascii():
            return data
        try:
            data.decode()
        except UnicodeDecodeError:
            return self._mend(data)
        return data

    def _mend(self, data: bytes) -> bytes:
        text = data.decode("utf-8", "surrogateescape")
        found = ESCAPED.search(text)
        if not self.first_mended and found:
            before = text[: found.start()].replace("\r\n", "\n").replace("\r", "\n")
            self.first_mended = self._line + before.count("\n")
        text, count = ESCAPED.subn(lambda m: _WINDOWS[ord(m[0]) & 0xFF], text)
        self.mended += count
        return text.encode()

    def _line_ends(self, text: bytes) -> bytes:
        """ "\\r\\n" and "\\r" become "\\n"; one that is cut by the block's end too."""
        if self._return and text.startswith(b"\n"):
            text = text[1:]
        if text:
            self._return = text.endswith(b"\r")
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return text

    def _by_lines(self, text: bytes) -> bytes:
        text = self._carry + text
        if len(text) > LONGEST_LINE:
            raise SourceError(f"{self._stored.name}: a line is longer than {LONGEST_LINE >> 20} MiB")
        cut = len(text) if self._ended else text.rfind(b"\n") + 1
        text, self._carry = text[:cut], text[cut:]
        return one_byte_separated(text, self._separator, self._spaced)

    def _count(self, block: bytes) -> None:
        """Count lines and note those that are empty."""
        breaks = block.count(b"\n")
        if b"\n\n" in block or (self.last == b"\n" and block.startswith(b"\n")):
            at = np.flatnonzero(np.frombuffer(block, np.uint8) == 10)
            before = np.concatenate(([-1 if self.last == b"\n" else -2], at[:-1]))
            empty = np.flatnonzero(at - before == 1)
            self.blank.append(empty + self.lines)
        self.lines += breaks
        self.last = block[-1:]

    # what was met ----------------------------------------------------------------------------------------------

    def troubles(self) -> list[Trouble]:
        """What had to be mended."""
        name = self._stored.name
        found = []
        if self.mended:
            at = f"{name}:{self.first_mended}"
            what = f"{self.mended:,} byte{'s are' if self.mended > 1 else ' is'} not UTF-8 and read as Windows-1252"
            found.append(Trouble("encoding", at, f"{what}; --encoding overrides"))
        if self.replaced:
            encoding = self._form.encoding
            found.append(Trouble("encoding", name, f"{self.replaced:,} characters are no {encoding}, shown as \ufffd"))
        if self.nul:
            found.append(Trouble("nul-bytes", name, f"{self.nul:,} NUL byte{'s' if self.nul > 1 else ''} removed"))
        if self.broken:
            what = f"reading stopped after {self.out:,} unpacked bytes ({self.broken}); the rows before are kept"
            found.append(Trouble("truncated", name, what))
        return found


_WINDOWS = [bytes([b]).decode("cp1252", "ignore") or bytes([b]).decode("latin-1") for b in range(256)]


def _incomplete(data: bytes) -> int:
    """How many bytes at the end are the start of a character that is not complete."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            return back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
        if byte < 0x80:
            return 0
    return 0
