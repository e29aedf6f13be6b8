"""What form the bytes of a file have, whatever its name says."""

import re
from pathlib import PurePosixPath

SUFFIXES = {
    "JPEG": ("jpg", "jpeg", "jpe", "jfif", "mpo"),
    "PNG": ("png", "apng"),
    "GIF": ("gif",),
    "BMP": ("bmp", "dib"),
    "WEBP": ("webp",),
    "TIFF": ("tif", "tiff"),
    "PPM": ("ppm", "pgm", "pbm", "pnm", "pfm"),
    "AVIF": ("avif", "avifs"),
    "HEIF": ("heic", "heif"),
    "JPEG2000": ("jp2", "j2k", "jpc", "jpf", "jpx"),
    "ICO": ("ico",),
    "TGA": ("tga",),
    "PCX": ("pcx",),
    "SGI": ("sgi", "rgb", "bw"),
    "PSD": ("psd",),
    "XBM": ("xbm",),
    "XPM": ("xpm",),
    "JPEG XL": ("jxl",),
}
"""Form in Pillow's words -> suffixes that name it."""
FORM_OF = {suffix: form for form, suffixes in SUFFIXES.items() for suffix in suffixes}
# What Pillow may open. EPS is not among them: it would run another program on what was given.
OPENED = (*(form for form in SUFFIXES if form not in ("HEIF", "JPEG XL")), "DIB", "MPO")

_MAGIC = (
    (b"\xff\xd8", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  ", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\0\0\x01\0", "ICO"),
    (b"8BPS\0\x01", "PSD"),
    (b"/* XPM */", "XPM"),
    (b"#define ", "XBM"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
)
_OTHERS = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (b"%!PS", "a PostScript program"),
    (b"\0\0\0\x01Bud1", "a .DS_Store of macOS"),
)


def form_of(data: bytes) -> str:
    """The form of a picture by its first bytes, in Pillow's words; "" for none that is known."""
    for magic, form in _MAGIC:
        if data.startswith(magic):
            return form
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        return "AVIF" if brand in (b"avif", b"avis") else "HEIF" if brand[:2] in (b"he", b"mi", b"ms") else ""
    return "PPM" if re.match(rb"P[1-7FfyY][ \t\r\n]", data[:3]) else ""


def what_else(data: bytes) -> str:
    """What a file that is no picture is instead, in words; "" if that cannot be said."""
    for magic, what in _OTHERS:
        if data.startswith(magic):
            return what
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page"
    if head.startswith((b"<svg", b"<?xml")):
        return "an SVG drawing" if b"<svg" in head else "an XML document"
    if data and not data.strip(b"\0"):
        return f"{len(data):,} zero bytes"
    if data and all(32 <= c < 127 or c in b"\t\r\n" for c in data[:512]):
        return "text"
    return ""


def suffix_of(name: str) -> str:
    """The suffix in lower case without its dot; "" for none."""
    return PurePosixPath(name).suffix[1:].lower()
