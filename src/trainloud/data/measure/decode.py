"""The file of one picture -> its pixels and all that is to be said about the file. Never raises, never explodes.

JPEGs are decoded by libjpeg-turbo with every complaint an error (Pillow passes over a third of all damage), all else
by Pillow, loaded to the end, and then held against what the format itself promises (`integrity.py`).
"""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trainloud.data.dataset import Limits
from trainloud.data.measure import integrity
from trainloud.data.measure.forms import FORM_OF, OPENED, form_of, suffix_of, what_else

if TYPE_CHECKING:
    from PIL.Image import Image

FULL_PIXELS = 1 << 18  # 512 x 512: larger JPEGs are decoded at a smaller scale, which costs half
SCALED_SIDE = 256  # pixels: the shorter side of a JPEG that is decoded at a smaller scale, at least
LARGEST_JPEG = 1 << 30  # pixels: beyond it even a scaled decoding takes tens of seconds
BYTES_A_PIXEL = 8  # what Pillow holds at once while it decodes and converts
PROGRESSIVE_BYTES = 2  # a pixel and channel: coefficients that are held until the last scan
ALONE = 1 << 23  # pixels: pictures above it are decoded one at a time

# Begin of the remarks, by which they are found again.
DAMAGED = "damaged: "
ODD = "against the format: "
TOO_LARGE = "too large: "

_alone = threading.Lock()


@dataclass(frozen=True, slots=True)
class Decoded:
    """One picture."""

    pixels: np.ndarray | None = None
    """(height, width) or (height, width, 3 or 4) as stored; uint8, or what the data has. None if not decoded. Smaller
    than `width` and `height` say where a large JPEG was decoded at a smaller scale."""
    width: int = 0
    height: int = 0
    form: str = ""
    mode: str = ""
    """Colour mode in Pillow's words: "L", "RGB", "RGBA", "P", "CMYK", "I;16", "F" ..."""
    orientation: int = 1
    error: str = ""
    """Why there are no pixels."""
    remarks: tuple[str, ...] = ()
    coded: bytes | memoryview = b""
    """What stands for the pixels where not all of them were decoded."""


def budget(limits: Limits) -> int:
    """Pixels of the largest picture that is decoded at full size: half of the memory, one at a time."""
    return max(limits.memory // 2 // BYTES_A_PIXEL, 1 << 20)


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """No warnings, no limits of Pillow's own (ours are asked first), nothing truncated taken for whole."""
    from PIL import Image, ImageFile

    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def decode(data: bytes, name: str, most: int, side: int = SCALED_SIDE) -> Decoded:
    """The picture in these bytes. `most` is the number of pixels up to which it may be decoded at full size, `side`
    what the shorter side of a scaled JPEG has at least."""
    if not data:
        return Decoded(error="the file is empty (0 bytes)")
    form = form_of(data)
    if not form and FORM_OF.get(suffix_of(name)) not in ("TGA", "PCX", "SGI"):  # forms without a first word
        what = what_else(data)
        return Decoded(error=f"no picture: {'it is ' + what if what else 'no known form of picture begins like this'}")
    try:
        found = _jpeg(data, most, side) if form == "JPEG" else _by_pillow(data, form, most)
    except Exception as error:  # whatever a decoder throws at damaged data is an answer about that file
        return Decoded(form=form, error=_words(error))
    named = FORM_OF.get(suffix_of(name), found.form)
    if named != found.form and found.form:
        found = _with(found, f"named .{suffix_of(name)}, is {found.form}")
    return found


def _with(found: Decoded, *remarks: str) -> Decoded:
    return replace(found, remarks=(*found.remarks, *(r for r in remarks if r)))


def _words(error: Exception) -> str:
    name = type(error).__name__
    words = str(error).split(" <_io")[0].strip()
    return f"cannot be decoded: {words or name}"


# JPEG ---------------------------------------------------------------------------------------------------------------


def _jpeg(data: bytes, most: int, side: int) -> Decoded:
    import simplejpeg

    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data, strict=True)
    except ValueError as complaint:
        return _complained(data, str(complaint), integrity.jpeg_head(data), most)
    head = integrity.jpeg_head(data)
    too_large = _too_large_jpeg(data, head, most)
    if too_large is not None:
        return too_large
    scaled = width * height > FULL_PIXELS
    least = side if scaled else 0
    mode = {"Gray": "L", "CMYK": "CMYK", "YCCK": "CMYK"}.get(space, "RGB")
    colours = {"L": "GRAY", "CMYK": "CMYK"}.get(mode, "RGB")
    try:
        pixels = simplejpeg.decode_jpeg(data, colours, min_height=least, min_width=least, strict=True)
    except ValueError as complaint:
        return _complained(data, str(complaint), head, most)
    if mode == "CMYK":
        return _by_pillow(data, "JPEG", most)
    coded = memoryview(data)[head.scan :] if scaled else b""
    turned = (f"EXIF orientation {head.orientation}",) if head.orientation != 1 else ()
    shown = pixels[..., 0] if mode == "L" else pixels
    return Decoded(shown, width, height, "JPEG", mode, head.orientation, remarks=turned, coded=coded)


