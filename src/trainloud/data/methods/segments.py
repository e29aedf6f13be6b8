"""Pictures with masks as probes see them: what lies around a pixel, and the mask's value at that pixel."""

import numpy as np

from trainloud.data.measure.decode import budget, quiet_pillow
from trainloud.data.measure.pictures import levels_of, read
from trainloud.data.measure.pixels import shown
from trainloud.data.methods.appearance import View, glance, view
from trainloud.data.methods.convolution import resized
from trainloud.data.methods.retention import RAREST, Bench, Refused, Trial, weighed_classes
from trainloud.data.survey import SEED, Survey

PICTURES = 120  # that pixels are drawn from
PIXELS = 4000  # drawn in all
SIDE = 64  # pixels of what is seen around each, or half of it where a probe does better with less
VALUES = 30  # of a mask, the most frequent ones
FULL = 1 << 20  # pixels a side: no JPEG is decoded at a smaller scale


def seen_of(survey: Survey) -> View:
    """The pictures, or what lies around pixels where each picture has a mask. Raises Refused."""
    return survey.once("surroundings", lambda: _around(survey)) if survey.task == "segmentation" else view(survey)


def crop(images: np.ndarray, side: int) -> np.ndarray:
    """The `side` pixels of (n, h, w, c) around the one that is asked about, which lies at half of h and w."""
    first = images.shape[1] // 2 - side // 2
    return np.ascontiguousarray(images[:, first : first + side, first : first + side])


def _around(survey: Survey) -> View:
    rows = np.setdiff1d(np.flatnonzero(survey.training), np.fromiter(survey.measured.errors, int))
    rows = rows[np.unique(np.linspace(0, max(len(rows) - 1, 0), PICTURES).astype(int))] if len(rows) else rows
    images, values, group = _drawn(survey, rows)
    known, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    taken = np.sort(np.argsort(-counts, kind="stable")[:VALUES])
    taken = taken[counts[taken] >= RAREST]
    if len(taken) < 2:
        raise Refused(f"the masks hold hardly any value but {known[int(counts.argmax())]}")
    keep = np.isin(codes, taken)
    y = (codes[keep, None] == taken).astype(np.float32)
    weight, metric = weighed_classes(y)
    found = Bench(np.flatnonzero(keep), y, weight, np.unique(group[keep], return_inverse=True)[1], metric)
    images = images[keep]
    if (images[..., :1] == images).all():
        images = np.ascontiguousarray(images[..., :1])
    far = max((SIDE // 2, SIDE), key=lambda side: around(found, images, side).value)
    return View(found, crop(images, far), far, found.require(around(found, images, far)), middle=True)


def around(found: Bench, images: np.ndarray, side: int) -> Trial:
    """The probe on the `side` pixels around, fitted once."""
    return found.trial(f"the {side} pixels around", lambda: glance(crop(images, side)))


def shrunk(found: Bench, images: np.ndarray, times: int) -> Trial:
    """The probe on all that is around, made so many times smaller, fitted once."""
    return found.trial(f"pictures shrunk {times} times", lambda: glance(resized(images, images.shape[1] // times)))


def _drawn(survey: Survey, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(p, SIDE, SIDE, 3) uint8 around pixels drawn at random, (p,) their value in the mask, (p,) their picture."""
    pictures, masks = survey.data.pictures, survey.data.masks
    if pictures is None or masks is None:
        raise Refused("there are no masks")
    rng, most = np.random.default_rng(SEED), budget(survey.limits)
    each, half = max(PIXELS // max(len(rows), 1), 1), SIDE // 2
    levels = levels_of(pictures, most)
    images, values, group = [], [], []
    with quiet_pillow():
        for row in rows.tolist():
            picture = read(pictures, row, survey.data.name_of(row), most, FULL)[0].pixels
            mask = read(masks, row, "", most, FULL)[0].pixels
            if picture is None or mask is None or picture.shape[:2] != mask.shape[:2]:
                continue
            seen = levels.bytes(shown(picture))
            seen = np.repeat(seen[..., None], 3, axis=2) if seen.ndim == 2 else seen
            seen = np.pad(seen, ((half, half), (half, half), (0, 0)), mode="symmetric")
            told = _told(mask)
            places = rng.integers(0, mask.shape[:2], (each, 2)).tolist()
            images += [seen[top : top + SIDE, left : left + SIDE] for top, left in places]
            values += [told[top, left] for top, left in places]
            group += [row] * each
    if not images:
        raise Refused("no picture could be decoded together with its mask")
    return np.stack(images), np.array(values), np.array(group)


def _told(mask: np.ndarray) -> np.ndarray:
    """(h, w) int64: the values of a mask; colours as one number."""
    if mask.ndim == 2:
        return mask.astype(np.int64)
    return np.asarray(mask[..., :3].astype(np.int64) @ (1 << 16, 1 << 8, 1)[: mask.shape[2]])
