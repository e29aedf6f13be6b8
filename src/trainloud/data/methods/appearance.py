"""Pictures as probes see them, and what can be taken away from how they look.

Every change works on (n, h, w, c) float32 pictures with values 0 .. 255 and gives pictures of the same form; all are
deterministic.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from trainloud.data.methods.convolution import GRID, PATCH, Bank, Kernel, bank, pooled, resized
from trainloud.data.methods.retention import Bench, Refused, Trial, bench
from trainloud.data.survey import SEED, SIDE, Survey

ROWS = 5000  # pictures of a probe: half the width of an interval of retention is then about 0.03 for ten classes
LARGEST = 128  # pixels a side that are looked at; larger pictures are shrunk
COARSE = 16  # windows a side at most on its coarser levels
COARSEST = 8  # pixels a side of the coarsest level of the pyramid
FINE = 32  # filters on the picture itself,
OTHERS = 16  # on all coarser levels together,
GLOBAL = 256  # and features of the kernel that sees the whole picture: 1,792 in all for 32 pixels
BLURRED = 16  # pixels a side at which the kernel sees the picture
FEW = FINE + OTHERS + 8  # filters of windows whose place is kept,
MANY = FEW * GRID * GRID // 2  # and of others: half of the features then, for filters that are much alike
MARGIN = 8  # an eighth of the side is cropped at each edge
NOISE = 4.0  # times the median by which pixels of the border differ from it, squared: content differs by more
SIZES = (0.5, 2.0)  # factors by which a picture is scaled at most to bring its content to one size


@dataclass(frozen=True)
class View:
    """The pictures of a bench at the size that all questions but that of detail look at."""

    bench: Bench
    images: np.ndarray
    """(m, side, side, c) uint8: c is 1 where no picture has a colour."""
    native: int
    """Median of the longer sides in pixels."""
    whole: Trial
    """The whole probe on these pictures, clearly above the constant."""
    middle: bool = False
    """What is asked is the pixel in the middle, so that pictures must not be moved."""

    @property
    def side(self) -> int:
        return self.images.shape[1]


def view(survey: Survey) -> View:
    """The pictures at the smallest of 32, 64 and 128 pixels at which the probe does not measurably lose, made once.
    Raises Refused where the probe is not clearly above the best constant at any of them."""
    return survey.once("view of pictures", lambda: _view(survey))


def _view(survey: Survey) -> View:
    native = native_side(survey)
    largest = min(native, LARGEST)
    found = bench(survey, min(ROWS, survey.limits.probe_rows, survey.limits.rows(3 * largest * largest)))
    sides = sorted({largest, *(s for s in (SIDE, 2 * SIDE) if s < largest)})
    trials = [looked(found, side, partial(pictures, survey, found.rows, side)) for side in sides]
    best = found.require(max(trials, key=lambda t: t.value))
    i = next(i for i, t in enumerate(trials) if t is best or found.kept(t, best).ruling != "needed")
    return View(found, pictures(survey, found.rows, sides[i]), native, found.require(trials[i]))


def looked(found: Bench, side: int, images: Callable[[], np.ndarray]) -> Trial:
    """The whole probe on pictures of this side, fitted once."""
    return found.trial(f"pictures of {side} pixels", lambda: glance(images()))


def pictures(survey: Survey, rows: np.ndarray, side: int) -> np.ndarray:
    """(m, side, side, c) uint8, c = 1 where all channels are equal in all pictures."""
    images = survey.pixels(rows, side)
    grey = bool((images[..., 0] == images[..., 1]).all() and (images[..., 1] == images[..., 2]).all())
    return np.ascontiguousarray(images[..., :1]) if grey else images


def native_side(survey: Survey) -> int:
    """Median of the longer sides of the training pictures. Raises Refused where no size was measured."""
    axes = survey.measured.axes
    if "width" in axes and "height" in axes:
        longer = np.fmax(axes["width"], axes["height"])[survey.training]
        if np.isfinite(longer).any():
            return max(int(np.nanmedian(longer)), 2)
    raise Refused("no picture could be decoded")


# the probe ----------------------------------------------------------------------------------------------------


def levels(side: int) -> list[int]:
    """Sides of the picture and of its halvings, down to COARSEST or half of a small picture."""
    found = [side]
    while found[-1] // 2 >= min(COARSEST, max(side // 2, 2)):
        found.append(found[-1] // 2)
    return found


@dataclass(frozen=True)
class Eye:
    """The whole probe: windows of all sizes with their place on a grid, and the picture at once."""

    banks: tuple[tuple[int, Bank], ...]
    """Side to which the picture is shrunk, and the filters there."""
    kernel: Kernel
    blurred: int

    @staticmethod
    def of(images: np.ndarray) -> "Eye":
        """Filters from these pictures (n, side, side, c)."""
        fine, *coarse = levels(images.shape[1])
        banks = [(fine, bank(images, FINE))]
        share = max(OTHERS // max(len(coarse), 1), 2)
        banks += [(side, bank(resized(images, side), share, stride=max(1, side // COARSE))) for side in coarse]
        blurred = min(images.shape[1], BLURRED)
        return Eye(tuple(banks), Kernel.of(resized(images, blurred), GLOBAL), blurred)

    def see(self, images: np.ndarray) -> np.ndarray:
        """(n, d) float32."""
        parts = [pooled(resized(images, side), found) for side, found in self.banks]
        return np.concatenate([*parts, self.kernel.see(resized(images, self.blurred))], axis=1)


def glance(images: np.ndarray) -> np.ndarray:
    """(n, d) float32: what the whole probe sees of pictures that its filters come from."""
    return Eye.of(images).see(images)


def windows(images: np.ndarray, reach: int, place: bool = True, ring: bool = False) -> np.ndarray:
    """(n, d) float32: what windows of at most `reach` pixels show, about as many features as the whole probe has.

    With `place` each window's answer is kept by cell of the grid; without, it is averaged over the picture. A filter
    still tells the border then, unless a `ring` joins opposite edges: a picture moved around gives the same features,
    but what lies at opposite edges stands side by side.
    """
    scales = _scales(images.shape[1], reach)
    filters = FEW if place else MANY
    parts = []
    for size, patch in scales:
        small = resized(images, size)
        found = bank(small, filters // len(scales), patch, stride=0 if place or size < 24 else size // 12)
        if ring:
            edge = ((0, 0), (0, found.side - 1), (0, found.side - 1), (0, 0))
            small = np.pad(small, edge, mode="wrap")
        parts.append(pooled(small, found, GRID if place else 1))
    return np.concatenate(parts, axis=1)


def _scales(side: int, reach: int) -> list[tuple[int, int]]:
    """(side of the shrunken picture, side of the filter on it) of windows up to `reach` pixels."""
    found = [(side, min(PATCH, reach))]
    factor = 2
    while min(PATCH, reach // factor) * factor > PATCH * factor // 2:
        found.append((side // factor, min(PATCH, reach // factor)))
        factor *= 2
    return found


def reaches(side: int) -> list[int]:
    """Sides in pixels of the windows that are tried, ascending; the last is half of the picture."""
    half = max(side // 2, 1)
    tried = [r for r in (2, 3, *(PATCH << k for k in range(6))) if side <= 12 * r and r * 1.3 <= half]
    largest = max(patch * side // size for size, patch in _scales(side, half))
    return [*(r for r in tried if (r > 2 or side < 16) and r < largest), largest]


# what can be taken away ---------------------------------------------------------------------------------------

Change = Callable[..., np.ndarray]


def even_brightness(x: np.ndarray) -> np.ndarray:
    """Every picture has the mean of all."""
    means = x.mean(axis=(1, 2, 3), keepdims=True)
    return x - means + means.mean()


def even_contrast(x: np.ndarray) -> np.ndarray:
    """Every picture has the mean and the deviation of all."""
    x = even_brightness(x)
    middle = float(x.mean())
    deviation = (x - middle).std(axis=(1, 2, 3), keepdims=True)
    return (x - middle) / np.maximum(deviation, 1) * deviation.mean() + middle


def even_cast(x: np.ndarray) -> np.ndarray:
    """Every picture's channels stand to each other as in the mean of all; its brightness stays."""
    channels = x.mean(axis=(1, 2), keepdims=True)
    cast = channels - channels.mean(axis=3, keepdims=True)
    return x - cast + cast.mean(axis=0)


