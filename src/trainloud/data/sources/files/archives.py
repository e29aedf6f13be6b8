"""Zip and tar archives as trees, without unpacking them to the disk.

A zip is read where it lies: its table of contents says where each file starts, so any file is at hand in any order.
A plain tar likewise, once its headers were walked. A compressed tar can only be read from the front, and reaching
into it at random would decompress it again for every file: it is decompressed once, in order, and the files go into a
nameless temporary file (`spool.py`), from which they are read in any order. A second run decompresses again: that
costs less than keeping the copy.

Bombs are not set off: what an archive says of a size is believed for refusing, never for expanding, and reading stops
at the size that was declared. Nothing is written by an archive's names, so absolute and ../ names do no harm.
"""

import bz2
import gzip
import itertools
import lzma
import os
import stat
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from trainloud.data.dataset import Limits, SourceError
from trainloud.data.sources.files.spool import PIECE, Spool, read_forward
from trainloud.data.sources.files.tree import MOST_BYTES, MOST_ENTRIES, Entry, Tree, printable
from trainloud.data.sources.place import Place

LARGE = 64 << 20  # bytes from which a file's ratio is asked for: a blank bitmap below shrinks as far as a bomb
MOST_RATIO = 200  # times its stored size: pictures and arrays of that size reach some 50, deflate's bound is 1,032
STREAM_LARGE = 256 << 20  # bytes out of a compressed tar from which the ratio of the whole is asked for
MOST_PEEKED = 64 << 20  # bytes decompressed to tell what a compressed tar holds
BLOCK = 32 << 10  # bytes that tarfile takes at once; it copies the rest of a block for every header
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError,
          NotImplementedError, ValueError, UnicodeError)  # fmt: skip
