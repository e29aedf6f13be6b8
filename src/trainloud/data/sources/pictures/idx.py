"""idx files, as MNIST and its kin have them: a magic number, the lengths of the axes, the numbers; often gzipped.

A folder with "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte" and their like is one data set with its splits; a file
of images alone takes the labels that lie beside it under the same name. Source: LeCun, Cortes, Burges, "The MNIST
database of handwritten digits", section "File formats".
"""

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError, Trouble
from trainloud.data.sources import Source
from trainloud.data.sources.files.spool import PIECE, Spool, read_forward
from trainloud.data.sources.files.tree import files_of, identity, printable
from trainloud.data.sources.pictures.array_names import SPLITS
from trainloud.data.sources.pictures.stacked import Part, Stack, dataset
from trainloud.data.sources.place import Place

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 4
MOST_FILES = 1000  # of a folder of idx files
LABELS = re.compile(r"labels?", re.IGNORECASE)
IMAGES = re.compile(r"images?|imgs?|data", re.IGNORECASE)


@dataclass(frozen=True)
class Idx:
    """The head of one file."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    gzipped: bool

    @property
    def start(self) -> int:
        """Bytes of the header."""
        return 4 + 4 * len(self.shape)

    @property
    def stem(self) -> str:
        """The name without what tells images from labels, and the format."""
        name = self.path.name.lower().removesuffix(".gz")
        bare = re.sub(r"images?|imgs?|labels?|data|idx\d|ubyte|byte|int", "", name)
        return re.sub(r"[^a-z0-9]+", "-", bare).strip("-")

    @property
    def row(self) -> int:
        """Bytes of one example."""
        return int(np.prod(self.shape[1:], dtype=object)) * self.dtype.itemsize

    @property
    def size(self) -> int:
        """Bytes of all examples, as declared."""
        return self.shape[0] * self.row


def head(path: Path) -> Idx | None:
    """What the first bytes of a file say; None for what is no idx file."""
    try:
        with path.open("rb") as f:
            gzipped = f.read(2) == b"\x1f\x8b"
        with _open(path, gzipped) as file:
            raw = read_forward(file, 4 + 4 * MOST_AXES)
    except (OSError, EOFError, zlib.error):
        return None
    if len(raw) < 8 or raw[:2] != b"\0\0" or raw[2] not in TYPES or not 1 <= raw[3] <= MOST_AXES:
        return None
    if len(raw) < 4 + 4 * raw[3]:
        return None
    shape = tuple(int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3]))
    found = Idx(path, shape, np.dtype(TYPES[raw[2]]), gzipped)
    # Any file may begin with two zeros: the name says idx, or the size is what the header declares.
    if "idx" in path.name.lower() or "ubyte" in path.name.lower():
        return found
    exact = not gzipped and path.stat().st_size == found.start + found.size
    return found if exact and all(shape) else None


def _open(path: Path, gzipped: bool) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if gzipped else path.open("rb")


def recognises(place: Place) -> str:
    found = _heads(place)
    if not found:
        return ""
    axes = ", ".join(f"{h.path.name} {' x '.join(map(str, h.shape))}" for h in found[:4])
    return f"{len(found)} idx file{'s' if len(found) > 1 else ''} ({axes})"


def _heads(place: Place) -> list[Idx]:
    """The idx files that the place names: itself, or those of a folder that hold more than labels."""
    if place.path is None:
        return []
    if place.is_file:
        found = head(place.path)
        return [found] if found else []
    heads = []
    for path in files_of(place.path, MOST_FILES):
        found = head(path)
        heads += [found] if found else []
    return heads if any(len(h.shape) > 1 for h in heads) else []


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    """The data set of the idx files. Raises SourceError."""
    assert place.path is not None
    heads = _heads(place)
    beside = _heads(Place(path=place.path.parent)) if place.is_file else heads
    labels = [h for h in beside if LABELS.search(h.path.name) and not IMAGES.search(LABELS.sub("", h.path.name))]
    images = [h for h in heads if len(h.shape) > 1 and h.path not in {one.path for one in labels}]
    if not images:
        raise SourceError(f"{place}: {heads[0].shape[0]:,} labels; name the file of their images, or the folder")
    sets = sorted({_split(h.stem)[1] for h in images})
    if len(sets) > 1:
        raise SourceError(f"{place}: {len(sets)} data sets ({', '.join(sets)}): name the file of images of one")
    splits = ["" if place.is_file else _split(h.stem)[0] for h in images]
    if len(set(splits)) < len(splits):
        raise SourceError(f"{place}: several files of images of one split: {', '.join(h.path.name for h in images)}")
    partners = [next((h for h in labels if h.stem == one.stem), None) for one in images]
    used = [h.path for h in (*images, *partners) if h is not None]
    stack = Stack([], "idx file" if len(images) == 1 else "idx files", identity(place, *used))
    labelled = sum(p is not None for p in partners)
    stack.why = f"{len(images)} of images, {labelled} of labels"
    for one, split, partner in zip(images, splits, partners, strict=True):
        stack.parts.append(_part(one, split, partner, stack, limits))
    for path in files_of(place.path, MOST_FILES) if place.is_folder else ():
        if path not in used:
            what = f"no idx file of images or their labels, {path.stat().st_size:,} bytes"
            stack.troubles.append(Trouble("stray-file", printable(path.name), what))
    return dataset(stack, asked, limits)


def _split(stem: str) -> tuple[str, str]:
    """(split, the rest of the name): "emnist-letters-train" -> ("train", "emnist-letters")."""
    told = [w for w in stem.split("-") if w in SPLITS]
    rest = "-".join(w for w in stem.split("-") if w not in SPLITS)
    return (SPLITS[told[0]] if told else ""), rest


def _part(one: Idx, split: str, partner: Idx | None, stack: Stack, limits: Limits) -> Part:
    name, x = one.path.name, _array(one, stack, limits)
    if partner is None:
        stack.notes.append(f"{name} has no file of labels of its name beside it")
        return Part(split, x, name)
    y = _array(partner, stack, limits)
    if y.ndim > 1:
        stack.notes.append(f"{partner.path.name} has {y[0].size:,} numbers an example: the first is the label")
        y = y.reshape(len(y), -1)[:, 0]
    if one.shape[0] != partner.shape[0]:
        declared = f"{name} declares {one.shape[0]:,} examples and {partner.path.name} {partner.shape[0]:,}"
        raise SourceError(f"{declared}: which label belongs to which is not known")
    count = min(len(x), len(y))
    return Part(split, x[:count], name, y[:count])


def _array(one: Idx, stack: Stack, limits: Limits) -> np.ndarray:
    """The numbers of a file, mapped; as many whole examples as there are. Raises SourceError."""
    spool = Spool(limits) if one.gzipped else None
    there = _unpacked(one, spool) if spool is not None else one.path.stat().st_size - one.start
    count = one.shape[0]
    if there > one.size:
        what = f"more than the {one.size:,} bytes of its {count:,} examples: the rest is not read"
        stack.troubles.append(Trouble("too-large", one.path.name, what))
    elif there < one.size:
        count = there // one.row
        if not count:
            raise SourceError(f"{one.path}: cut short: {there:,} of {one.size:,} bytes, not one whole example")
        what = f"cut short: {there:,} of {one.size:,} bytes, {count:,} whole examples of {one.shape[0]:,}"
        stack.troubles.append(Trouble("truncated", one.path.name, what))
    shape = (count, *one.shape[1:])
    if spool is not None:
        return spool.array(0, shape, one.dtype)
    if not int(np.prod(shape)):
        return np.empty(shape, one.dtype)
    return np.memmap(one.path, dtype=one.dtype, mode="r", offset=one.start, shape=shape)


def _unpacked(one: Idx, spool: Spool) -> int:
    """Unpack what follows the header, at most what it declares and a byte; how many bytes there are."""
    left = one.size + 1
    try:
        with _open(one.path, True) as f:
            f.read(one.start)
            while left and (piece := read_forward(f, min(PIECE, left))):
                spool.add(piece)
                left -= len(piece)
    except (OSError, EOFError, zlib.error):
        pass  # cut short: told by what is missing
    return len(spool)


SOURCE = Source("idx files", recognises, read, order=15)
