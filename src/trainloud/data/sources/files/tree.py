"""Files below a root, whatever holds them: a folder on disk, a zip or a tar that is never unpacked beside itself.

A tree lists its readable files once, in the order of their names, and reads one when asked for it, from several
threads. What it will not read it says as `Trouble`: links that lead out, sockets and devices, folders that may not be
entered, encrypted or inflated entries. Names are kept as they stand; absolute and ../ names of an archive are only
names here, for nothing is ever written.
"""

import hashlib
import os
import stat
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from trainloud.data.dataset import Limits, SourceError, Trouble
from trainloud.data.sources.place import Place, identity_of

MOST_ENTRIES = 4_000_000  # files: about 1 GiB of names and sizes
MOST_BYTES = 512 << 20  # of one file that is read at once: 20,000 x 8,000 RGB pixels without compression
GLANCED = 20_000  # entries looked at to tell what a place holds


@dataclass(frozen=True, slots=True)
class Entry:
    """One readable file."""

    name: str
    """Path below the root, as it is stored, "/" between its parts."""
    size: int
    """Bytes, uncompressed."""
    key: Any = None
    """How its tree finds it."""


class Tree(ABC):
    """All readable files below a root."""

    def __init__(self, form: str):
        self.form = form
        """In words: "folder", "zip archive", "tar archive, gzip"."""
        self.entries: list[Entry] = []
        """By name."""
        self.troubles: list[Trouble] = []

    def read(self, entry: Entry) -> bytes:
        """The whole file. Raises OSError, whatever is wrong with it."""
        if entry.size > MOST_BYTES:
            raise OSError(f"{entry.size:,} bytes, more than the {MOST_BYTES:,} that are read of one file")
        data = self.head(entry, MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise OSError(f"more than the {MOST_BYTES:,} bytes that are read of one file")
        return data

    @abstractmethod
    def head(self, entry: Entry, size: int = 64) -> bytes:
        """The first `size` bytes. Raises OSError, whatever is wrong with it."""

    def trouble(self, kind: str, name: str, what: str) -> None:
        self.troubles.append(Trouble(kind, printable(name), what))


def parts_of(name: str) -> tuple[str, ...]:
    """The folders and the file of a stored name, without what only means a place ("/", ".", "..")."""
    return tuple(p for p in name.split("/") if p not in ("", ".", ".."))


def printable(name: str) -> str:
    """The name with bytes that are no UTF-8 spelt as \\xff, so that it can be stored and shown."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def files_of(folder: Path, most: int) -> list[Path]:
    """The visible files that lie directly in a folder, by name; none where there are more than `most`."""
    try:
        with os.scandir(folder) as items:
            names = [i.name for i in islice(items, 4 * most) if not i.name.startswith(".") and i.is_file()]
    except OSError:
        return []
    return [folder / n for n in sorted(names)] if len(names) <= most else []


def identity(place: Place, *others: Path) -> str:
    """The identity of a place and of what else was read for it."""
    known = [place.identity(), *(identity_of(p) for p in others if p.is_file())]
    return known[0] if len(known) == 1 else hashlib.sha256("".join(known).encode()).hexdigest()


# a folder on disk ---------------------------------------------------------------------------------------------------


class Folder(Tree):
    """A folder on disk. Links are followed as long as they stay inside; devices, pipes and sockets are not opened."""

    def __init__(self, root: Path):
        super().__init__("folder")
        self._root = os.path.realpath(root)
        self._inside = self._root.rstrip(os.sep) + os.sep
        for entry in self._walk(self._root, "", False):
            self.entries.append(entry)
            if len(self.entries) > MOST_ENTRIES:
                raise SourceError(f"{root}: more than {MOST_ENTRIES:,} files; name a part of it")
        self.entries.sort(key=lambda e: e.name)

    def head(self, entry: Entry, size: int = 64) -> bytes:
        # Not to wait, should a pipe have taken the file's place since.
        fd = os.open(entry.key, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(fd, "rb", buffering=0) as f:
            parts = [f.read(size)]
            while parts[-1] and (left := size - sum(map(len, parts))) > 0:
                parts.append(f.read(left))
        return b"".join(parts)

    def _walk(self, folder: str, prefix: str, linked: bool) -> Iterator[Entry]:
        """Files below `folder`, which is named `prefix`; `linked`: it was reached through a link."""
        waiting = [(folder, prefix, linked)]
        while waiting:
            folder, prefix, linked = waiting.pop()
            try:
                with os.scandir(folder) as found:
                    items = list(found)
            except OSError as error:
                self.trouble("unreadable", prefix or ".", f"the folder cannot be read: {error.strerror}")
                continue
            for item in items:
                name = prefix + item.name
                try:
                    if item.is_symlink():
                        yield from self._linked(item, name, linked, waiting)
                    elif item.is_dir(follow_symlinks=False):
                        waiting.append((item.path, name + "/", linked))
                    elif item.is_file(follow_symlinks=False):
                        yield Entry(name, item.stat(follow_symlinks=False).st_size, item.path)
                    else:
                        self.trouble("special-file", name, f"{_nature(item.stat(follow_symlinks=False))}, not opened")
                except OSError as error:
                    self.trouble("unreadable", name, f"it cannot be read: {error.strerror}")

    def _linked(self, item: Any, name: str, linked: bool, waiting: list[Any]) -> Iterator[Entry]:
        target = os.path.realpath(item.path)
        said = printable(os.readlink(item.path))
        if target != self._root and not target.startswith(self._inside):
            self.trouble("outside-link", name, f"a link to {said}, outside of the folder: not followed")
            return
        try:
            info = os.stat(target)
        except OSError as error:
            self.trouble("broken-link", name, f"a link to {said}: {error.strerror}")
            return
        if stat.S_ISREG(info.st_mode):
            yield Entry(name, info.st_size, target)
        elif not stat.S_ISDIR(info.st_mode):
            self.trouble("special-file", name, f"a link to {_nature(info)}, not opened")
        elif (os.path.dirname(item.path) + os.sep).startswith(target.rstrip(os.sep) + os.sep):
            self.trouble("link-loop", name, f"a link to {said}, a folder that holds the link: not followed")
        elif linked:  # links in links grow without bound
            self.trouble("link-loop", name, f"a link to the folder {said} in a folder behind a link: not followed")
        else:
            waiting.append((target, name + "/", True))


def _nature(info: os.stat_result) -> str:
    for told, word in ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket")):
        if told(info.st_mode):
            return word
    return "a device"


# which tree a place has ---------------------------------------------------------------------------------------------

_kept: "weakref.WeakKeyDictionary[Place, Tree]" = weakref.WeakKeyDictionary()


def is_tree(place: Place) -> bool:
    """Whether the place is a folder, or an archive by its name and its first bytes."""
    from trainloud.data.sources.files.archives import archive_form

    return place.is_folder or bool(archive_form(place))


def tree_of(place: Place, limits: Limits) -> Tree:
    """The tree of a folder or an archive, listed once for each place. Raises SourceError."""
    from trainloud.data.sources.files.archives import archive

    if place not in _kept:
        assert place.path is not None
        _kept[place] = Folder(place.path) if place.is_folder else archive(place, limits)
    return _kept[place]


def glance(place: Place) -> Iterator[str]:
    """Names of files of the place, the first GLANCED: cheap, and without anything being unpacked for good."""
    from trainloud.data.sources.files.archives import names_in

    if place.is_folder:
        names: Iterator[str] = (e.name for e in tree_of(place, Limits()).entries)
    else:
        names = names_in(place)
    return islice(names, GLANCED)