def grey(x: np.ndarray) -> np.ndarray:
    """One channel: the luma of ITU-R BT.601."""
    return x @ np.array([0.299, 0.587, 0.114], np.float32)[:, None] if x.shape[3] == 3 else x


def centred(x: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """The middle of what differs from the border lies in the middle; moved in a ring, so that no edge tells by how
    much. `like`: pictures whose content is looked at instead."""
    down, right, _ = content(x if like is None else like)
    return warped(x, np.round(down), np.round(right), ring=True)


def one_size(x: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """Centred, and what differs from the border spreads equally far."""
    down, right, spread = content(x if like is None else like)
    factor = np.median(spread) / np.maximum(spread, 1e-3)
    return warped(x, np.round(down), np.round(right), np.clip(factor, *SIZES), ring=True)


def cropped(x: np.ndarray) -> np.ndarray:
    """Without the outer eighth at each edge."""
    cut = max(1, x.shape[1] // MARGIN)
    return np.ascontiguousarray(x[:, cut:-cut, cut:-cut])


def one_side(x: np.ndarray) -> np.ndarray:
    """Mirrored where the right half holds more of what differs from the border."""
    _, right, _ = content(x)
    return np.where((right < 0)[:, None, None, None], x[:, :, ::-1], x)


def content(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) each: by how many pixels down and right the picture must move for what differs from its border to lie in
    the middle, and how far that spreads (standard deviation in pixels)."""
    h, w = x.shape[1:3]
    edge = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], axis=1)
    ground = np.median(edge, axis=1, keepdims=True)  # (n, 1, c)
    noise = NOISE * np.median(np.square(edge - ground).sum(axis=2), axis=1)
    # Squared, so that many pixels of noise do not outweigh few of content.
    mass = np.square(np.maximum(np.square(x - ground[:, None]).sum(axis=3) - noise[:, None, None], 0)) + 1e-3
    total = mass.sum(axis=(1, 2))
    rows, columns = mass.sum(axis=2) / total[:, None], mass.sum(axis=1) / total[:, None]
    at = [np.arange(h) - (h - 1) / 2, np.arange(w) - (w - 1) / 2]
    middle = [rows @ at[0], columns @ at[1]]
    spread = rows @ at[0] ** 2 - middle[0] ** 2 + columns @ at[1] ** 2 - middle[1] ** 2
    return -middle[0], -middle[1], np.sqrt(np.maximum(spread, 0) / 2)


def warped(
    x: np.ndarray, down: np.ndarray, right: np.ndarray, factor: np.ndarray | float = 1.0, ring: bool = False
) -> np.ndarray:
    """Each picture moved by so many pixels, then enlarged by `factor` about its middle; edges are repeated, or with
    `ring` what leaves at one edge enters at the other."""
    factors: np.ndarray = np.broadcast_to(np.asarray(factor, np.float32), (len(x),))
    out = np.empty_like(x, dtype=np.float32)
    step = 512
    for a in range(0, len(x), step):
        part = slice(a, a + step)
        rows = _interpolation(x.shape[1], down[part], factors[part], ring)
        columns = _interpolation(x.shape[2], right[part], factors[part], ring)
        n, h, w, c = x[part].shape
        tall = np.matmul(rows, x[part].reshape(n, h, w * c).astype(np.float32)).reshape(n, h, w, c)
        out[part] = np.matmul(columns[:, None], tall)
    return out


def _interpolation(side: int, shift: np.ndarray, factor: np.ndarray, ring: bool) -> np.ndarray:
    """(n, side, side) weights of linear interpolation."""
    middle = (side - 1) / 2
    at = (np.arange(side) - middle)[None] / factor[:, None] + middle - shift[:, None]
    if not ring:
        return np.maximum(1 - np.abs(np.clip(at, 0, side - 1)[..., None] - np.arange(side)), 0).astype(np.float32)
    away = np.abs(np.mod(at, side)[..., None] - np.arange(side))
    return np.maximum(1 - np.minimum(away, side - away), 0).astype(np.float32)


def shuffled(x: np.ndarray, parts: int) -> np.ndarray:
    """Cut into `parts` by `parts` pieces, which change places at random in every picture; a rest is cropped."""
    n, h, w, c = x.shape
    a, b = h // parts, w // parts
    top, left = (h - a * parts) // 2, (w - b * parts) // 2
    x = x[:, top : top + a * parts, left : left + b * parts]
    pieces = x.reshape(n, parts, a, parts, b, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, parts * parts, a, b, c)
    order = np.random.default_rng(SEED).random((n, parts * parts)).argsort(axis=1)
    pieces = np.take_along_axis(pieces, order[:, :, None, None, None], axis=1)
    whole = pieces.reshape(n, parts, parts, a, b, c).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(whole).reshape(x.shape)


def jolted(x: np.ndarray, most: float) -> np.ndarray:
    """Each picture moved at random by up to `most` of its side, up or down and left or right."""
    reach = most * x.shape[1]
    down, right = np.random.default_rng(SEED).uniform(-reach, reach, (2, len(x)))
    return warped(x, np.round(down), np.round(right))


def relit(x: np.ndarray) -> np.ndarray:
    """Brightness and contrast of each picture changed at random by up to a fifth."""
    rng = np.random.default_rng(SEED)
    gain = rng.uniform(0.8, 1.25, (len(x), 1, 1, 1)).astype(np.float32)
    return np.clip((x - 128) * gain + 128 + rng.uniform(-51, 51, gain.shape).astype(np.float32), 0, 255)


# which variation is there -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Axis:
    """A form of variation of pictures that can be taken away."""

    name: str
    change: Change
    remedy: str
    ingredient: str
    part_of: str = ""
    """See `Form`."""


_MEAN, _COLOUR, _SIZE = "brightness and contrast", "colour", "size"
AXES = (
    Axis(_MEAN, even_contrast, "give every picture the same mean and deviation", "preprocessing=even-contrast"),
    Axis("brightness", even_brightness, "give every picture the same mean", "preprocessing=even-brightness", _MEAN),
    Axis(_COLOUR, grey, "turn the pictures grey", "preprocessing=grey"),
    Axis("colour cast", even_cast, "balance the colours of every picture", "preprocessing=white-balance", _COLOUR),
    Axis(_SIZE, one_size, "centre the content and bring it to one size", "preprocessing=one-size"),
    Axis("position", centred, "centre the content", "preprocessing=centred", _SIZE),
    Axis("margin", cropped, "crop an eighth of the side at each edge", "preprocessing=cropped-margin"),
    Axis("left and right", one_side, "mirror pictures so that content lies on one side", "preprocessing=one-side"),
)
COLOURED = (grey, even_cast)  # changes that need colours
MOVING = (centred, one_size, cropped, one_side)  # changes that move what lies in the middle
FITTED: tuple[tuple[str, Change], ...] = (  # taken away one after the other
    ("brightness", even_brightness),
    ("colour cast", even_cast),
    ("contrast", even_contrast),
    ("position", centred),
    ("size", one_size),
)


def axes_of(seen: View) -> list[Axis]:
    """The axes that these pictures can vary along."""
    images = seen.images
    small = images.shape[1] < MARGIN  # too small to crop
    no = [*([] if images.shape[3] == 3 else COLOURED), *([cropped] if small else []), *(MOVING if seen.middle else [])]
    return [a for a in AXES if a.change not in no]


def spread(x: np.ndarray) -> float:
    """Sum over pixels of the variance over pictures."""
    return float(x.reshape(len(x), -1).var(axis=0, dtype=np.float64).sum())


def removed(axis: Axis, x: np.ndarray) -> float:
    """Share of the variance of (n, h, w, c) float32 pictures that goes when the axis is taken away, at least 0."""
    whole = spread(x)
    return _gone(axis.change, x, whole, axis.change(x)) / whole if whole > 0 else 0.0


def _gone(change: Change, x: np.ndarray, before: float, changed: np.ndarray) -> float:
    """Variance that a change took away, `before` being that of `x`. Moving and scaling smooth a picture, so they are
    held against the same moves of other pictures."""
    if change in (centred, one_size):
        other = np.random.default_rng(SEED).permutation(len(x))
        before = min(before, spread(change(x, x[other])))
    # Grey pictures count for all their channels.
    return max(before - spread(changed) * (x.shape[3] / changed.shape[3]), 0.0)


def decomposed(x: np.ndarray) -> dict[str, float]:
    """Shares of the variance that go with each of FITTED, taken away in turn, and "the rest"; they sum to 1."""
    whole, shares = spread(x), {}
    for name, change in FITTED:
        if whole > 0 and (x.shape[3] == 3 or change is not even_cast):
            changed = change(x)
            gone = _gone(change, x, spread(x), changed)
            shares[name] = gone / whole
            x = changed if gone > 0 else x
    return shares | {"the rest": 1 - sum(shares.values())}
