"""Where data lies: a path, a `module:attribute`, or an object in memory."""

import hashlib
import os
import stat
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from trainloud.data.dataset import SourceError

LOOKED_AT = 10_000  # files of a folder whose names are looked at
CODE = frozenset(
    [".py", ".js", ".ts", ".java", ".c", ".h", ".cc", ".cpp", ".hpp", ".cs", ".go", ".rs", ".rb", ".php", ".swift"]
    + [".kt", ".scala", ".r", ".jl", ".m", ".lua", ".pl", ".sh", ".sql", ".hs", ".ml", ".jsx", ".tsx"]
)
"""Suffixes of source code."""


@dataclass(frozen=True)
class Place:
    """What the person named."""

    path: Path | None = None
    """A file or folder that exists; None for an object."""
    thing: Any = None
    """An object in memory: a torch Dataset, a `datasets` object, a data frame, arrays."""
    word: str = ""
    """What the person typed, for messages."""

    def __str__(self) -> str:
        return self.word

    @property
    def is_file(self) -> bool:
        return self.path is not None and self.path.is_file()

    @property
    def is_folder(self) -> bool:
        return self.path is not None and self.path.is_dir()

    @property
    def suffixes(self) -> str:
        """The last suffixes in lower case, compression included: ".csv.gz", ".png", "" for none."""
        if self.path is None:
            return ""
        parts = [s.lower() for s in self.path.suffixes[-2:]]
        return "".join(parts) if parts[-1:] in ([".gz"], [".bz2"], [".xz"], [".zst"]) else "".join(parts[-1:])

    def head(self, size: int = 64 << 10) -> bytes:
        """The first bytes of the file as stored; b"" for anything else. Raises OSError."""
        if not self.is_file:
            return b""
        assert self.path is not None
        with self.path.open("rb") as f:
            return f.read(size)

    def identity(self) -> str:
        """Digest of names, sizes and times of change of the file or of all files of the folder."""
        return identity_of(self.path) if self.path is not None else ""

    def nothing_known(self) -> str:
        """Why no source took it, in words."""
        if self.is_folder:
            assert self.path is not None
            entries = list(os.scandir(self.path))
            if not entries:
                return "the folder is empty"
            told = f"none of the {len(entries)} entries of the folder is data that trainloud knows"
            return "; ".join([told, *_way_out(self.path)])
        if self.is_file:
            assert self.path is not None
            return "the file is empty" if not self.path.stat().st_size else "no form of data that trainloud knows"
        return f"an object of type {type(self.thing).__name__} is no data that trainloud knows"


def _way_out(folder: Path) -> list[str]:
    """What to do about the files that lie most below a folder, for forms that are known otherwise."""
    found = Counter(Path(n).suffix.lower() for n in islice((n for _, _, ns in os.walk(folder) for n in ns), LOOKED_AT))
    if not found:
        return ["no file lies below it"]
    arrays = found[".npy"] + found[".npz"]
    if 2 * arrays > found.total():
        return [
            f"{arrays:,} files of arrays lie below it: stack them into one .npz, x of shape (n, ...), an example a "
            f"row, "
            "and y of shape (n,), the class of each"
        ]
    code = sum(found[s] for s in CODE)
    if 2 * code > found.total():
        return [f"{code:,} files of source code lie below it: --kind text reads them as texts"]
    suffix, most = found.most_common(1)[0]
    return [f"most below it are {suffix or 'files without a suffix'} ({most:,} of {found.total():,} looked at)"]


def identity_of(path: Path) -> str:
    """Digest of name, size and time of change of a file, or of all files below a folder."""
    digest = hashlib.sha256()
    root = os.path.abspath(path)
    names = [root] if path.is_file() else (os.path.join(f, n) for f, _, found in os.walk(root) for n in found)
    for name in sorted(names):
        try:
            info = os.stat(name)
        except OSError:  # a broken link, or gone since
            continue
        if stat.S_ISREG(info.st_mode):
            digest.update(
                f"{name}\0{info.st_size}\0{info.st_mtime_ns}\0{info.st_ctime_ns}\n".encode(errors="surrogateescape")
            )
    return digest.hexdigest()


def place_of(data: Any) -> Place:
    """The place of a path or of an object. Raises SourceError for a path that is not there.

    `module:attribute` is imported only where no such file exists; importing runs the person's own module.
    """
    if isinstance(data, Path) or (isinstance(data, str) and (os.path.exists(data) or not _named(data))):
        path = Path(data)
        if not path.exists():
            raise SourceError(f"{data}: no such file or folder")
        return Place(path=path, word=str(data))
    if isinstance(data, str):
        return Place(thing=_imported(data), word=data)
    return Place(thing=data, word=type(data).__name__)


def _named(word: str) -> bool:
    """`package.module:attribute`?"""
    module, _, attribute = word.partition(":")
    return bool(attribute) and all(p.isidentifier() for p in (*module.split("."), *attribute.split(".")))


def _imported(word: str) -> Any:
    import importlib
    import sys

    module, _, attribute = word.partition(":")
    path, wrote = list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, "")
    sys.dont_write_bytecode = True  # nothing is written beside the person's module
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise SourceError(f"{word}: {error}") from error
    except (Exception, SystemExit) as error:
        raise SourceError(f"{word}: importing {module} raised {type(error).__name__}: {error}") from error
    finally:
        sys.path[:], sys.dont_write_bytecode = path, wrote
    return found
