"""The folder of pictures that `bad` and `good` of these inspectors start from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def pictures(
    folder: Path, suffix: str = ".png", size: Sequence[int] = (24, 24, 3), count: int = 30, **save: Any
) -> list[Path]:
    """Pictures of noise, half of them cats and half dogs, below folder/data; `save` goes to Pillow. Gives the files."""
    from PIL import Image

    rng = np.random.default_rng(0)
    files = []
    for i in range(count):
        files.append(folder / "data" / ("cat" if i % 2 else "dog") / f"{i:02d}{suffix}")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, tuple(size), dtype=np.uint8)).save(files[-1], **save)
    return files


def again(file: Path, mode: str = "", **save: Any) -> None:
    """Save a picture anew, in another colour mode, format or with more frames (Pillow's words)."""
    from PIL import Image

    with Image.open(file) as image:
        (image.convert(mode) if mode else image.copy()).save(file, **save)


def exif(orientation: int) -> Mapping[int, Any]:
    from PIL import Image

    found = Image.Exif()
    found[274] = orientation
    return found