OPENERS: dict[bytes, tuple[str, Callable[..., Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"BZh": ("bzip2", bz2.open),
    b"\xfd7zXZ\x00": ("xz", lzma.open),
}
UNIX = 3  # the system, of those that a zip names, whose files have modes
TAR_NAMES = (".tar", ".tgz", ".tbz2", ".tbz", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")


class Bomb(OSError):
    """Reading on would fill the disk."""


def archive_form(place: Place) -> str:
    """ "zip archive", "tar archive" or "tar archive, gzip"; "" for what is none by its name and its first bytes."""
    if not place.is_file or place.path is None:
        return ""
    name = place.path.name.lower()
    try:
        head = place.head(512)
        if name.endswith((".zip", ".cbz")) and head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
            return "zip archive"
        if not name.endswith(TAR_NAMES):
            return ""
        word, head = _decompressed_head(place.path, head)
    except OSError:
        return ""
    return f"tar archive{word}" if _is_tar_header(head) else ""


def _decompressed_head(path: Path, head: bytes) -> tuple[str, bytes]:
    """(", gzip" or "", the first 512 bytes of what the file holds)."""
    for magic, (word, opener) in OPENERS.items():
        if head.startswith(magic):
            try:
                with cast(IO[bytes], opener(path, "rb")) as f:
                    return f", {word}", f.read(512)
            except BROKEN:
                return f", {word}", b""
    return "", head


def _is_tar_header(head: bytes) -> bool:
    if head == bytes(512):
        return True  # an empty archive is two blocks of zeros
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def archive(place: Place, limits: Limits) -> Tree:
    """The tree of an archive. Raises SourceError in one line where it cannot be read at all."""
    form = archive_form(place)
    assert place.path is not None
    if form == "zip archive":
        return Zip(place.path, form)
    return Tar(place.path, form) if form == "tar archive" else SpooledTar(place.path, form, limits)


def names_in(place: Place) -> Iterator[str]:
    """Names of the files in an archive; of a compressed tar only those in its first MOST_PEEKED bytes."""
    assert place.path is not None
    form = archive_form(place)
    try:
        if form == "zip archive":
            with zipfile.ZipFile(place.path) as f:
                yield from (i.filename for i in f.infolist() if not i.is_dir())
        elif form:
            with _Stream(place.path, form, MOST_PEEKED) as stream, _tar(stream) as f:
                for info in f:
                    f.members = []  # type: ignore[attr-defined]  # they would pile up
                    if info.isfile():
                        yield info.name
    except BROKEN:
        return


# zip ----------------------------------------------------------------------------------------------------------------


class Zip(Tree):
    """A zip archive, read where it lies."""

    def __init__(self, path: Path, form: str):
        super().__init__(form)
        try:
            self._file = zipfile.ZipFile(path)
            infos = self._file.infolist()
        except BROKEN as error:
            why = "its table of contents, which stands at the end, cannot be read: is it cut short?"
            raise SourceError(f"{path}: broken zip archive: {why} ({error})") from error
        self._lock = threading.Lock()
        if len(infos) > MOST_ENTRIES:
            raise SourceError(f"{path}: more than {MOST_ENTRIES:,} files")
        self._list(infos)

    def _list(self, infos: list[zipfile.ZipInfo]) -> None:
        # Some programs of Windows write backslashes between folders.
        backslashes = not any("/" in i.filename for i in infos)
        overlapping = _overlapping(infos)
        found: dict[str, Entry] = {}
        links = []
        for info in infos:
            name = info.filename.replace("\\", "/") if backslashes else info.filename
            mode = info.external_attr >> 16 if info.create_system == UNIX else 0
            if info.is_dir() or name.endswith("/"):
                continue
            if stat.S_ISLNK(mode):
                links.append((name, info))
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                self.trouble("special-file", name, "a device, pipe or socket, not opened")
            elif info.flag_bits & 1:
                self.trouble("encrypted", name, "encrypted: it cannot be read without its password")
            elif id(info) in overlapping:
                self.trouble("too-large", name, "its data overlaps another file's, as in a zip bomb: not expanded")
            elif why := inflated(info.file_size, info.compress_size):
                self.trouble("too-large", name, why)
            else:
                add_file(self, found, Entry(name, info.file_size, info))
        for name, info in links:
            self._link(name, info, found)
        self.entries = sorted(found.values(), key=lambda e: e.name)

    def _link(self, name: str, info: zipfile.ZipInfo, found: dict[str, Entry]) -> None:
        try:
            target = self.head(Entry(name, info.file_size, info), 4096).decode("utf-8", "surrogateescape")
        except OSError:
            target = "?"
        path = target if target.startswith("/") else os.path.join(os.path.dirname(name), target)
        follow_link(self, name, target, path, found)

    def head(self, entry: Entry, size: int = 64) -> bytes:
        try:
            with self._lock:
                f = self._file.open(entry.key)
            try:
                return f.read(size)
            finally:
                with self._lock:
                    f.close()
        except BROKEN as error:
            raise OSError(f"it cannot be read from the archive: {error}") from error


def inflated(size: int, stored: int, large: int = LARGE, most: int = MOST_RATIO, most_bytes: int = MOST_BYTES) -> str:
    """Why a file of a declared size is not expanded; "" if it may be."""
    if size > most_bytes:
        return f"{size:,} bytes when expanded, more than the {most_bytes:,} that are read of one file: not expanded"
    if size > large and size > most * max(stored, 1):
        return f"{size:,} bytes out of {stored:,}, over {most} times as many, as in a zip bomb: not expanded"
    return ""


def _overlapping(infos: list[zipfile.ZipInfo]) -> set[int]:
    """Files (by id) whose stored bytes run into the next file's: bombs use the same bytes over and over."""
    order = sorted(infos, key=lambda i: i.header_offset)
    found = set()
    for one, after in itertools.pairwise(order):
        if one.header_offset + 30 + one.compress_size > after.header_offset:
            found |= {id(one), id(after)}
    return found


def add_file(tree: Tree, found: dict[str, Entry], entry: Entry) -> None:
    """Put a file among those found, by its name without "./"; the last of a name counts."""
    place = os.path.normpath(entry.name)
    if place in found:
        tree.trouble("repeated-name", entry.name, "the name stands in the archive again: the last one is read")
    found[place] = entry


def follow_link(tree: Tree, name: str, target: str, path: str, found: dict[str, Entry]) -> None:
    """A link inside an archive to `path` becomes the file of the same archive that stands there, or a trouble."""
    path = os.path.normpath(path)
    said = f"a link to {printable(target)}"
    if path in found:
        found[os.path.normpath(name)] = Entry(name, found[path].size, found[path].key)
    elif path.startswith(("/", "..")):
        tree.trouble("outside-link", name, f"{said}, outside of the archive: not followed")
    else:
        tree.trouble("broken-link", name, f"{said}, which is no file of the archive")


# tar ----------------------------------------------------------------------------------------------------------------


class Tar(Tree):
    """A tar without compression: each file is read where it lies."""

    def __init__(self, path: Path, form: str):
        super().__init__(form)
        self._file = path.open("rb")  # as long as the tree
        self._size = path.stat().st_size
        try:
            index = _Index(self)
            plain = cast(Any, _Limited(self._file))
            with tarfile.open(fileobj=plain, mode="r:", errors="surrogateescape") as f:
                index.walk(f, self._keep)
        except BROKEN as error:
            raise SourceError(f"{path}: broken tar archive: {error}") from error
        self.entries = index.entries()

    def _keep(self, _archive: tarfile.TarFile, info: tarfile.TarInfo) -> Any:
        if info.offset_data + info.size > self._size:
            raise EOFError(f"it ends after {self._size - info.offset_data:,} of its {info.size:,} bytes")
        return info.offset_data

    def head(self, entry: Entry, size: int = 64) -> bytes:
        return os.pread(self._file.fileno(), min(size, entry.size), entry.key)


class SpooledTar(Tree):
    """A compressed tar, decompressed once and in order; the spool holds what its files hold."""

    def __init__(self, path: Path, form: str, limits: Limits):
        super().__init__(form)
        self._spool = Spool(limits)
        index = _Index(self)
        try:
            with _Stream(path, form) as stream, _tar(stream) as f:
                index.walk(f, self._keep)
        except BROKEN as error:
            raise SourceError(f"{path}: broken tar archive: {error}") from error
        except SourceError as error:
            raise SourceError(f"{path}: {error}") from error
        self.entries = index.entries()

    def _keep(self, archive: tarfile.TarFile, info: tarfile.TarInfo) -> Any:
        """Copy the file into the spool; its offset there."""
        source = archive.extractfile(info)
        assert source is not None
        at, left = len(self._spool), info.size
        while left:
            piece = source.read(min(PIECE, left))
            if not piece:
                raise EOFError(f"it ends after {info.size - left:,} of its {info.size:,} bytes")
            self._spool.add(piece)
            left -= len(piece)
        return at

    def head(self, entry: Entry, size: int = 64) -> bytes:
        return self._spool.read(entry.key, min(size, entry.size))


class _Index:
    """The files of a tar as they are met, the last of each name; links are looked up at the end."""

    def __init__(self, tree: Tree):
        self._tree = tree
        self._found: dict[str, Entry] = {}
        self._links: list[tuple[str, str, str]] = []  # name, target as stored, and from the root

    def walk(self, archive: tarfile.TarFile, keep: Any) -> None:
        """Take up every file; one that is cut short ends the walk, and is said."""
        name, at = "its first header", -1
        try:
            for info in archive:
                archive.members = []  # type: ignore[attr-defined]  # they would pile up
                if info.offset <= at or info.size < 0:
                    raise tarfile.ReadError(f"a header that points back, with a size of {info.size:,}")
                name, at = info.name, info.offset
                self._take(archive, info, keep)
                if len(self._found) > MOST_ENTRIES:
                    raise SourceError(f"more than {MOST_ENTRIES:,} files")
        except BROKEN as error:
            if not self._found:
                raise
            kind = "too-large" if isinstance(error, Bomb) else "truncated"
            what = f"nothing is read from this file of the archive on, after {len(self._found):,} whole ones: {error}"
            self._tree.trouble(kind, name, what)

    def _take(self, archive: tarfile.TarFile, info: tarfile.TarInfo, keep: Any) -> None:
        tree, name = self._tree, info.name
        if info.isdir():
            return
        if info.issym():
            self._links.append((name, info.linkname, os.path.join(os.path.dirname(name), info.linkname)))
        elif info.islnk():
            self._links.append((name, info.linkname, info.linkname))
        elif not info.isreg() or info.issparse():
            what = "a sparse file" if info.issparse() else "a device or pipe"
            tree.trouble("special-file", name, f"{what}, not opened")
        elif info.size > MOST_BYTES:
            tree.trouble("too-large", name, inflated(info.size, info.size))
        else:
            at = keep(archive, info)
            add_file(tree, self._found, Entry(name, info.size, at))

    def entries(self) -> list[Entry]:
        for name, target, path in self._links:
            follow_link(self._tree, name, target, path, self._found)
        return sorted(self._found.values(), key=lambda e: e.name)


class _Limited:
    """A plain file whose reads are bounded: a header may declare names of any length."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > LARGE:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._file.read(size)


class _Stream:
    """What a compressed file holds, read forward; refuses to go on where that grows as only a bomb does."""

    def __init__(self, path: Path, form: str, most: int = 0):
        self._raw = path.open("rb")
        opener = next((o for word, o in OPENERS.values() if form.endswith(word)), None)
        self._file = cast(IO[bytes], opener(self._raw, "rb")) if opener else self._raw
        self._given, self._most = 0, most

    def read(self, size: int = -1) -> bytes:
        data = read_forward(self._file, size)
        self._given += len(data)
        if self._most and self._given > self._most:
            return b""
        if self._given > STREAM_LARGE and self._given > MOST_RATIO * self._raw.tell():
            grown = f"{self._given:,} bytes came out of its first {self._raw.tell():,}"
            raise Bomb(f"{grown}, over {MOST_RATIO} times as many, as in a zip bomb")
        return data

    def __enter__(self) -> "_Stream":
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()
        self._raw.close()


def _tar(stream: Any) -> tarfile.TarFile:
    return tarfile.open(fileobj=stream, mode="r|", bufsize=BLOCK, errors="surrogateescape")
