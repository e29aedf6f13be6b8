"""In a counterfactual run, what the script writes goes to a scratch place.

Every path that Python code opens for writing, makes, renames or removes is redirected below one folder, copied there
first where the script would change what exists; reading sees the scratch first. So a script that appends to its log,
keeps its last three checkpoints and reads them back works as ever, and the person's files stay as they are. Where
Linux has Landlock, `guard` makes writing elsewhere impossible also for code that does not go through Python.
"""

import builtins
import contextlib
import functools
import io
import math
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trainloud.stage import guard
from trainloud.stage.libraries import redirect_libraries

MOST_COPIED = 2**30  # bytes of a file that is changed in place
_WRITES = frozenset("wax+")
_PASSED_BY = ("/dev/", "/proc/", "/sys/")
_WHITEOUT = ".trainloud-removed"  # next to where the scratch copy would be: the script has removed the file
_ANEW = ".trainloud-anew"  # in a scratch folder: made after the person's was removed, whose content is gone


class Scratch:
    """The person's paths against those in the scratch folder."""

    def __init__(self, folder: Path, kept: Sequence[str], began: float = math.inf):
        self.files = str(folder / "files")
        self.began = began
        self.stale = ""
        """The first file that was read although something had written it after `began`."""
        self._own = tuple(os.path.abspath(k) for k in (str(folder), *kept))
        self.real = {name: getattr(os, name) for name in (*_ONE_PATH, *_TWO_PATHS, "open", "listdir", "scandir")}
        self.real_open = builtins.open
        self._any_removed = False

    def outside(self, path: Any) -> str | None:
        """The absolute path, if it is one of the person's; None for descriptors, devices and the scratch itself."""
        if isinstance(path, int) or path is None:
            return None
        try:
            full = os.path.abspath(os.fsdecode(path))
        except (TypeError, ValueError):
            return None
        if full.startswith(_PASSED_BY) or any(full == own or full.startswith(own + os.sep) for own in self._own):
            return None
        return full

    def copy_of(self, full: str) -> str:
        return self.files + full

    def removed(self, full: str) -> bool:
        """Whether the script has removed the person's file or folder, or one that it stood in."""
        if not self._any_removed:
            return False
        if self._exists(self.copy_of(full) + _WHITEOUT):
            return True
        while (above := os.path.dirname(full)) != full:
            full = above
            copy = self.copy_of(full)
            if self._exists(copy + _WHITEOUT) or self._exists(os.path.join(copy, _ANEW)):
                return True
        return False

    def to_read(self, path: Any) -> Any:
        """Where to read: the scratch copy if there is one. A removed path gives one that does not exist."""
        full = self.outside(path)
        if full is None:
            return path
        copy = self.copy_of(full)
        if not self._exists(copy) and not self.removed(full):
            return path
        if self._exists(full) and self._is_folder(copy) and not self.removed(full):
            return path  # a folder with files of both: single entries are looked up one by one
        return copy

    def to_open(self, path: Any) -> Any:
        """Where to read a file's content."""
        place = self.to_read(path)
        if not self.stale and place is path and (full := self.outside(path)) is not None:
            with contextlib.suppress(OSError, ValueError):
                found = self.real["stat"](full)
                if stat.S_ISREG(found.st_mode) and found.st_mtime >= self.began:
                    self.stale = full
        return place

    def to_write(self, path: Any, keep: bool = True) -> Any:
        """Where to write; what is there is copied first if `keep`. Raises FileNotFoundError without its folder."""
        full = self.outside(path)
        if full is None:
            return path
        copy = self.copy_of(full)
        parent = os.path.dirname(full)
        if not self._exists(self.to_read(parent)):
            raise FileNotFoundError(2, "No such file or directory", os.fsdecode(path))
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        if keep and not self._exists(copy) and self._exists(full) and not self.removed(full):
            self._copy(full, copy)
        if self._exists(copy + _WHITEOUT):
            self.real["unlink"](copy + _WHITEOUT)
        return copy

    def remove(self, path: Any, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        full = self.outside(path)
        if full is None:
            return original(path, *args, **kwargs)
        copy = self.copy_of(full)
        known = self._exists(self.to_read(path))
        if not known:
            raise FileNotFoundError(2, "No such file or directory", os.fsdecode(path))
        if self._is_folder(copy) and not self.listed(path):
            for name in self.real["listdir"](copy):  # marks of what was removed in it
                self.real["unlink"](os.path.join(copy, name))
        if self._exists(copy):
            original(copy, *args, **kwargs)
        if self._exists(full):
            self.mark_removed(full)
        return None

    def mark_removed(self, full: str) -> None:
        copy = self.copy_of(full)
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        self.real_open(copy + _WHITEOUT, "w").close()
        self._any_removed = True

    def make_folder(self, path: Any, mode: int) -> None:
        full = str(self.outside(path))
        again = self._exists(self.copy_of(full) + _WHITEOUT)
        self.real["mkdir"](self.to_write(path, keep=False), mode)
        if again:
            self.real_open(os.path.join(self.copy_of(full), _ANEW), "w").close()

    def _exists(self, path: str) -> bool:
        try:
            self.real["lstat"](path)
        except (OSError, ValueError):
            return False
        return True

    def _is_folder(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(self.real["stat"](path).st_mode)
        except OSError:
            return False

    def _copy(self, full: str, copy: str) -> None:
        if self._is_folder(full):
            os.makedirs(copy, exist_ok=True)
            return
        size = self.real["stat"](full).st_size
        if size > MOST_COPIED:
            raise OSError(28, f"trainloud: {full} is changed in place and too large to copy", full)
        with self.real_open(full, "rb") as source, self.real_open(copy, "wb") as target:
            shutil.copyfileobj(source, target)

    def listed(self, path: Any) -> list[str]:
        """Names in a folder: the person's and the script's new ones, without the removed."""
        full = self.outside("." if path is None else path)
        if full is None:
            return list(self.real["listdir"](path))
        hidden = self.removed(os.path.join(full, "any"))
        names = set(self.real["listdir"](full)) if self._is_folder(full) and not hidden else set()
        copy = self.copy_of(full)
        if not names and not self._is_folder(copy):
            return list(self.real["listdir"](path if path is not None else "."))
        names |= set(self.real["listdir"](copy)) if self._is_folder(copy) else set()
        gone = {n.removesuffix(_WHITEOUT) for n in names if n.endswith(_WHITEOUT)}
        return sorted(n for n in names - gone if not n.endswith(_WHITEOUT) and n != _ANEW)


_ONE_PATH = (
    "stat", "lstat", "access", "readlink", "mkdir", "rmdir", "remove", "unlink", "chmod", "chown", "utime", "truncate",
    "mkfifo",
)  # fmt: skip
_TWO_PATHS = ("rename", "replace", "link", "symlink")


def redirect(folder: Path, kept: Sequence[str], began: float = math.inf) -> Scratch:
    """From here on this process writes below `folder` and the `kept` folders only.

    Files that were written after `began` (seconds since the epoch) should not be read: see `Scratch.stale`.
    """
    (folder / "files").mkdir(parents=True, exist_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")
    scratch = Scratch(folder, kept, began)
    _redirect_opening(scratch)
    _redirect_os(scratch)
    redirect_libraries(scratch.to_open, scratch.to_write)
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
    guard.allow_writing([str(folder), *kept, "/dev"])
    return scratch


def _redirect_opening(scratch: Scratch) -> None:
    real = builtins.open

    @functools.wraps(real)
    def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if _WRITES & set(mode):
            file = scratch.to_write(file, keep="w" not in mode)
        else:
            file = scratch.to_open(file)
        return real(file, mode, *args, **kwargs)

    builtins.open = io.open = opened  # type: ignore[assignment]
    real_os = os.open

    @functools.wraps(real_os)
    def os_open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if dir_fd is None:
            writing = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
            path = scratch.to_write(path, keep=not flags & os.O_TRUNC) if writing else scratch.to_open(path)
        return real_os(path, flags, mode, dir_fd=dir_fd)

    os.open = os_open


def _redirect_os(scratch: Scratch) -> None:
    real = scratch.real

    def reading(name: str) -> None:
        setattr(os, name, functools.wraps(real[name])(lambda p, *a, **k: real[name](scratch.to_read(p), *a, **k)))

    def changing(name: str) -> None:
        setattr(os, name, functools.wraps(real[name])(lambda p, *a, **k: real[name](scratch.to_write(p), *a, **k)))

    for name in ("stat", "lstat", "access", "readlink"):
        reading(name)
    for name in ("chmod", "chown", "utime", "truncate", "mkfifo"):
        changing(name)
    for name in ("remove", "unlink", "rmdir"):
        setattr(os, name, functools.partial(_removing, scratch, real[name]))
    os.mkdir = functools.partial(_making, scratch)  # type: ignore[assignment]
    os.listdir = lambda path=None: scratch.listed(path)  # type: ignore[assignment]
    os.scandir = functools.partial(_scanning, scratch)  # type: ignore[assignment]
    for name in ("rename", "replace"):
        setattr(os, name, functools.partial(_moving, scratch, real["replace"]))
    os.symlink = lambda s, d, *a, **k: real["symlink"](s, scratch.to_write(d, False), *a, **k)  # type: ignore[assignment]
    os.link = lambda s, d, **k: real["link"](scratch.to_write(s), scratch.to_write(d, False), **k)  # type: ignore[assignment]


def _removing(scratch: Scratch, original: Callable[..., Any], path: Any, *args: Any, **kwargs: Any) -> None:
    scratch.remove(path, original, *args, **kwargs)


def _making(scratch: Scratch, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    full = scratch.outside(path)
    if full is None or dir_fd is not None:
        scratch.real["mkdir"](path, mode, dir_fd=dir_fd)
        return
    if os.path.lexists(path):
        raise FileExistsError(17, "File exists", os.fsdecode(path))
    scratch.make_folder(path, mode)


class _Entries(list[Any]):
    """What os.scandir gives: an iterator that is a context."""

    def __enter__(self) -> "_Entries":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> Any:
        if not self:
            raise StopIteration
        return self.pop(0)

    def close(self) -> None:
        self.clear()


class _Entry:
    """One of them, as os.DirEntry."""

    def __init__(self, folder: Any, name: str):
        self.name = os.fsencode(name) if isinstance(folder, bytes) else name
        self.path = os.path.join(folder, self.name)

    def __fspath__(self) -> Any:
        return self.path

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return os.stat(self.path) if follow_symlinks else os.lstat(self.path)

    def inode(self) -> int:
        return os.lstat(self.path).st_ino

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return os.path.isdir(self.path) and (follow_symlinks or not os.path.islink(self.path))

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return os.path.isfile(self.path) and (follow_symlinks or not os.path.islink(self.path))

    def is_symlink(self) -> bool:
        return os.path.islink(self.path)

    def is_junction(self) -> bool:
        return False


def _scanning(scratch: Scratch, path: Any = ".") -> Any:
    if scratch.outside(path) is None:
        return scratch.real["scandir"](path)
    return _Entries(_Entry(os.fspath(path), name) for name in scratch.listed(path))


def _moving(scratch: Scratch, replace: Callable[..., Any], source: Any, target: Any, **_: Any) -> None:
    """A rename: a copy in the scratch place moves, and the original counts as removed."""
    there, full = scratch.to_write(target, keep=False), scratch.outside(source)
    if full is None:
        replace(source, there)
        return
    if not os.path.lexists(source):
        raise FileNotFoundError(2, "No such file or directory", os.fsdecode(source))
    copy = scratch.copy_of(full)
    if scratch._is_folder(full) and not scratch.removed(full):
        shutil.copytree(full, copy, dirs_exist_ok=True)
    replace(scratch.to_write(source), there)
    if scratch._exists(full):
        scratch.mark_removed(full)