def _too_large_jpeg(data: bytes, head: integrity.JpegHead, most: int) -> Decoded | None:
    pixels = head.width * head.height
    held = pixels * head.channels * PROGRESSIVE_BYTES if head.progressive else 0
    if pixels <= LARGEST_JPEG and held <= most * BYTES_A_PIXEL:
        return None
    limit = most * BYTES_A_PIXEL // (max(head.channels, 1) * PROGRESSIVE_BYTES) if head.progressive else LARGEST_JPEG
    return _not_decoded(data, head.width, head.height, "JPEG", "RGB" if head.channels == 3 else "L", limit)


def _not_decoded(data: bytes, width: int, height: int, form: str, mode: str, limit: int) -> Decoded:
    words = f"{TOO_LARGE}{width:,} x {height:,} pixels, not decoded (limit {limit / 1e6:,.0f} million pixels)"
    return Decoded(None, width, height, form, mode, remarks=(words,), coded=data)


def _complained(data: bytes, complaint: str, head: integrity.JpegHead, most: int) -> Decoded:
    """A JPEG that the strict decoder refuses: is there a picture all the same, and what is wrong with it?"""
    try:
        found = _by_pillow(data, "JPEG", most)
    except Exception as error:
        if integrity.only_the_end_is_missing(data):
            words = f"{ODD}premature end: its end marker is missing, no pixel is; Pillow refuses such a file"
            return _with(_by_pillow(data + b"\xff\xd9", "JPEG", most), words)
        size = (head.width, head.height)
        if "truncated" not in str(error):
            return Decoded(None, *size, "JPEG", error=f"{_words(error)} (libjpeg: {complaint})")
        zeros = len(data) - len(data.rstrip(b"\0"))
        tail = f", its last {zeros:,} bytes are zero" if zeros >= integrity.ZERO_TAIL else ""
        lost = "" if head.progressive else _lost(data)
        return Decoded(None, *size, "JPEG", error=f"truncated: premature end of the data{lost}{tail}")
    verdict = integrity.jpeg(data, complaint)
    return _with(found, *_told(verdict))


def _lost(data: bytes) -> str:
    """ ", about 43 % of its rows are missing": rows at the bottom that the decoder filled alike."""
    import simplejpeg

    try:
        shown = simplejpeg.decode_jpeg(data, "GRAY", min_height=128, min_width=1, strict=False)[..., 0]
    except ValueError:
        return ""
    alike = (shown == shown[-1]).all(axis=1)
    share = float(np.argmin(alike[::-1])) / len(alike)
    return f", about {share:.0%} of its rows are missing" if share >= 0.01 else ""


# everything else ------------------------------------------------------------------------------------------------------


def _by_pillow(data: bytes, form: str, most: int) -> Decoded:
    """Raises whatever Pillow raises for data that it cannot show in full."""
    from PIL import Image

    if form and form not in OPENED:
        raise ValueError(f"{form}, which Pillow reads only with a plugin")
    forms = (form, "DIB") if form == "BMP" else (form,) if form else OPENED
    try:
        image = Image.open(io.BytesIO(data), formats=forms)
    except Image.UnidentifiedImageError as error:
        raise ValueError(f"it begins like {form or 'a picture'}, but nothing behind it can be read as one") from error
    with image:
        width, height = image.size
        form = form or image.format or ""
        if width * height > most:
            return _not_decoded(data, width, height, form, image.mode, most)
        if width * height > ALONE:
            with _alone:
                return _loaded(image, data, form)
        return _loaded(image, data, form)


def _loaded(image: "Image", data: bytes, form: str) -> Decoded:
    width, height = image.size
    mode = image.mode
    image.load()
    pixels = np.asarray(_plain(image))
    # Pillow turns TIFF by itself.
    orientation = _orientation(image) if form in ("JPEG", "PNG", "WEBP") else 1
    check = integrity.CHECKS.get(form)
    remarks = [
        _frames(image) if form in ("GIF", "PNG", "WEBP", "TIFF", "AVIF") else "",
        f"EXIF orientation {orientation}" if orientation != 1 else "",
        *(_told(check(data)) if check else ()),
    ]
    return Decoded(pixels, width, height, form, mode, orientation, remarks=tuple(r for r in remarks if r))


def _orientation(image: "Image") -> int:
    """Of 1 to 8; 1 where the EXIF data is broken, which harms no pixel."""
    try:
        found = image.getexif().get(0x0112, 1)
        return found if found in range(1, 9) else 1
    except Exception:
        return 1


def _frames(image: "Image") -> str:
    """ "3 frames"; "" for one."""
    try:
        count = int(getattr(image, "n_frames", 1))
    except Exception as error:
        return f"{DAMAGED}its later frames cannot be read ({error or type(error).__name__})"
    return f"{count:,} frames" if count > 1 else ""


def _plain(image: "Image") -> "Image":
    """The picture in a mode whose array holds its values: L, RGB, RGBA, or 16 and 32 bits as they are."""
    if image.mode in ("L", "RGB", "RGBA", "I", "F") or image.mode.startswith("I;16"):
        return image
    if image.mode == "1":
        return image.convert("L")
    transparent = image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
    if image.mode == "La":
        image = image.convert("LA")
    return image.convert("RGBA" if transparent else "RGB")


def _told(verdict: integrity.Verdict) -> tuple[str, ...]:
    damage = (DAMAGED + verdict.damage,) if verdict.damage else ()
    return (*damage, *((ODD + verdict.oddity,) if verdict.oddity else ()))
