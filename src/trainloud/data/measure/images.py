"""One pass over the pictures: their files, their look, a digest of their pixels and a thumbnail of each.

Threads read and decode blocks of pictures; finished chunks are kept, so that a pass that was interrupted goes on where
it was. Thumbnails lie in one memory-mapped file.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from trainloud.data.cache import Cache
from trainloud.data.dataset import Dataset, Limits
from trainloud.data.measure import Tell
from trainloud.data.measure.axes import COLOUR, GREY_SPREAD, UNITS, looks
from trainloud.data.measure.decode import Decoded, budget, quiet_pillow
from trainloud.data.measure.pictures import blocks, by_shape, levels_of, read, small
from trainloud.data.measure.pixels import digest, framed, reduced
from trainloud.data.survey import SIDE, Measured

CHUNK = 2048  # pictures that are kept together
LOOK_SIDE = 128  # pixels of the longer side on which looks are measured: blur must show, and 128 is cheap
WHAT = "measuring the pictures"
FEW_LEVELS = 8  # from darkest to brightest: what JPEG and shrinking leave of one colour
FINE = "a pattern too fine to show when shrunk"
MASK = "mask: "  # begin of a remark on the mask of a row

FILE_UNITS = {
    "width": "pixels",
    "height": "pixels",
    "aspect ratio": "width by height",
    "file size": "bytes",
    "bytes a pixel": "bytes of the file by pixels",
    "mask share": "share of the mask's pixels that are not 0",
}
NAMES = (*FILE_UNITS, *UNITS)
PLACE = {name: i for i, name in enumerate(NAMES)}


@dataclass
class Piece:
    """What was measured of some rows in order."""

    axes: np.ndarray
    """(rows, len(NAMES)) float32."""
    content: np.ndarray
    """(rows, 2) uint64."""
    said: list[tuple[str, str, str, str, tuple[str, ...]]]
    """Of each row: form, colour mode, EXIF orientation, error, remarks."""

    def arrays(self) -> dict[str, np.ndarray]:
        said = np.frombuffer(json.dumps(self.said).encode(), np.uint8)
        return {"axes": self.axes, "content": self.content, "said": said}

    @staticmethod
    def of(arrays: dict[str, np.ndarray] | None, rows: int) -> "Piece | None":
        """What `arrays` gave; None for anything else."""
        if arrays is None or set(arrays) != {"axes", "content", "said"}:
            return None
        said = [tuple(s) for s in json.loads(arrays["said"].tobytes())]
        piece = Piece(arrays["axes"], arrays["content"], said)  # type: ignore[arg-type]
        whole = len(said) == rows and piece.axes.shape == (rows, len(NAMES)) and piece.content.shape == (rows, 2)
        return piece if whole else None


def measure(data: Dataset, limits: Limits, cache: Cache, tell: Tell) -> Measured:
    """What the pictures of `data` look like. Chunks that are in the cache are taken from there."""
    assert data.pictures is not None
    n = len(data)
    thumbs, fresh = _thumbs(cache.path("thumbs.npy"), n)
    for left in cache.folder.glob("pictures-*.npz") if fresh else ():
        left.unlink(missing_ok=True)  # of thumbnails that are gone
    pieces: list[Piece] = []
    with quiet_pillow():
        worker = _Worker(data, limits, thumbs)
        for start in range(0, n, CHUNK):
            rows = np.arange(start, min(start + CHUNK, n))
            name = f"pictures-{start // CHUNK:06d}"
            piece = Piece.of(cache.arrays(name), len(rows))
            if piece is None:
                piece = _chunk(worker, rows, limits.workers, n, tell)
                _flush(thumbs)
                cache.keep_arrays(name, piece.arrays())
            pieces.append(piece)
            tell(WHAT, int(rows[-1]) + 1, n)
    return _merged(pieces, thumbs)


def _thumbs(path: Path, n: int) -> tuple[np.ndarray, bool]:
    """The file of thumbnails, and whether it had to be made: then nothing that is kept goes with it."""
    shape = (n, SIDE, SIDE, 3)
    try:
        kept = np.lib.format.open_memmap(path, mode="r+")
        if kept.shape == shape and kept.dtype == np.uint8:
            return kept, False
    except (OSError, ValueError):
        pass
    # An empty array cannot be mapped.
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape if n else (1, *shape[1:]))[:n], True


def _flush(thumbs: np.ndarray) -> None:
    if isinstance(thumbs, np.memmap):
        thumbs.flush()


def _chunk(worker: "_Worker", rows: np.ndarray, workers: int, n: int, tell: Tell) -> Piece:
    found = []
    for piece in blocks(rows, workers, worker):
        found.append(piece)
        tell(WHAT, int(rows[0]) + sum(len(f.said) for f in found), n)
    said = [s for piece in found for s in piece.said]
    return Piece(np.concatenate([f.axes for f in found]), np.concatenate([f.content for f in found]), said)


class _Worker:
    """Measures a block of rows; called from several threads, each with rows of its own."""

    def __init__(self, data: Dataset, limits: Limits, thumbs: np.ndarray):
        assert data.pictures is not None
        self.data, self.pictures, self.thumbs = data, data.pictures, thumbs
        self.most = budget(limits)
        self.levels = levels_of(self.pictures, self.most)

    def __call__(self, rows: np.ndarray) -> Piece:
        axes: np.ndarray = np.full((len(rows), len(NAMES)), np.nan, np.float32)
        content: np.ndarray = np.zeros((len(rows), 2), np.uint64)
        said, pictures = [], []
        for i, row in enumerate(rows.tolist()):
            found, size = read(self.pictures, row, self.data.name_of(row), self.most)
            self._file(axes[i], found, size)
            content[i] = _content(found)
            if self.data.masks is not None:
                found = self._masked(axes[i], found, row)
            pictures.append(small(found, self.levels, LOOK_SIDE))
            if found.pixels is not None and _fine(found.pixels, pictures[-1]):
                found = replace(found, remarks=(*found.remarks, FINE))
            said.append((found.form, found.mode, str(found.orientation), found.error, found.remarks))
        for places, stack in by_shape(pictures):
            for name, values in looks(stack).items():
                axes[places, PLACE[name]] = values
            little = [reduced(p, SIDE) for p in stack] if max(stack.shape[1:3]) > SIDE else list(stack)
            self.thumbs[rows[places]] = framed(np.stack(little), SIDE)
        return Piece(axes, content, said)

    def _file(self, axes: np.ndarray, found: Decoded, size: int) -> None:
        if size >= 0:
            axes[PLACE["file size"]] = size
        if found.width and found.height and not found.error:
            axes[PLACE["width"]], axes[PLACE["height"]] = found.width, found.height
            axes[PLACE["aspect ratio"]] = found.width / found.height
            if size >= 0:
                axes[PLACE["bytes a pixel"]] = size / (found.width * found.height)

    def _masked(self, axes: np.ndarray, found: Decoded, row: int) -> Decoded:
        """The picture with what is to be said about its mask."""
        assert self.data.masks is not None
        if not getattr(self.data.masks, "given", lambda _: True)(row):
            return found  # a picture without a mask, which the source has told where it should have one
        mask, _ = read(self.data.masks, row, "", self.most)
        if mask.pixels is None:
            words = mask.error or ", ".join(mask.remarks)
        else:
            axes[PLACE["mask share"]] = np.count_nonzero(mask.pixels) / mask.pixels.size
            same = (mask.width, mask.height) == (found.width, found.height)
            words = "" if same else f"{mask.width} x {mask.height} for a picture of {found.width} x {found.height}"
        return replace(found, remarks=(*found.remarks, MASK + words)) if words and not found.error else found


def _fine(pixels: np.ndarray, little: np.ndarray | None) -> bool:
    """A picture whose small version is blank while the large one is not."""
    if little is None or pixels.shape[:2] == little.shape[:2] or int(np.ptp(little)) > FEW_LEVELS:
        return False
    return bool(np.ptp(pixels) > FEW_LEVELS)


def _content(found: Decoded) -> np.ndarray:
    """(2,) uint64: the digest of the pixels, or of the coded pixels where not all were decoded; zeros for none."""
    if found.coded:
        pixels = np.frombuffer(found.coded, np.uint8)
    elif found.pixels is not None:
        pixels = found.pixels
    else:
        return np.zeros(2, np.uint64)
    return np.frombuffer(digest(pixels), np.uint64)


def _merged(pieces: list[Piece], thumbs: np.ndarray) -> Measured:
    empty: np.ndarray = np.zeros((0, len(NAMES)), np.float32)
    axes = np.concatenate([empty, *(p.axes for p in pieces)])
    said = [s for p in pieces for s in p.said]
    errors = {row: s[3] for row, s in enumerate(said) if s[3]}
    spread = axes[:, PLACE["colour spread"]]
    coloured = bool((np.nan_to_num(spread) > 0).any())
    named = {
        name: np.ascontiguousarray(axes[:, i])
        for name, i in PLACE.items()
        if np.isfinite(axes[:, i]).any() and (coloured or name not in COLOUR)
    }
    words = {"format": _codes([s[0] for s in said]), "colour mode": _codes([s[1] for s in said])}
    turned = [s[2] if s[0] and not s[3] else "" for s in said]
    if set(turned) - {"", "1"}:
        words["EXIF orientation"] = _codes(turned)
    if coloured:
        words["colours"] = _codes(["" if v != v else "grey" if v <= GREY_SPREAD else "colour" for v in spread.tolist()])
    return Measured(
        axes=named,
        units={name: (FILE_UNITS | UNITS)[name] for name in named},
        words=words,
        content=np.concatenate([np.zeros((0, 2), np.uint64), *(p.content for p in pieces)]),
        thumbs=thumbs,
        errors=errors,
        remarks={row: tuple(s[4]) for row, s in enumerate(said) if s[4]},
    )


def _codes(words: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """(n,) int32 codes, -1 for "", and the words, sorted."""
    known = sorted(set(words) - {""})
    place = {word: i for i, word in enumerate(known)} | {"": -1}
    return np.array([place[w] for w in words], np.int32), tuple(known)
