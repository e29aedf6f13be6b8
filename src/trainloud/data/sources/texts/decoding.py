"""Bytes of any encoding as UTF-8, piece by piece, with what could not be read located by file and line.

Told by a byte order mark, by the zeros that UTF-16 puts between ASCII letters, else taken for UTF-8. Where the first
piece with invalid bytes holds more of them than sound characters beyond ASCII, the file is in an 8-bit code and read as
Windows-1252 (which holds all printable characters of Latin-1). Line ends are \\n afterwards, as `open` has them.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

import numpy as np

from trainloud.core.words import plural
from trainloud.data.dataset import SourceError, Trouble
from trainloud.data.methods.spans import WIDE

PIECE = 4 << 20  # bytes that are read at once; working on them takes some thirty times as much
LOCATED = 20  # places of invalid bytes that are told by line; more are counted
BINARY = 0.05  # share of control characters in the first bytes, above which a file is no text

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_STRAY = np.array([b < 32 and b not in (9, 10, 11, 12, 13) for b in range(256)])


def guessed(head: bytes, asked: str = "") -> tuple[str, int]:
    """Encoding of a file that begins like this, and the length of its byte order mark. Raises SourceError for an
    encoding that Python does not know."""
    if asked:
        try:
            name = codecs.lookup(asked).name
        except LookupError as error:
            raise SourceError(f"no encoding is named {asked!r}") from error
        name = name.removesuffix("-sig")
        for mark, encoding in _BOMS:  # "utf-16" alone leaves the order of bytes to the mark
            if encoding.startswith(name) and head.startswith(mark):
                return encoding, len(mark)
        return (f"{name}-le" if name in ("utf-16", "utf-32") else name), 0
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding, len(mark)
    zero = np.frombuffer(head[: len(head) // 2 * 2], np.uint8).reshape(-1, 2) == 0
    if len(zero) >= 2 and zero.any():
        even, odd = zero.mean(axis=0)
        if odd > 0.4 and even < 0.1:
            return "utf-16-le", 0
        if even > 0.4 and odd < 0.1:
            return "utf-16-be", 0
    return "utf-8", 0


def binary_share(head: bytes, encoding: str) -> float:
    """Share of control characters among the first characters of a file."""
    if encoding != "utf-8":
        head = head[: len(head) // 4 * 4].decode(encoding, "replace").encode()
    return float(_STRAY[np.frombuffer(head, np.uint8)].mean()) if head else 0.0


@dataclass
class Decoder:
    """One file's bytes as UTF-8. `pieces` gives them; the rest is filled in meanwhile."""

    name: str
    """Of the file, for troubles."""
    asked: str = ""
    """The encoding that the person named."""
    encoding: str = ""
    troubles: list[Trouble] = field(default_factory=list)
    invalid: int = 0
    """Byte sequences that stand for no character: U+FFFD in the text."""
    ends: dict[str, int] = field(default_factory=lambda: {"\\n": 0, "\\r\\n": 0, "\\r": 0})
    nulls: int = 0
    _line: int = 1
    """Number of the line that the next piece begins with."""

    def pieces(self, file: IO[bytes], most: int) -> Iterator[bytes]:
        """UTF-8 with "\\n" line ends, each piece but the last up to a line end where one is near; of the first `most`
        bytes. Raises SourceError for binary data, OSError."""
        head = file.read(64 << 10)
        self.encoding, mark = guessed(head, self.asked)
        share = binary_share(head[mark:], self.encoding)
        if share > BINARY:
            raise SourceError(
                f"{self.name}: {share:.0%} of its first {len(head):,} bytes are control characters: this is no text"
            )
        rest, left = head[mark:], most - len(head)
        while True:
            more = file.read(min(PIECE, left)) if left > 0 else b""
            left -= len(more)
            rest += more
            cut = len(rest) if not more else _cut(rest, self.encoding)
            if cut:
                yield self._piece(rest[:cut])
            rest = rest[cut:]
            if not more:
                break
        if left <= 0 and file.read(1):
            self.troubles.append(Trouble("too-large", self.name, f"only its first {most:,} bytes were read"))
        self._summary()

    def _piece(self, raw: bytes) -> bytes:
        text = self._utf8(raw)
        if b"\0" in text:
            at = text.index(b"\0")
            if not self.nulls:
                line = self._line + text.count(b"\n", 0, at)
                self.troubles.append(Trouble("encoding", f"{self.name}:{line}", "a NUL byte in the text"))
            self.nulls += text.count(b"\0")
        both, lone = text.count(b"\r\n"), text.count(b"\r")
        self.ends["\\n"] += text.count(b"\n") - both
        self.ends["\\r\\n"] += both
        self.ends["\\r"] += lone - both
        if lone:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._line += text.count(b"\n")
        return text

    def _utf8(self, raw: bytes) -> bytes:
        if self.encoding != "utf-8":
            return self._other(raw)
        try:
            raw.decode()
            return raw
        except UnicodeDecodeError:
            pass
        mended = raw.decode("utf-8", "replace")
        bad = mended.count("\ufffd") - raw.count(b"\xef\xbf\xbd")
        wide = int((WIDE[np.frombuffer(mended.encode(), np.uint8)]).sum()) // 2 - bad  # about: two bytes a character
        if not self.asked and bad > wide:
            self.encoding = "cp1252"
            self.troubles.append(
                Trouble(
                    "encoding-guessed",
                    self.name,
                    f"{plural(bad, 'byte')} that {'is' if bad == 1 else 'are'} no UTF-8: read as {_eight_bit(raw)}",
                )
            )
            return self._other(raw)
        self._locate(raw)
        self.invalid += bad
        return mended.encode()

    def _other(self, raw: bytes) -> bytes:
        encoding = _eight_bit(raw) if self.encoding == "cp1252" else self.encoding
        text = raw.decode(encoding, "replace")
        bad = text.count("\ufffd")
        if bad:
            line = self._line + text.count("\n", 0, text.index("\ufffd"))
            self.troubles.append(
                Trouble(
                    "encoding",
                    f"{self.name}:{line}",
                    f"{plural(bad, 'character')} that {'is' if bad == 1 else 'are'} no {encoding}",
                )
            )
            self.invalid += bad
        return text.encode("utf-8", "replace")

    def _locate(self, raw: bytes) -> None:
        """A trouble for each of the first invalid places."""
        at, line, counted = 0, self._line, 0
        while len(self.troubles) < LOCATED:
            try:
                raw[at:].decode()
                return
            except UnicodeDecodeError as error:
                start, end = at + error.start, at + error.end
            line += raw.count(b"\n", counted, start)
            counted = start
            what = f"the bytes {raw[start:end].hex(' ')} are no UTF-8"
            self.troubles.append(Trouble("encoding", f"{self.name}:{line}", what))
            at = end

    def _summary(self) -> None:
        if self.invalid > LOCATED:
            what = f"{self.invalid:,} byte sequences are no {self.encoding} and became U+FFFD"
            self.troubles.append(Trouble("encoding", self.name, what))
        if self.nulls > 1:
            self.troubles.append(Trouble("encoding", self.name, f"{self.nulls:,} NUL bytes in the text"))
        used = {k: v for k, v in self.ends.items() if v}
        if len(used) > 1:
            what = "mixed line ends: " + ", ".join(f"{v:,} {k}" for k, v in used.items())
            self.troubles.append(Trouble("line-ends", self.name, what))


