"""Pictures and their masks: files of two sibling folders, or of one, whose names match one to one.

A mask is told by a word in its folder's or its file's name, by its partner of the same name without that word, and by
what it holds: a few values only. All three must agree: a folder of photographs that is called "mask" is a class.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from trainloud.data.measure.decode import decode
from trainloud.data.sources.files.tree import Entry, parts_of
from trainloud.data.sources.pictures.image_files import stem_of, words

MASK_WORDS = words(
    "mask masks label labels annotation annotations annot seg segs segmentation segmentations segmentationclass gt "
    "groundtruth truth target targets matte mattes lbl manual"
)
IMAGE_WORDS = words("image images img imgs input inputs jpegimages raw photo photos picture pictures x")
MATCHED = 0.9  # share of masks that must have their picture, and of pictures their mask in one of their folders
LOOKED_AT = 8  # masks that are decoded to tell that they are masks
MOST_PIXELS = 64 << 20  # of a mask that is decoded for telling
COUNTED = 1 << 18  # pixels of a mask whose values are counted
COVERED = 0.98  # share of a mask's pixels that its most frequent values must cover: JPEG blurs the edges
MOST_VALUES = 40  # such values: the largest usual sets of classes have 21 to 35; a photograph needs over 100


@dataclass(frozen=True)
class Pairs:
    """Which picture has which mask."""

    pictures: list[Entry]
    masks: list[Entry | None]
    """One a picture."""
    lonely: list[Entry]
    """Masks without a picture."""
    why: str


def pairs(entries: Sequence[Entry], read: Callable[[Entry], bytes]) -> Pairs | None:
    """The pairs among files that are all pictures by name or content; None where they are none."""
    masks = [e for e in entries if _words(e.name) & MASK_WORDS]
    if not masks or len(masks) == len(entries):
        return None
    named = {e.name for e in masks}
    pictures = [e for e in entries if e.name not in named]
    for depth in (None, 1):  # folders and stem, then the stem alone
        found, lonely = _partners(pictures, masks, depth)
        if len(found) >= MATCHED * len(masks) and _covered(pictures, found):
            break
    else:
        return None
    values = _values([found[n] for n in sorted(found)], read)
    if values is None:
        return None
    folder = "/".join(parts_of(next(iter(found.values())).name)[:-1]) or "."
    matched = f"{len(found):,} of {len(pictures):,} pictures have a mask of their name"
    why = f"{matched} (the first in {folder!r}), with {values}"
    return Pairs(pictures, [found.get(e.name) for e in pictures], lonely, why)


def _partners(
    pictures: Sequence[Entry], masks: Sequence[Entry], depth: int | None
) -> tuple[dict[str, Entry], list[Entry]]:
    """Picture's name -> its mask, and the masks without a picture; names are compared on their last `depth` parts."""
    by_key: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for e in pictures:
        by_key[_key(e.name, IMAGE_WORDS)[-(depth or 0) :]].append(e)
    found: dict[str, Entry] = {}
    lonely = []
    for mask in masks:
        partners = by_key.get(_key(mask.name, MASK_WORDS)[-(depth or 0) :], [])
        if len(partners) == 1 and partners[0].name not in found:
            found[partners[0].name] = mask
        else:
            lonely.append(mask)
    return found, lonely


def _covered(pictures: Sequence[Entry], found: dict[str, Entry]) -> bool:
    """Whether the pictures of a folder that has masks have them nearly all; folders without any are test data."""
    of: Counter[tuple[str, ...]] = Counter(parts_of(e.name)[:-1] for e in pictures)
    have: Counter[tuple[str, ...]] = Counter(parts_of(e.name)[:-1] for e in pictures if e.name in found)
    return sum(have.values()) >= MATCHED * sum(of[f] for f in have)


def _tokens(part: str) -> list[str]:
    return [t for t in re.split(r"[^A-Za-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", part).lower()) if t]


def _words(name: str) -> set[str]:
    """Words of the folders, and the last and the first word of the file's stem ("0001_mask.png")."""
    *folders, _ = parts_of(name)
    stem = _tokens(stem_of(name))
    return {t for f in folders for t in _tokens(f)} | set(stem[-1:] + stem[:1])


def _key(name: str, drop: frozenset[str]) -> tuple[str, ...]:
    """What a picture and its mask have in common: folders and stem without the words that tell them apart."""
    *folders, _ = parts_of(name)
    stem = _tokens(stem_of(name))
    while len(stem) > 1 and stem[-1] in drop:
        stem.pop()
    if len(stem) > 1 and stem[0] in drop:
        stem.pop(0)
    kept = [" ".join(t for t in _tokens(f) if t not in drop) for f in folders]
    return (*(k for k in kept if k), " ".join(stem))


def _values(masks: Sequence[Entry], read: Callable[[Entry], bytes]) -> str | None:
    """How many values some of the masks hold, in words; None where they are too many for masks."""
    counts = []
    for entry in [masks[i] for i in np.unique(np.linspace(0, len(masks) - 1, LOOKED_AT).astype(int))]:
        try:
            pixels = decode(read(entry), entry.name, MOST_PIXELS).pixels
        except OSError:  # one that cannot be read tells nothing
            continue
        if pixels is None:
            continue
        flat = pixels.reshape(-1, pixels.shape[2]) if pixels.ndim == 3 else pixels.reshape(-1, 1)
        flat = flat[:: 1 + len(flat) // COUNTED]
        _, times = np.unique(flat, axis=0 if flat.shape[1] > 1 else None, return_counts=True)
        share = np.cumsum(np.sort(times)[::-1]) / times.sum()
        counts.append(int(np.searchsorted(share, COVERED)) + 1)
    if not counts or np.median(counts) > MOST_VALUES:
        return None
    span = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    return f"{span} values in {COVERED:.0%} of their pixels, in {len(counts)} masks looked at"
