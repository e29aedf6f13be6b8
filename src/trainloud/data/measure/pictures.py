"""Pictures of a data set, one by one or shrunk to one size."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from trainloud.data.dataset import Limits, Pictures
from trainloud.data.measure.decode import SCALED_SIDE, Decoded, budget, decode, quiet_pillow
from trainloud.data.measure.pixels import Levels, as_stored, framed, reduced, shown, upright

BLOCK = 128  # pictures that one thread reads before it takes up the next

T = TypeVar("T")
NAMES = {1: "L", 3: "RGB", 4: "RGBA"}  # channels of an array -> colour mode


def read(pictures: Pictures, row: int, name: str, most: int, side: int = SCALED_SIDE) -> tuple[Decoded, int]:
    """The picture of a row and the bytes of its file (-1 for arrays). Never raises."""
    try:
        data = pictures.encoded(row)
        if data is not None:
            return decode(data, name, most, side), len(data)
        pixels = as_stored(pictures.array(row))
    except Exception as error:  # a broken member of an archive, a torch Dataset's own code: told of this row
        return Decoded(error=f"cannot be read: {error or type(error).__name__}"), -1
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    mode = NAMES.get(channels, f"{channels} channels") + ("" if pixels.dtype == np.uint8 else f" {pixels.dtype}")
    return Decoded(pixels, pixels.shape[1], pixels.shape[0], "array", mode), -1


def levels_of(pictures: Pictures, most: int) -> Levels:
    """The values that are black and white where pixels are no bytes."""
    return Levels(len(pictures), lambda row: read(pictures, row, "", most)[0].pixels)


def small(found: Decoded, levels: Levels, side: int) -> np.ndarray | None:
    """(h, w[, 3]) uint8, upright, no side above `side`; None where nothing was decoded."""
    if found.pixels is None:
        return None
    pixels = levels.bytes(shown(found.pixels))
    return upright(reduced(pixels, side), found.orientation)


def by_shape(pictures: Sequence[np.ndarray | None]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Places of pictures of one shape, and those pictures stacked."""
    places: dict[tuple[int, ...], list[int]] = {}
    for i, picture in enumerate(pictures):
        if picture is not None:
            places.setdefault(picture.shape, []).append(i)
    for group in places.values():
        yield np.array(group), np.stack([p for p in (pictures[i] for i in group) if p is not None])


def blocks(rows: np.ndarray, workers: int, work: Callable[[np.ndarray], T]) -> Iterator[T]:
    """`work` on blocks of the rows by several threads; what it gives, in order. Few are under way at a time.

    Leaving early (Ctrl-C too) waits for the blocks that are being worked on, and for no other.
    """
    pieces = [rows[i : i + BLOCK] for i in range(0, len(rows), BLOCK)]
    if workers <= 1 or len(pieces) <= 1:
        yield from map(work, pieces)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="pictures") as pool:
        waiting = [pool.submit(work, piece) for piece in pieces[: 2 * workers]]
        try:
            for i in range(len(pieces)):
                yield waiting.pop(0).result()
                if i + 2 * workers < len(pieces):
                    waiting.append(pool.submit(work, pieces[i + 2 * workers]))
        finally:
            for task in waiting:
                task.cancel()


def shrunk(
    pictures: Pictures,
    rows: np.ndarray,
    side: int,
    workers: int = 1,
    limits: Limits | None = None,
    name_of: Callable[[int], str] = lambda row: "",
) -> np.ndarray:
    """(m, side, side, 3) uint8 of these rows: aspect kept, upright, centred on mid grey, zeros where undecodable.

    Pictures less than half as large are enlarged by a whole number. `name_of` a row tells forms that have no first word
    (TGA, PCX) by their suffix.
    """
    rows = np.asarray(rows, np.int64)
    out: np.ndarray = np.zeros((len(rows), side, side, 3), np.uint8)
    most = budget(limits or Limits())
    levels = levels_of(pictures, most)

    def work(places: np.ndarray) -> None:
        found = [
            small(read(pictures, int(rows[i]), name_of(int(rows[i])), most, max(side, 64))[0], levels, side)
            for i in places
        ]
        for group, stack in by_shape(found):
            out[places[group]] = framed(stack, side)

    with quiet_pillow():
        for _ in blocks(np.arange(len(rows)), workers, work):
            pass
    return out
