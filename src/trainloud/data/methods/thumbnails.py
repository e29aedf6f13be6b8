"""Thumbnails made comparable: what fills the frame, without the grey bands around pictures that are not square."""

import numpy as np

from trainloud.data.measure.pixels import GREY
from trainloud.data.survey import SIDE, Survey

BLOCK = 1024  # thumbnails worked on at a time
CELL = 4  # pixels a side of the cells that must show something
SHOWS = 3.0  # grey levels between neighbouring pixels: what JPEG leaves of a plain ground is less
LEAST_CELLS = 12  # of the 64 cells: pictures that show something in fewer look alike by nature
SIDEWAYS = ("5", "6", "7", "8")  # EXIF orientations that swap width and height


class Squares:
    """Rows of the survey -> (m, SIDE, SIDE, 3) uint8 as asked for; the aspect of each is squeezed into a square.

    Copies that differ in aspect then still meet, and the bands around pictures make none alike.
    """

    def __init__(self, thumbs: np.ndarray, high: np.ndarray, wide: np.ndarray):
        """thumbs (n, SIDE, SIDE, 3) uint8; high, wide (n,): the size of what is centred on the grey frame."""
        self.thumbs, self.high, self.wide = thumbs, high, wide

    def __len__(self) -> int:
        return len(self.thumbs)

    def taken(self, rows: np.ndarray) -> "Subset":
        return Subset(self, rows)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        out = np.asarray(self.thumbs[rows])
        key = self.high[rows].astype(np.int64) * (SIDE + 1) + self.wide[rows]
        for shape in np.unique(key):
            high, wide = divmod(int(shape), SIDE + 1)
            if (high, wide) == (SIDE, SIDE):
                continue
            places = np.flatnonzero(key == shape)
            top, left = (SIDE - high) // 2, (SIDE - wide) // 2
            part = out[places, top : top + high, left : left + wide]
            if (part[..., :1] == part[..., 1:]).all():
                part = part[..., :1]  # grey
            part = part.astype(np.float32)
            part = np.tensordot(part, enlarging(high), (1, 1))  # (m, wide, 3, SIDE)
            part = np.tensordot(part, enlarging(wide), (1, 1))  # (m, 3, SIDE, SIDE): channel, row, column
            out[places] = (part.transpose(0, 2, 3, 1) + np.float32(0.5)).astype(np.uint8)
        return out


class Subset(Squares):
    """Some rows of others, numbered anew; nothing is copied."""

    def __init__(self, whole: Squares, rows: np.ndarray):
        self.whole, self.rows = whole, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return self.whole[self.rows[rows]]


def enlarging(old: int, zoom: float = 1.0, new: int = SIDE) -> np.ndarray:
    """(new, old) float32 weights that stretch `old` pixels to `new`, enlarged by `zoom` about the middle; bilinear."""
    at = (old - 1) / 2 + (np.arange(new) - (new - 1) / 2) * (old / new) / zoom
    return np.maximum(1 - np.abs(np.clip(at, 0, old - 1)[:, None] - np.arange(old)), 0).astype(np.float32)


def squares(survey: Survey) -> Squares:
    """The survey's thumbnails. Their size without the frame follows from width and height, or is the whole."""
    thumbs = survey.measured.thumbs
    assert thumbs is not None
    axes = survey.measured.axes
    n = len(thumbs)
    high: np.ndarray = np.full(n, SIDE, np.int16)
    wide = high.copy()
    if {"width", "height"} <= set(axes):
        across, down = np.nan_to_num(axes["width"], nan=1), np.nan_to_num(axes["height"], nan=1)
        if "EXIF orientation" in survey.measured.words:
            codes, words = survey.measured.words["EXIF orientation"]
            turned = np.isin(codes, [i for i, w in enumerate(words) if w in SIDEWAYS])
            across, down = np.where(turned, down, across), np.where(turned, across, down)
        high, wide = _fitted(down, across), _fitted(across, down)
        for start in range(0, n, BLOCK):
            at = slice(start, start + BLOCK)
            grey = (np.asarray(thumbs[at]) == GREY).all(axis=3)
            high[at] = _inside(grey.all(axis=2), high[at])
            wide[at] = _inside(grey.all(axis=1), wide[at])
    return Squares(thumbs, high, wide)


def _fitted(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n,) int16 pixels that a side takes of the frame, as `measure.pixels.reduced` and `framed` do it."""
    longest = np.maximum(np.maximum(one, other), 1)
    shrunk = np.maximum(np.rint(one * SIDE / longest), 1)
    whole = one * np.maximum(SIDE // longest, 1)
    return np.where(longest > SIDE, shrunk, whole).clip(1, SIDE).astype(np.int16)


def _inside(grey: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Rows of the frame that hold the picture: grey (m, SIDE) bool, all of a row is grey.

    Shrinking in two steps may round otherwise than `expected`, by one; a band that is not grey is no band.
    """
    top = np.where(grey.all(axis=1), SIDE, grey.argmin(axis=1))
    bottom = np.where(grey.all(axis=1), SIDE, grey[:, ::-1].argmin(axis=1))
    band = top + np.minimum(bottom, top + 1)
    least = np.where(expected < SIDE, np.maximum(expected - 1, 1), SIDE)
    return np.clip(SIDE - band, least, SIDE).astype(np.int16)


def showing(images: np.ndarray) -> np.ndarray:
    """(m,) int: cells of CELL x CELL pixels in which neighbouring pixels of (m, SIDE, SIDE, 3) uint8 differ."""
    grey = (images[..., 0].astype(np.float32) + images[..., 1] + images[..., 2]) / np.float32(3)
    steps = np.zeros_like(grey)
    steps[:, :, 1:] = np.abs(np.diff(grey, axis=2))
    steps[:, 1:] = np.maximum(steps[:, 1:], np.abs(np.diff(grey, axis=1)))
    cells = steps.reshape(len(grey), SIDE // CELL, CELL, SIDE // CELL, CELL).max(axis=(2, 4))
    return (cells > SHOWS).sum(axis=(1, 2))