def _eight_bit(raw: bytes) -> str:
    """Windows-1252 leaves five bytes undefined; what uses them is Latin-1."""
    return "latin-1" if any(b in raw for b in (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")) else "cp1252"


def _cut(raw: bytes, encoding: str) -> int:
    """Where to cut a piece: after the last line end, or, in a very long line, at the end of a character."""
    wide = {"utf-16-le": 2, "utf-16-be": 2, "utf-32-le": 4, "utf-32-be": 4}.get(encoding)
    if wide:
        end = b"\n".decode().encode(encoding)
        at = raw.rfind(end)
        while at > 0 and at % wide:
            at = raw.rfind(end, 0, at)
        return at + wide if at > 0 else len(raw) // 4 * 4 - (4 if wide == 2 and _surrogate(raw, encoding) else 0)
    at = raw.rfind(b"\n")
    if at >= 0:
        return at + 1
    cut = len(raw) - 1  # a "\r" at the end may be half of a line end
    while encoding == "utf-8" and cut > len(raw) - 4 and cut > 0 and raw[cut] & 0xC0 == 0x80:
        cut -= 1
    return max(cut, 0)


def _surrogate(raw: bytes, encoding: str) -> bool:
    """Whether the last two whole code units of a UTF-16 piece end in the first half of a pair."""
    end = len(raw) // 4 * 4
    unit = int.from_bytes(raw[end - 2 : end], "little" if encoding.endswith("le") else "big")
    return end >= 4 and 0xD800 <= unit < 0xDC00
