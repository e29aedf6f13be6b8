"""Pixels of any kind -> bytes of a screen, pictures of one size, and a digest of what they hold."""

import hashlib
import threading
from collections.abc import Callable

import numpy as np

GREY = 128  # of the frame around a picture that does not fill its square
LEVEL_ROWS = 32  # pictures from which the range of values is told
TAILS = (0.1, 99.9)  # percentiles that become black and white where the range is no usual one
WIDER = 4  # times the wanted side, from which on a large picture is first averaged over blocks


def as_stored(pixels: np.ndarray) -> np.ndarray:
    """(height, width) or (height, width, channels), whatever order an array had; one channel without its axis.

    Raises ValueError for an array that is no picture.
    """
    pixels = np.asarray(pixels)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4) and pixels.shape[2] not in (1, 2, 3, 4):
        pixels = np.moveaxis(pixels, 0, 2)  # (channels, height, width) as torch has it
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or not pixels.size:
        raise ValueError(f"an array of shape {pixels.shape} is no picture")
    return pixels


def shown(pixels: np.ndarray) -> np.ndarray:
    """The channels that a screen shows: (h, w) or (h, w, 3). Alpha is dropped as `convert("RGB")` drops it."""
    if pixels.ndim == 2:
        return pixels
    return pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., 0]


class Levels:
    """Which values of pixels that are no bytes are black and white: told once from a few pictures of the data.

    One range for all keeps brightness comparable: [0, 1], [-1, 1] and [0, 255] are recognised, else the 0.1st and the
    99.9th percentile.
    """

    def __init__(self, rows: int, read: Callable[[int], np.ndarray | None]):
        self._rows = np.unique(np.linspace(0, max(rows - 1, 0), min(LEVEL_ROWS, rows)).astype(int))
        self._read = read
        self._range: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def bytes(self, pixels: np.ndarray) -> np.ndarray:
        """The same shape as uint8; NaN is black."""
        if pixels.dtype == np.uint8:
            return pixels
        if pixels.dtype == bool:
            return pixels.astype(np.uint8) * np.uint8(255)
        low, high = self.range(pixels.dtype.str)
        scaled = (pixels.astype(np.float32) - low) * np.float32(255 / (high - low))
        return np.nan_to_num(np.clip(scaled + 0.5, 0, 255.5), nan=0.0).astype(np.uint8)

    def range(self, kind: str) -> tuple[float, float]:
        """Values of this dtype that are shown black and white."""
        with self._lock:
            if kind not in self._range:
                self._range[kind] = self._told(kind)
            return self._range[kind]

    def _told(self, kind: str) -> tuple[float, float]:
        values = [v for v in (self._one(int(row), kind) for row in self._rows) if v is not None]
        some = np.concatenate(values) if values else np.zeros(0)
        some = some[np.isfinite(some)]
        if not some.size:
            return 0.0, 1.0
        low, high = float(some.min()), float(some.max())
        for usual in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
            if usual[0] <= low and high <= usual[1]:
                return usual
        low, high = (float(v) for v in np.percentile(some, TAILS))
        return (low, high) if high > low else (low, low + 1.0)

    def _one(self, row: int, kind: str) -> np.ndarray | None:
        """At most 65,536 values of one picture, if it is of this kind."""
        pixels = self._read(row)
        if pixels is None or pixels.dtype.str != kind:
            return None
        flat = shown(pixels).reshape(-1)
        return flat[:: max(1, flat.size >> 16)].astype(np.float64)


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turned as EXIF says (1 to 8)."""
    if orientation in (2, 4, 5, 7):
        pixels = pixels[:, ::-1] if orientation in (2, 5, 7) else pixels[::-1]
    turns = {3: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.rot90(pixels, turns) if turns else pixels


def reduced(pixels: np.ndarray, side: int) -> np.ndarray:
    """(h, w[, 3]) uint8 shrunk so that its longer side is `side`; smaller ones as they are. Anti-aliased."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return pixels
    from PIL import Image

    size = max(round(width * side / longest), 1), max(round(height * side / longest), 1)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=WIDER))


def framed(pictures: np.ndarray, side: int) -> np.ndarray:
    """(n, h, w[, 3]) uint8, none of h and w above `side` -> (n, side, side, 3), centred on grey.

    Pictures less than half as large are enlarged by whole numbers, so that no pixel is mixed with another.
    """
    n, height, width = pictures.shape[:3]
    times = side // max(height, width)
    if times > 1:
        pictures = pictures.repeat(times, axis=1).repeat(times, axis=2)
        height, width = height * times, width * times
    if pictures.ndim == 3:
        pictures = pictures[..., None]  # grey is broadcast over the three channels
    if height == width == side and pictures.shape[3] == 3:
        return pictures
    out = np.full((n, side, side, 3), GREY, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    out[:, top : top + height, left : left + width] = pictures
    return out


def digest(pixels: np.ndarray) -> bytes:
    """16 bytes, equal for equal pixels of equal size: an opaque alpha and three equal channels do not count."""
    if pixels.ndim == 3:
        if pixels.shape[2] == 4 and pixels.dtype == np.uint8 and (pixels[..., 3] == 255).all():
            pixels = pixels[..., :3]
        if pixels.shape[2] == 3 and _grey(pixels[:1]) and _grey(pixels):
            pixels = pixels[..., 0]
    head = f"{pixels.dtype.str}{pixels.shape}".encode()
    return hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16, key=head[:64]).digest()


def _grey(pixels: np.ndarray) -> bool:
    first = pixels[..., 0]
    return bool((first == pixels[..., 1]).all() and (first == pixels[..., 2]).all())
