"""Which files are pictures, by their names and by their first bytes, and which belong to the system."""

import re


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


SUFFIXES = words(
    ".jpg .jpeg .jpe .jfif .png .gif .bmp .dib .tif .tiff .webp .ppm .pgm .pbm .pnm .pfm .ico .avif .heic .heif "
    ".jp2 .j2k .jpx .tga .pcx .xbm .xpm .sgi .psd .jxl"
)
HEAD = 32  # bytes that tell a picture
_SYSTEM = words("thumbs.db ehthumbs.db desktop.ini __macosx @eadir $recycle.bin") | {
    "icon\r",
    "system volume information",
}
_BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # bytes of the second header that follows "BM" and four numbers


def suffix_of(name: str) -> str:
    """The last suffix in lower case with its dot; "" for none. A leading dot starts no suffix."""
    base = name.rsplit("/", 1)[-1]
    stem, dot, last = base.rpartition(".")
    return f".{last.lower()}" if dot and stem else ""


def stem_of(name: str) -> str:
    """The file's name without folders and without its last suffix."""
    base = name.rsplit("/", 1)[-1]
    suffix = suffix_of(base)
    return base[: -len(suffix)] if suffix else base


def named_image(name: str) -> bool:
    return suffix_of(name) in SUFFIXES


def is_system(parts: tuple[str, ...]) -> bool:
    """Hidden files and folders, and what file managers leave behind; `parts` are folders and file name."""
    return any(p.startswith(".") or p.lower() in _SYSTEM for p in parts)


def image_format(head: bytes) -> str:
    """The format of a picture by its first HEAD bytes ("JPEG", "PNG" ...); "" for what is none that they tell."""
    for name, start in (
        ("JPEG", b"\xff\xd8\xff"),
        ("PNG", b"\x89PNG\r\n\x1a\n"),
        ("GIF", b"GIF87a"),
        ("GIF", b"GIF89a"),
        ("TIFF", b"II*\0"),
        ("TIFF", b"MM\0*"),
        ("JPEG 2000", b"\0\0\0\x0cjP  "),
        ("JPEG XL", b"\0\0\0\x0cJXL "),
        ("PSD", b"8BPS\0\x01"),
    ):
        if head.startswith(start):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"):
        return "AVIF" if head[8:10] == b"av" else "HEIF"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS:
        return "BMP"
    return "Netpbm" if re.match(rb"P[1-6][ \t\r\n]+(#|\d+\s)", head) else ""
