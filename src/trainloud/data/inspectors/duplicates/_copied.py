"""The folder of pictures that `bad` and `good` of these inspectors start from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def write(folder: Path, copied: int, splits: Sequence[str], count: int = 160) -> list[str]:
    """`count` pictures of smooth noise below folder/data, of two classes; of the first `copied` another, saved as a
    coarse JPEG, half of them brightened and half mirrored, in the last of the splits. Gives the command line."""
    from PIL import Image, ImageEnhance

    rng = np.random.default_rng(0)
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (7, 7, 3), dtype=np.uint8))
        picture = coarse.resize((64, 48), Image.Resampling.BICUBIC)
        place = folder / "data" / splits[i >= count * 3 // 4 and len(splits) > 1] / ("cat" if i % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        picture.save(place / f"{i:03d}.png")
        if i < copied:
            picture = ImageEnhance.Brightness(picture).enhance(1.2)
            if i % 4 < 2:
                picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            place = folder / "data" / splits[-1] / ("cat" if i % 2 else "dog")
            place.mkdir(parents=True, exist_ok=True)
            picture.save(place / f"{i:03d}-again.jpg", quality=40)
    return ["data"]
