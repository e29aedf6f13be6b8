"""What was measured and answered, kept under the identity of the data: an interrupted inspection goes on where it was.

The key of a folder is a digest of what its content depends on: the identity of the data (names, sizes, times of
change), what was asked, and the source of this room. Nothing in it is ever unpickled. The least recently used
folders go when all together grow too large.
"""

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from contextlib import suppress
from functools import cache
from importlib import metadata
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np

LARGEST = 4 << 30  # bytes of all folders together


def default_folder() -> str:
    """`$XDG_CACHE_HOME/trainloud/inspect`, or its place below the home folder."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "trainloud", "inspect")


class Cache:
    """The folder of one data set. Without a `root` it is a temporary one, removed by `close`."""

    def __init__(self, root: str, *key: Any):
        self._temporary = None if root else tempfile.TemporaryDirectory(prefix="trainloud-", ignore_cleanup_errors=True)
        if self._temporary is not None:
            self.folder = Path(self._temporary.name)
        else:
            digest = hashlib.sha256(repr((version(), *key)).encode()).hexdigest()[:32]
            self.folder = Path(root) / digest
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                os.utime(self.folder)
                _prune(Path(root), self.folder)
            except OSError:  # no place to keep anything: a folder of this run alone
                self._temporary = tempfile.TemporaryDirectory(prefix="trainloud-", ignore_cleanup_errors=True)
                self.folder = Path(self._temporary.name)

    def close(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()

    def path(self, name: str) -> Path:
        """Where a file of this data set may be kept, for a memory map."""
        return self.folder / name

    def arrays(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays kept under this name; None if there are none, or the file is broken."""
        try:
            with np.load(self.folder / f"{name}.npz", allow_pickle=False) as kept:
                return {k: kept[k] for k in kept.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return None

    def keep_arrays(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        target = self.folder / f"{name}.npz"
        part = target.with_suffix(f".{os.getpid()}.part.npz")
        with suppress(OSError):  # a full disk, or a folder that another process has pruned: it is not kept
            np.savez(part, **arrays)  # type: ignore[arg-type]
            part.replace(target)

    def json(self, name: str) -> Any:
        """The value kept under this name; None if there is none, or the file is broken."""
        try:
            return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def keep_json(self, name: str, value: Any) -> None:
        target = self.folder / f"{name}.json"
        part = target.with_suffix(f".{os.getpid()}.part.json")
        with suppress(OSError):
            part.write_text(json.dumps(value, allow_nan=False), encoding="utf-8")
            part.replace(target)


@cache
def version() -> str:
    """Digest of this room's source, of the nouns' and of the libraries' versions: what another version of the code has
    kept is not taken for its own."""
    digest = hashlib.sha256()
    for folder in (Path(__file__).parent, Path(__file__).parents[1] / "core"):
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.read_bytes())
    for library in ("numpy", "pyarrow", "pillow", "simplejpeg", "scikit-learn", "torch"):
        with suppress(PackageNotFoundError):
            digest.update(f"{library} {metadata.version(library)}".encode())
    return digest.hexdigest()[:16]


def _size(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def _prune(root: Path, keep: Path) -> None:
    """Remove the least recently used folders until the rest fits."""
    try:
        folders = sorted((f for f in root.iterdir() if f.is_dir()), key=lambda f: f.stat().st_mtime, reverse=True)
        left = LARGEST
        for folder in folders:
            left -= _size(folder)
            if left < 0 and folder != keep:
                shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # another process is pruning too
        return
