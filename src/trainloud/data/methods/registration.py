"""Laying two thumbnails on each other: mirrored, enlarged, shifted; and how well they then agree.

Normalised cross-correlation by Fourier transform (Lewis 1995, "Fast Normalized Cross-Correlation"; Kuglin and Hines
1975 for the idea) of grey pictures whose local mean and contrast are taken out.
"""

from dataclasses import dataclass, fields

import numpy as np

from trainloud.data.methods.likeness import Whitening, features, grey
from trainloud.data.methods.thumbnails import Squares, enlarging
from trainloud.data.survey import SIDE

ZOOMS = (1.0, 1.08, 1.17)  # enlargements tried of either picture: crops down to 85 % of a side
TRIED = ((0, 0), (0, 1), (0, 2), (1, 0), (2, 0))  # of the first and of the second picture
SHIFT = 6  # pixels of the thumbnail that one may be moved
LOCAL = 3.0  # pixels, deviation of the Gaussian that local mean and contrast are taken over
QUIET = 4.0  # grey levels added to the local contrast: below it there is only noise
MARGIN = SIDE / 6  # pixels at the border that are faded out
BLOCK = 256  # pairs at a time
SURE = 0.9  # correlation as they are, from which no enlargement is tried


@dataclass
class Laid:
    """Pairs of pictures laid on each other; every array has one entry a pair."""

    peak: np.ndarray
    """Correlation of the grey pictures, local contrast taken out, 1 for equal ones."""
    cosine: np.ndarray
    """Whitened cosine of the first and the laid second picture; see `likeness`."""
    mirror: np.ndarray
    """bool: the second was mirrored."""
    zoom: np.ndarray
    """(pairs, 2) index into ZOOMS: the enlargement of the first and of the second."""
    shift: np.ndarray
    """(pairs, 2) pixels of the thumbnail that the second was moved down and right."""

    @property
    def score(self) -> np.ndarray:
        """(pairs,) in [-1, 1]: two parts cosine, one part correlation."""
        return (2 * self.cosine + self.peak) / 3

    def taken(self, places: np.ndarray) -> "Laid":
        return Laid(*(getattr(self, f.name)[places] for f in fields(self)))

    def words(self, i: int) -> str:
        """What was done to lay pair i on each other: "mirrored, enlarged 1.08 x, shifted 3 px"; "" for nothing."""
        ratio = ZOOMS[self.zoom[i, 1]] / ZOOMS[self.zoom[i, 0]]
        moved = float(np.hypot(*self.shift[i]))
        said = ["mirrored"] if self.mirror[i] else []
        if ratio != 1:
            said.append(f"enlarged {max(ratio, 1 / ratio):.2f} x")
        if moved:
            said.append(f"shifted {moved:.0f} of {SIDE} px")
        return ", ".join(said)


def lay(
    images: Squares,
    a: np.ndarray,
    b: np.ndarray,
    mirror: np.ndarray,
    whiten: Whitening,
    z: np.ndarray,
    least: float = -1.0,
) -> Laid:
    """Each picture b laid on its picture a; a, b (p,) rows, mirror (p,) bool: b is to be mirrored first; z (n, d) the
    whitened vectors of all. Where the peak stays below `least` the cosine is not computed but 0.

    Memory is bounded by BLOCK pairs, whatever p.
    """
    n = len(a)
    out = Laid(
        np.zeros(n, np.float32), np.zeros(n, np.float32), mirror, np.zeros((n, 2), np.int8), np.zeros((n, 2), np.int8)
    )
    for start in range(0, n, BLOCK):
        at = slice(start, start + BLOCK)
        first: np.ndarray = images[a[at]].astype(np.float32)
        second: np.ndarray = images[b[at]].astype(np.float32)
        second[mirror[at]] = second[mirror[at], :, ::-1]
        out.peak[at], out.zoom[at], out.shift[at] = register(grey(first), grey(second))
        near = np.flatnonzero(out.peak[at] >= least)
        if len(near):
            known, done = z[a[at][near]], (out.zoom[at][near], out.shift[at][near])
            out.cosine[at][near] = _cosine(first[near], second[near], *done, whiten, known)
    return out


