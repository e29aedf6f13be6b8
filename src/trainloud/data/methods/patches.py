"""Marks at a fixed place: what a few pixels at one place of the thumbnails tell of each class.

Content tells classes too, but not like this:

- `contrasts`: how much brighter a place is than the ring around it. A mark lifts the area under the ROC curve at its
  own place and nowhere around; content, whose contours are long and vary, lifts it over a neighbourhood.
- `stamps`: a place that has one and the same colour in most pictures of a class and hardly ever in others. Content does
  so over whole strokes and plains: a mark stands out from all that the class's other places tell (`_isolated`).
"""

from typing import NamedTuple

import numpy as np

from trainloud.data.methods.statistics import wilson

CORE, GAP, RING = 3, 5, 7  # sides in pixels: the place, the gap around it, the ring that it is compared with
AROUND = (5, 6)  # pixels from a mark: it no longer reaches the place or its ring
LEVELS = 256  # steps of two grey levels that contrasts are counted in
CELLS = 4 << 20  # of the histograms that are made at once
FEWEST = 20  # pictures of a class
TOLERANCE = 12  # grey levels of a channel: what JPEG leaves of one colour
COMMON = 0.05  # share of the other classes' pixels from which a colour is the background, not a mark
NEARLY = 2 / 3  # of the best place's strength: places beside it that reach so far are one with it, and elsewhere ...
# ... they make it content; on garments, content at other places reaches 0.64 of a mark, on digits 0.73 and more
EXTENT = 10  # pixels of a mark's longer side, beyond which it must be ...
ALONE = 0.2  # ... as far above all other places: they reach no more than this part of its strength
CORE_OTHERS = 1_000  # pictures of the other classes that the map of a class is made from
SURE = 4.0  # standard errors: of a thousand places none deviates so far by chance


class Peak(NamedTuple):
    """Where the contrast tells a class best."""

    label: int
    row: int
    column: int
    area: float
    """Under the ROC curve, of the class against all others."""
    isolation: float
    """By how much its distance from 0.5 exceeds that of the places around it."""
    background: float
    """The largest isolation of any other place of the same class."""
    error: float
    """Standard error of `area`."""
    channel: int


class Stamp(NamedTuple):
    """A colour that one class has at one place."""

    label: int
    row: int
    column: int
    mine: float
    """Share of the class's pictures with this colour there."""
    others: float
    excess: float
    """Lower end of `mine` less upper end of `others`."""
    colour: tuple[int, int, int]
    elsewhere: float
    """The largest `mine` less `others` that the class reaches at any place away from this one."""


def inside(pictures: np.ndarray, frame: int) -> np.ndarray:
    """(n, side, side) bool: what is picture, not the frame of one grey level around it."""
    flat = (pictures == frame).all(axis=3)
    down, right = (_span(np.asarray(flat.all(axis=axis))) for axis in (2, 1))
    return down[:, :, None] & right[:, None, :]


def _span(flat: np.ndarray) -> np.ndarray:
    """(n, side) bool: from the first to the last line that is not flat."""
    side = flat.shape[1]
    first, last = np.argmin(flat, axis=1), side - np.argmin(flat[:, ::-1], axis=1)
    line = np.arange(side)
    blank = np.asarray(flat.all(axis=1))
    return (line >= first[:, None]) & (line < last[:, None]) & ~blank[:, None]


def contrasts(pictures: np.ndarray, within: np.ndarray, labels: np.ndarray, classes: int) -> list[Peak]:
    """The best place of each class with enough pictures, in each channel: (n, side, side, 3) uint8, (n, side, side)
    bool, (n,) 0 .. classes-1."""
    side = pictures.shape[1]
    grey = bool((pictures == pictures[..., :1]).all())
    mask: np.ndarray = within.astype(np.float32)
    around = _core_and_ring(mask)
    known = (around[0] >= CORE * CORE / 2) & (around[1] >= (RING * RING - GAP * GAP) / 3)
    found = []
    for channel in range(1 if grey else 3):
        core, ring = _core_and_ring(pictures[..., channel] * mask)
        contrast = core / np.maximum(around[0], 1) - ring / np.maximum(around[1], 1)
        level = np.where(known, np.clip(contrast / 2 + LEVELS / 2, 0, LEVELS - 1), LEVELS).astype(np.int64)
        area, error = _areas(level.reshape(len(pictures), -1).T, labels, classes)
        found += _peaks(area.reshape(classes, side, side), error.reshape(classes, side, side), channel)
    return found


