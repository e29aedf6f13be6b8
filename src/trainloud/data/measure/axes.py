"""What can be told of the look of a picture with plain arithmetic, for many pictures of one size at once."""

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's convert("L") and JPEG weigh colours
BLACK, WHITE = 1, 254  # grey levels up to and from which a pixel counts as black or white
GREY_SPREAD = 12  # grey levels between channels up to which JPEG's rounding of chroma leaves a grey picture
AT_ONCE = 1 << 16  # pixels that are worked on together: their intermediates stay in the processor's cache
RING = 16  # parts of a side that the border is one of, at least one pixel

UNITS = {
    "brightness": "mean grey level of 255",
    "contrast": "standard deviation of grey levels of 255",
    "entropy": "bits a pixel of the grey histogram",
    "black share": "share of pixels of grey level 0 or 1",
    "white share": "share of pixels of grey level 254 or 255",
    "sharpness": "variance of the Laplacian, at no more than 128 pixels a side",
    "border": "mean grey level of the border minus that of the inside",
    "colourfulness": "Hasler and Süsstrunk 2003; 0 is grey, 109 extremely colourful",
    "red minus green": "mean difference in levels of 255",
    "yellow minus blue": "mean difference in levels of 255",
    "colour spread": "largest difference of two channels in levels of 255",
}
COLOUR = ("colourfulness", "red minus green", "yellow minus blue", "colour spread")


def looks(pictures: np.ndarray) -> dict[str, np.ndarray]:
    """(n, h, w) or (n, h, w, 3) uint8 -> name (the keys of UNITS) -> (n,) float32."""
    some = max(AT_ONCE // (pictures.shape[1] * pictures.shape[2]), 1)
    found = [_looks(pictures[i : i + some]) for i in range(0, len(pictures), some)]
    return {name: np.concatenate([f[name] for f in found]) for name in UNITS}


def _looks(pictures: np.ndarray) -> dict[str, np.ndarray]:
    if pictures.ndim == 4:
        luma = pictures.astype(np.float32) @ LUMA
        grey = (luma + 0.5).astype(np.uint8)
    else:
        luma, grey = pictures.astype(np.float32), pictures
    return _levels(grey) | _space(luma) | _colours(pictures)


def _levels(grey: np.ndarray) -> dict[str, np.ndarray]:
    """What the histogram of each picture says."""
    n, pixels = len(grey), grey[0].size
    flat: np.ndarray = grey.reshape(n, -1).astype(np.intp)
    flat += (np.arange(n, dtype=np.intp) << 8)[:, None]
    counts = np.bincount(flat.reshape(-1), minlength=n << 8).reshape(n, 256)
    share = counts / pixels
    level = np.arange(256.0)
    mean = share @ level
    spread = np.sqrt(np.maximum(share @ (level * level) - mean * mean, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.nansum(np.where(share > 0, -share * np.log2(share), 0.0), axis=1)
    found = {
        "brightness": mean,
        "contrast": spread,
        "entropy": bits,
        "black share": share[:, : BLACK + 1].sum(axis=1),
        "white share": share[:, WHITE:].sum(axis=1),
    }
    return {k: v.astype(np.float32) for k, v in found.items()}


def _space(luma: np.ndarray) -> dict[str, np.ndarray]:
    """What depends on where pixels lie. NaN where the picture is too small to have an inside."""
    n, height, width = luma.shape
    nothing = np.full(n, np.nan, np.float32)
    sharp = border = nothing
    if height >= 3 and width >= 3:
        inner = luma[:, 1:-1, 1:-1] * np.float32(4)
        inner -= luma[:, :-2, 1:-1]
        inner -= luma[:, 2:, 1:-1]
        inner -= luma[:, 1:-1, :-2]
        inner -= luma[:, 1:-1, 2:]
        sharp = inner.reshape(n, -1).var(axis=1)
        ring = max(min(height, width) // RING, 1)
        inside = luma[:, ring:-ring, ring:-ring]
        within = inside.sum(axis=(1, 2))
        area, whole = inside[0].size, luma[0].size
        border = (luma.sum(axis=(1, 2)) - within) / (whole - area) - within / area
    return {"sharpness": sharp.astype(np.float32), "border": border.astype(np.float32)}


def _colours(pictures: np.ndarray) -> dict[str, np.ndarray]:
    """Opponent colours after Hasler and Süsstrunk 2003, "Measuring colourfulness in natural images", equation 10."""
    n = len(pictures)
    if pictures.ndim == 3:
        return {name: np.zeros(n, np.float32) for name in COLOUR}
    channels: list[np.ndarray] = [pictures[..., i].astype(np.int16).reshape(n, -1) for i in range(3)]
    red, green, blue = channels
    rg = red - green
    yb = red + green - 2 * blue  # twice the opponent colour
    mean_rg, mean_yb = rg.mean(axis=1, dtype=np.float32), yb.mean(axis=1, dtype=np.float32) / 2
    var_rg, var_yb = rg.var(axis=1, dtype=np.float32), yb.var(axis=1, dtype=np.float32) / 4
    spread = np.maximum(np.abs(rg).max(axis=1), np.abs(green - blue).max(axis=1))
    colourful = np.sqrt(var_rg + var_yb) + 0.3 * np.hypot(mean_rg, mean_yb)
    found = (colourful, mean_rg, mean_yb, np.maximum(spread, np.abs(red - blue).max(axis=1)))
    return {name: value.astype(np.float32) for name, value in zip(COLOUR, found, strict=True)}