def register(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grey (p, SIDE, SIDE) float32 -> peak (p,), zoom (p, 2), shift (p, 2); see `Laid`. Pairs that agree as they
    are get no enlargement tried."""
    peak, shift = _correlate(_spectrum(first, 0), _spectrum(second, 0))
    zoom: np.ndarray = np.zeros((len(first), 2), np.int8)
    open_ = np.flatnonzero(peak < SURE)
    if len(open_):
        one = [_spectrum(first[open_], z) for z in range(len(ZOOMS))]
        two = [_spectrum(second[open_], z) for z in range(len(ZOOMS))]
        for za, zb in TRIED[1:]:
            found, moved = _correlate(one[za], two[zb])
            better = found > peak[open_]
            places = open_[better]
            peak[places], shift[places], zoom[places] = found[better], moved[better], (za, zb)
    return peak, zoom, shift


def _gaussian() -> np.ndarray:
    at = np.arange(SIDE)
    weights = np.exp(-((at[:, None] - at) ** 2) / (2 * LOCAL**2))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _window() -> np.ndarray:
    """(SIDE, SIDE) float32: 1 inside, falling to 0 at the border."""
    edge = np.minimum(np.arange(SIDE) + 0.5, SIDE - np.arange(SIDE) - 0.5)
    fade = np.sin(np.clip(edge / MARGIN, 0, 1) * np.pi / 2) ** 2
    return np.outer(fade, fade).astype(np.float32)


def _spectrum(grey: np.ndarray, zoom: int) -> np.ndarray:
    """Fourier transform (p, SIDE, SIDE // 2 + 1) complex64 of the pictures with local mean and contrast taken out."""
    from scipy import fft

    if zoom:
        stretch = enlarging(SIDE, ZOOMS[zoom])
        grey = stretch @ grey @ stretch.T
    blur = _gaussian()
    detail = grey - blur @ grey @ blur.T
    detail /= np.sqrt(np.maximum(blur @ (detail * detail) @ blur.T, 0)) + np.float32(QUIET)
    detail *= _window()
    detail -= detail.mean(axis=(1, 2), keepdims=True)
    detail /= np.sqrt((detail * detail).sum(axis=(1, 2), keepdims=True)) + np.float32(1e-3)
    return fft.rfft2(detail)


def _correlate(one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest correlation (p,) within SHIFT, and where (p, 2)."""
    from scipy import fft

    near = np.concatenate((np.arange(SHIFT + 1), np.arange(SIDE - SHIFT, SIDE)))
    # Only the rows within SHIFT are transformed back along the second axis.
    rows = fft.ifft(one * two.conj(), axis=1)[:, near]
    found = fft.irfft(rows, n=SIDE, axis=2)[:, :, near].reshape(len(one), -1)
    best = found.argmax(axis=1)
    moved = np.where(near > SHIFT, near - SIDE, near)
    shift = np.stack((moved[best // len(near)], moved[best % len(near)]), axis=1).astype(np.int8)
    return found[np.arange(len(found)), best], shift


def _cosine(
    first: np.ndarray,
    second: np.ndarray,
    zoom: np.ndarray,
    shift: np.ndarray,
    whiten: Whitening,
    known: np.ndarray,
) -> np.ndarray:
    """(p,) whitened cosine of the laid pairs (p, SIDE, SIDE, 3): the second gets the first's colours (gain and offset
    a channel over the overlap) and, outside the overlap, the first's pixels. known (p, d): the first's vectors."""
    first, second = _zoomed(first, zoom[:, 0]), _zoomed(second, zoom[:, 1])
    at = np.arange(SIDE)
    row = at[None, :] - shift[:, 0, None].astype(int)
    column = at[None, :] - shift[:, 1, None].astype(int)
    pair = np.arange(len(first))[:, None, None]
    second = second[pair, row.clip(0, SIDE - 1)[:, :, None], column.clip(0, SIDE - 1)[:, None, :]]
    inside = ((row >= 0) & (row < SIDE))[:, :, None] & ((column >= 0) & (column < SIDE))[:, None, :]
    over = inside[..., None].astype(np.float32)
    area = over.sum(axis=(1, 2), keepdims=True)
    middle = [(x * over).sum(axis=(1, 2), keepdims=True) / area for x in (first, second)]
    spread = [
        (((x - m) * over) ** 2).sum(axis=(1, 2), keepdims=True) for x, m in zip((first, second), middle, strict=True)
    ]
    second = (second - middle[1]) * np.sqrt((spread[0] + 1) / (spread[1] + 1)) + middle[0]
    second = second * over + first * (1 - over)
    one: np.ndarray = known.astype(np.float32)
    changed = np.flatnonzero(zoom[:, 0])
    if len(changed):
        one[changed] = whiten(features(first[changed]))
    return (one * whiten(features(second))).sum(axis=1)


def _zoomed(images: np.ndarray, zoom: np.ndarray) -> np.ndarray:
    out = images
    for z in range(1, len(ZOOMS)):
        places = np.flatnonzero(zoom == z)
        if len(places):
            stretch = enlarging(SIDE, ZOOMS[z])
            part = np.matmul(stretch, images[places].transpose(0, 3, 1, 2)) @ stretch.T
            out = out.copy() if out is images else out
            out[places] = part.transpose(0, 2, 3, 1)
    return out