def _core_and_ring(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums over the place and over its ring, at every pixel."""
    reach = RING // 2
    padded = np.pad(values, ((0, 0), (reach, reach), (reach, reach)))
    whole = np.cumsum(np.cumsum(np.pad(padded, ((0, 0), (1, 0), (1, 0))), axis=1, dtype=np.float32), axis=2)

    def box(size: int) -> np.ndarray:
        sums = whole[:, size:, size:] - whole[:, :-size, size:] - whole[:, size:, :-size] + whole[:, :-size, :-size]
        cut = (RING - size) // 2
        return sums[:, cut : sums.shape[1] - cut, cut : sums.shape[2] - cut]

    return box(CORE), box(RING) - box(GAP)


def _areas(level: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """(classes, places) area under the ROC curve and its standard error where nothing is told: `level` is (places, n),
    LEVELS for unknown. 0.5 where a side has fewer than FEWEST pictures."""
    places, _n = level.shape
    width = LEVELS + 1
    step = max(CELLS // (classes * width), 1)
    area, error = np.full((classes, places), 0.5), np.full((classes, places), np.inf)
    own: np.ndarray = labels * width
    for first in range(0, places, step):
        part = level[first : first + step]
        keys = part + own + (np.arange(len(part)) * (classes * width))[:, None]
        counted = np.bincount(keys.ravel(), minlength=len(part) * classes * width).reshape(len(part), classes, width)
        mine = counted[..., :LEVELS].astype(np.float64)
        whole = mine.sum(axis=1, keepdims=True)
        below = np.cumsum(whole, axis=2) - whole / 2
        p = mine.sum(axis=2)
        q = whole.sum(axis=2) - p
        enough = (p >= FEWEST) & (q >= FEWEST)
        both = np.maximum(p * q, 1)
        found = ((mine * below).sum(axis=2) - p * p / 2) / both
        area[:, first : first + step] = np.where(enough, found, 0.5).T
        error[:, first : first + step] = np.where(enough, np.sqrt((p + q + 1) / (12 * both)), np.inf).T
    return area, error


def _peaks(area: np.ndarray, error: np.ndarray, channel: int) -> list[Peak]:
    """The most isolated place of each class: (classes, side, side) areas and their errors."""
    distance = np.abs(area - 0.5)
    side, reach = area.shape[1], max(AROUND)
    padded = np.pad(distance, ((0, 0), (reach, reach), (reach, reach)))
    around = np.zeros_like(distance)
    for far in AROUND:
        for down in (-far, 0, far):
            for right in (-far, 0, far):
                if down or right:
                    rows, columns = slice(reach + down, reach + down + side), slice(reach + right, reach + right + side)
                    around = np.maximum(around, padded[:, rows, columns])
    isolation = distance - around
    found = []
    for label in range(len(area)):
        row, column = divmod(int(isolation[label].argmax()), side)
        others = isolation[label].copy()
        others[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1] = 0
        where = label, row, column
        if np.isfinite(error[where]):
            best = float(area[where]), float(isolation[where]), float(others.max()), float(error[where])
            found.append(Peak(label, row, column, *best, channel))
    return found


def stamps(
    pictures: np.ndarray, within: np.ndarray, labels: np.ndarray, classes: int, least: float
) -> tuple[list[Stamp], list[Stamp]]:
    """Places where half and more of a class have one colour that is no background, with an excess of `least`, the
    clearest first: those that stand out from the other places of their class, and those that do not."""
    counts = [np.bincount(_coarse(pictures[labels == c])[within[labels == c]], minlength=4096) for c in range(classes)]
    whole = np.sum(counts, axis=0)
    found: list[Stamp] = []
    content: list[Stamp] = []
    for label in range(classes):
        is_mine = labels == label
        mine = pictures[is_mine]
        if len(mine) < FEWEST or len(mine) == len(pictures):
            continue
        middle = np.median(mine, axis=0).astype(np.int16)
        share = (whole - counts[label]) / max(int((whole - counts[label]).sum()), 1)
        rare = share[_coarse(middle.astype(np.uint8))] <= COMMON
        agree = _near(mine, middle).mean(axis=0) * within[is_mine].all(axis=0)
        others = pictures[~is_mine]
        mine_found = []
        for row, column in np.argwhere((agree >= 0.5) & rare):
            near = _near(others[:, row, column], middle[row, column])
            low = wilson(agree[row, column] * len(mine), len(mine), SURE)[0]
            high = wilson(float(near.sum()), len(others), SURE)[1]
            colour = tuple(int(v) for v in middle[row, column])
            shares = float(agree[row, column]), float(near.mean()), low - high
            if low - high >= least:
                mine_found.append(Stamp(label, int(row), int(column), *shares, colour, 0.0))  # type: ignore[arg-type]
        if not mine_found:
            continue
        some = others[:: 1 + len(others) // CORE_OTHERS]
        tells = agree - _near(some, middle).mean(axis=0) * (agree > 0)
        stamp = max(mine_found, key=lambda s: s.excess)
        alone, elsewhere = _isolated(tells, stamp.row, stamp.column)
        (found if alone else content).append(stamp._replace(elsewhere=elsewhere))
    return sorted(found, key=lambda s: -s.excess), sorted(content, key=lambda s: -s.excess)


def _isolated(tells: np.ndarray, row: int, column: int) -> tuple[bool, float]:
    """Whether a place stands out from (side, side) what all places of its class tell, and the most that others do.

    Of one piece with it are the places NEARLY as strong that hang together with it, and those that they touch.
    """
    best = float(tells[row, column])
    strong = tells >= NEARLY * best
    piece = np.zeros_like(strong)
    piece[row, column] = True
    for _ in range(strong.size):
        grown = _grown(piece) & strong
        if (grown == piece).all():
            break
        piece = grown
    away = ~_grown(_grown(piece))
    if not away.any():
        return False, best
    elsewhere = float(tells[away].max())
    extent = max(int(np.ptp(np.flatnonzero(piece.any(axis=axis)))) + 1 for axis in (0, 1))
    return elsewhere < (NEARLY if extent <= EXTENT else ALONE) * best, elsewhere


def _grown(piece: np.ndarray) -> np.ndarray:
    """(side, side) bool, with all neighbours."""
    padded = np.pad(piece, 1)
    side = len(piece)
    near = [padded[i : i + side, j : j + side] for i in range(3) for j in range(3)]
    return np.asarray(np.logical_or.reduce(near))


def _coarse(pixels: np.ndarray) -> np.ndarray:
    """(...) the colour in 16 steps a channel as one number."""
    steps = (pixels >> 4).astype(np.int32)
    return (steps[..., 0] << 8) | (steps[..., 1] << 4) | steps[..., 2]


def _near(pixels: np.ndarray, colour: np.ndarray) -> np.ndarray:
    return np.asarray((np.abs(pixels.astype(np.int16) - colour) <= TOLERANCE).all(axis=-1))
