"""Tensors as small pictures: a PNG writer and a robust grey or colour scale, standard library only."""

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

LARGEST = 96  # pixels a side; beyond that every k-th pixel is taken
LONGEST = 480  # pixels of a heat strip from left to right
TAIL = 0.01  # share of values beyond black and beyond white
BAD = (214, 0, 147)  # magenta: NaN and infinities
HEAT = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))  # viridis, dark to light


@dataclass(frozen=True)
class Picture:
    uri: str
    """data:image/png;base64,..."""
    width: int
    height: int
    low: float
    """The value drawn darkest."""
    high: float
    """The value drawn lightest."""
    bad: int
    """Values that are not finite, drawn in magenta."""
    every: tuple[int, int] = (1, 1)
    """Every k-th row and every k-th column of the tensor was taken."""


def png(width: int, height: int, pixels: bytes, channels: int) -> bytes:
    """A PNG of 8-bit grey (channels 1) or RGB (3) pixels, row by row."""
    row = width * channels
    if len(pixels) != row * height:
        raise ValueError(f"{len(pixels)} bytes for {width} x {height} x {channels}")
    raw = b"".join(b"\0" + pixels[y * row : (y + 1) * row] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def draw(
    values: Sequence[float],
    height: int,
    width: int,
    channels: int = 1,
    *,
    channels_last: bool = False,
    heat: bool = False,
    turned: bool = False,
) -> Picture:
    """A picture of height * width * channels values, (channels, height, width) unless `channels_last`.

    Grey for one channel, or a heat scale; the scale runs from the 1st to the 99th percentile of this
    picture's own finite values. `turned`: the tensor's rows run to the right.
    """
    down, across = math.ceil(height / LARGEST), math.ceil(width / LARGEST)
    if heat:
        down, across = (math.ceil(height / LONGEST), across) if turned else (down, math.ceil(width / LONGEST))
    else:
        down = across = max(down, across)
    rows, columns = range(0, height, down), range(0, width, across)
    stride, jump = (channels, 1) if channels_last else (1, height * width)
    places = [(y, x) for x in columns for y in rows] if turned else [(y, x) for y in rows for x in columns]
    picked = [values[(y * width + x) * stride + c * jump] for y, x in places for c in range(channels)]
    low, high = scale(picked)
    finite = [math.isfinite(v) for v in picked]
    grey = [_level(v, low, high) if ok else 0 for v, ok in zip(picked, finite, strict=True)]
    colour = heat or channels == 3 or not all(finite)
    pixels = _colours(grey, finite, channels, heat) if colour else bytes(grey)
    size = (len(rows), len(columns)) if turned else (len(columns), len(rows))
    data = png(*size, pixels, 3 if colour else 1)
    uri = "data:image/png;base64," + base64.b64encode(data).decode()
    return Picture(uri, *size, low, high, finite.count(False), (down, across))


def scale(values: Sequence[float]) -> tuple[float, float]:
    """The range to draw: percentiles of the finite values, the extremes if those coincide; (0, 0) if none."""
    ranked = sorted(v for v in values if math.isfinite(v))
    if not ranked:
        return 0.0, 0.0
    last = len(ranked) - 1
    low, high = ranked[int(last * TAIL)], ranked[math.ceil(last * (1 - TAIL))]
    return (low, high) if high > low else (ranked[0], ranked[-1])


def _level(value: float, low: float, high: float) -> int:
    if high <= low:
        return 128
    return round(255 * min(max((value - low) / (high - low), 0.0), 1.0))


def _colours(grey: list[int], finite: list[bool], channels: int, heat: bool) -> bytes:
    """RGB bytes; a pixel with any value that is not finite is magenta."""
    out = bytearray()
    for i in range(0, len(grey), channels):
        if not all(finite[i : i + channels]):
            out += bytes(BAD)
        elif channels == 3:
            out += bytes(grey[i : i + 3])
        else:
            out += bytes(_heat(grey[i])) if heat else bytes((grey[i],) * 3)
    return bytes(out)


def _heat(level: int) -> tuple[int, ...]:
    position = level / 255 * (len(HEAT) - 1)
    below = min(int(position), len(HEAT) - 2)
    part = position - below
    return tuple(round(a + (b - a) * part) for a, b in zip(HEAT[below], HEAT[below + 1], strict=True))
