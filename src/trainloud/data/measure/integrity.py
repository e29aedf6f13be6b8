"""Is the file of a picture whole? What decoders pass over in silence.

`damage` names what is lost or wrong in the pixels, `oddity` what is against the format but harmless to them. Both are
words, "" for none.
"""

import re
import struct
import zlib
from typing import NamedTuple

ZERO_TAIL = 64  # bytes: a run of zeros that long at the end of compressed data is no data (chance 2 ** -512)
HARMLESS = ("unknown JFIF revision", "Unknown Adobe color transform", "Invalid SOS parameters")
BROKEN = ("premature end", "bad Huffman code", "instead of RST", "Inconsistent progression", "bad arithmetic code")


class Verdict(NamedTuple):
    damage: str = ""
    oddity: str = ""


SOUND = Verdict()


class JpegHead(NamedTuple):
    """What the markers before the first scan of a JPEG say."""

    orientation: int = 1
    """EXIF orientation 1 to 8."""
    progressive: bool = False
    width: int = 0
    height: int = 0
    channels: int = 0
    scan: int = 0
    """Offset of what describes the pixels: the tables and scans, without the metadata before them."""


def jpeg_head(data: bytes) -> JpegHead:
    """Walk the markers up to the first scan. What is not there, or is broken, keeps its default."""
    at, end = 2, len(data)
    orientation, progressive, width, height, channels, tables = 1, False, 0, 0, 0, 0
    while at + 4 <= end and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        length = (data[at + 2] << 8) | data[at + 3]
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            orientation = _exif_orientation(data[at + 10 : at + 2 + length])
        elif not 0xE0 <= marker <= 0xEF and marker != 0xFE and not tables:
            tables = at
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and at + 10 <= end:
            progressive = marker in (0xC2, 0xC6, 0xCA, 0xCE)
            height, width, channels = *struct.unpack(">HH", data[at + 5 : at + 9]), data[at + 9]
        if marker == 0xDA:
            break
        at += 2 + length
    return JpegHead(orientation, progressive, width, height, channels, tables)


def _exif_orientation(tiff: bytes) -> int:
    """Tag 274 of the first directory of EXIF data; 1 (upright) if it is not there or broken."""
    try:
        order = "<" if tiff[:2] == b"II" else ">"
        (at,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, at)
        for i in range(min(entries, 512)):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, at + 2 + 12 * i)
            if tag == 274 and kind == 3:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def only_the_end_is_missing(data: bytes) -> bool:
    """A JPEG that stops right before its end marker, and is decoded without a complaint once that is there.

    Progressive files are never taken for it: whole scans can be missing between two markers.
    """
    import simplejpeg

    if data.rstrip(b"\0").endswith(b"\xff\xd9") or jpeg_head(data).progressive:
        return False
    try:
        simplejpeg.decode_jpeg(data + b"\xff\xd9", min_width=1, min_height=1, strict=True)
    except ValueError:
        return False
    return True


def jpeg(data: bytes, complaint: str) -> Verdict:
    """What the complaint of a strict decoder means, where a lenient one shows a picture.

    The complaints are those of libjpeg (`jerror.h`, the JWRN_ messages).
    """
    extraneous = re.search(r"(\d+) extraneous bytes before marker 0x([0-9a-f]+)", complaint)
    if extraneous:
        count, marker = int(extraneous[1]), extraneous[2]
        end = data.rfind(b"\xff\xd9")
        padding = data[max(end - count, 0) : end] if marker == "d9" else b""
        where = "its end marker" if marker == "d9" else f"marker 0x{marker}"
        if padding and len(set(padding)) == 1:
            return Verdict(oddity=f"{count:,} extraneous bytes of padding before {where}")
        return Verdict(damage=f"{count:,} extraneous bytes before {where}: coded data that fits no pixel")
    if any(words in complaint for words in BROKEN):
        return Verdict(damage=complaint.removeprefix("Corrupt JPEG data: "))
    return Verdict(oddity=complaint) if any(words in complaint for words in HARMLESS) else SOUND


def png(data: bytes) -> Verdict:
    """Checksums of all chunks and the end; Pillow and others skip those of the pixels."""
    view, at = memoryview(data), 8
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8].decode("latin-1")
        if at + 12 + length > len(data):
            words = f"premature end: its chunk {kind} stops {at + 12 + length - len(data):,} bytes early"
            return Verdict(oddity=words) if kind == "IEND" else Verdict(damage=words)
        if zlib.crc32(view[at + 4 : at + 8 + length]) != struct.unpack_from(">I", data, at + 8 + length)[0]:
            words = f"wrong checksum of its chunk {kind}"
            return Verdict(oddity=words) if kind[0].islower() else Verdict(damage=words)
        if kind == "IEND":
            return SOUND
        at += 12 + length
    return Verdict(oddity="premature end: its end chunk is missing")


def gif(data: bytes) -> Verdict:
    """Walk the blocks of all frames up to the trailer (GIF89a, appendix A)."""
    at = frames = 0
    try:
        at = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
        while data[at] != 0x3B:
            if data[at] == 0x2C:
                at = _after_blocks(data, at + 11 + (3 << ((data[at + 9] & 7) + 1) if data[at + 9] & 0x80 else 0))
                frames += 1
            elif data[at] == 0x21:
                at = _after_blocks(data, at + 2)
            else:
                return Verdict(damage=f"no block at byte {at:,}, after {frames} frame{'s' * (frames != 1)}")
        return SOUND
    except IndexError:
        if at == len(data):
            return Verdict(oddity="premature end: its trailer is missing")
        return Verdict(damage=f"premature end in its frame {frames + 1}")


def _after_blocks(data: bytes, at: int) -> int:
    """Offset after the sub-blocks that begin at `at`. Raises IndexError where the data ends before."""
    while data[at]:
        at += 1 + data[at]
    return at + 1


def webp(data: bytes) -> Verdict:
    """Coded pixels that end in zeros: the file was preallocated and not written to its end."""
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind in (b"VP8 ", b"VP8L", b"ANMF") and not data[at + 8 : at + 8 + length][-ZERO_TAIL:].strip(b"\0"):
            zeros = length - len(data[at + 8 : at + 8 + length].rstrip(b"\0"))
            return Verdict(damage=f"the last {zeros:,} bytes of its coded pixels are zero")
        at += 8 + length + (length & 1)
    return SOUND


def avif(data: bytes) -> Verdict:
    """As for WebP: the box of the coded pixels ends in zeros."""
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        length = length if length >= 8 else len(data) - at
        coded = data[at + 8 : at + length] if kind == b"mdat" else b""
        if coded and not coded[-ZERO_TAIL:].strip(b"\0"):
            zeros = len(coded) - len(coded.rstrip(b"\0"))
            return Verdict(damage=f"the last {zeros:,} bytes of its coded pixels are zero")
        at += length
    return SOUND


CHECKS = {"PNG": png, "GIF": gif, "WEBP": webp, "AVIF": avif}
