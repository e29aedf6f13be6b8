"""Arrays in .npy, .npz and .pt files, a folder of them, or arrays in memory. Nothing is ever unpickled.

Which array is what is told by its name (x, images, data ...; y, labels, targets ...; train, val, test), or by its
shape where names say nothing. What lies in one piece on the disk is mapped, compressed arrays go through a temporary
file: memory stays bounded.
"""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError, Trouble
from trainloud.data.sources import Source
from trainloud.data.sources.files.archives import BROKEN, inflated
from trainloud.data.sources.files.spool import PIECE, Spool, read_forward
from trainloud.data.sources.files.tree import files_of, identity
from trainloud.data.sources.pictures.array_names import Named, parts_by_name
from trainloud.data.sources.pictures.stacked import Stack, dataset
from trainloud.data.sources.place import Place

NUMPY, TORCH, PICKLE = (".npy", ".npz"), (".pt", ".pth"), (".pkl", ".pickle", ".joblib", ".p")
NEVER = (
    "trainloud never unpickles, for that runs whatever the file asks for; save arrays with numpy.savez, or name the "
    "code that reads them as module:attribute"
)
WEIGHTS = ("weight", "bias", "running_mean", "running_var")  # last words of what a network's state is made of
SHAPES = (
    "known are pictures (n, height, width), (n, height, width, 1 to 4) or (n, 1 to 4, height, width), series "
    "(n, channels, time) and rows (n, columns); of volumes name slices, saved as pictures, or a row of features each"
)
LARGE = 1 << 30  # bytes of an array from which the ratio of its compression is asked for
MOST_RATIO = 500  # times: masks of few strokes reach 200; deflate's bound of 1,032 is reached by zeros alone
FOLDER_SHARE = 0.5  # of a folder's files that must be arrays
MOST_PARTS = 12  # arrays in memory that are one data set: more are examples of their own
MOST_FILES = 1000  # of a folder of arrays
MOST_ARRAYS = 100  # files of a folder: beyond, each is an example of its own, not a part


def recognises(place: Place) -> str:
    if place.path is None:
        return _in_memory(place.thing)
    if place.is_file:
        suffix = place.path.suffix.lower()
        if suffix in NUMPY:
            return f"a {suffix} file"
        if suffix in TORCH:
            return "a file of torch.save"
        return "a pickle" if suffix in PICKLE or (not suffix and _pickled(place.path)) else ""
    files = files_of(place.path, MOST_FILES)
    arrays = [f for f in files if f.suffix.lower() in NUMPY]
    if arrays and len(arrays) >= FOLDER_SHARE * len(files):
        return f"{len(arrays):,} files of arrays"
    pickles = sum(f.suffix.lower() in PICKLE or (not f.suffix and _pickled(f)) for f in files[:MOST_ARRAYS])
    return f"{pickles:,} pickles" if pickles and pickles >= FOLDER_SHARE * len(files) else ""


def _pickled(path: Path) -> bool:
    """Whether a file begins as pickles of protocol 2 and later do."""
    try:
        with path.open("rb") as f:
            head = f.read(4)
    except OSError:
        return False
    return head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05") and len(head) == 4


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    """The data set of the arrays. Raises SourceError."""
    loaded = Loaded()
    if place.path is None:
        loaded.arrays, form = flat(place.thing), f"arrays in memory ({type(place.thing).__name__})"
    elif place.is_folder:
        form = _folder(place.path, limits, loaded)
    else:
        form = _file(place.path, limits, loaded)
    met = f" ({loaded.troubles[0].name}: {loaded.troubles[0].what})" if loaded.troubles else ""
    if not loaded.arrays:
        raise SourceError(f"{place}: there is no array in it{met}")
    try:
        named: Named = parts_by_name(loaded.arrays)
        stack = Stack(
            named.parts, form, identity(place, *loaded.beside), named.label, named.classes, named.columns, named.why,
            loaded.troubles, loaded.notes + named.notes,
        )  # fmt: skip
        return dataset(stack, asked, limits)
    except SourceError as error:
        deep = any(a.ndim > 3 for a in loaded.arrays.values())
        raise SourceError(f"{place}: {error}{met}{f'; {SHAPES}' if deep else ''}") from error


class Loaded:
    """Arrays by name, and what reading them met."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.troubles: list[Trouble] = []
        self.notes: list[str] = []
        self.beside: list[Path] = []
        """Files beside the one that was named that were read too."""


def _folder(folder: Path, limits: Limits, loaded: Loaded) -> str:
    files = files_of(folder, MOST_FILES)
    arrays = [f for f in files if f.suffix.lower() in NUMPY]
    if not arrays:
        raise SourceError(f"{folder}: its files are pickles: {NEVER}")
    if len(arrays) > MOST_ARRAYS:
        raise SourceError(f"{folder}: {len(arrays):,} files of arrays; stack them into one, an example a row")
    for file in files:
        if file not in arrays:
            loaded.troubles.append(Trouble("stray-file", file.name, "no array"))
            continue
        inside = Loaded()
        _file(file, limits, inside)
        for name, array in inside.arrays.items():
            loaded.arrays[file.stem if len(inside.arrays) == 1 else f"{file.stem}/{name}"] = array
        loaded.troubles += inside.troubles
    return f"folder of {len(arrays):,} files of arrays"


def _file(path: Path, limits: Limits, loaded: Loaded) -> str:
    """Read the arrays of one file; what it is, in words."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            with path.open("rb") as f:
                loaded.arrays[path.stem] = _mapped(f, 0, path.stat().st_size, path, path.name, loaded)
            _beside(path, limits, loaded)
            return ".npy file"
        if suffix == ".npz":
            _npz(path, limits, loaded)
            return ".npz file"
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
    if suffix in TORCH:
        loaded.arrays = _torch(path)
        return f"{suffix} file of tensors"
    raise SourceError(f"{path}: a pickle: {NEVER}")


def _beside(path: Path, limits: Limits, loaded: Loaded) -> None:
    """The labels of X.npy in y.npy beside it."""
    from trainloud.data.sources.pictures.array_names import label_names

    for name in label_names(path.stem):
        partner = path.with_name(name + path.suffix)
        if partner.is_file() and not partner.samefile(path):
            with partner.open("rb") as f:
                loaded.arrays[name] = _mapped(f, 0, partner.stat().st_size, partner, partner.name, loaded)
            loaded.beside.append(partner)
            loaded.notes.append(f"the labels are read from {partner.name}, which lies beside it")
            return


# numpy's files --------------------------------------------------------------------------------------------------------


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """(shape, whether the first axis runs fastest, type) of an array in numpy's format. Raises SourceError."""
    try:
        version = np.lib.format.read_magic(file)  # type: ignore[arg-type]
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = reader(file)  # type: ignore[arg-type]
    except (ValueError, EOFError) as error:
        raise SourceError(f"{name}: no array in numpy's format: {str(error).splitlines()[0]}") from error
    if any(s < 0 for s in shape):
        raise SourceError(f"{name}: its header declares the shape {shape}")
    if dtype.hasobject:
        raise SourceError(f"{name}: an array of Python objects, which numpy pickles: {NEVER}")
    return shape, fortran, dtype


def _mapped(file: IO[bytes], start: int, size: int, path: Path, name: str, loaded: Loaded) -> np.ndarray:
    """The array that begins at `start` of the file on disk and takes `size` bytes with its header, mapped."""
    file.seek(start)
    shape, fortran, dtype = _header(file, name)
    at = file.tell()
    shape = _whole(shape, fortran, dtype, size - (at - start), name, loaded)
    if not int(np.prod(shape)):
        return np.empty(shape, dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=at, shape=shape, order="F" if fortran else "C")


def _whole(
    shape: tuple[int, ...], fortran: bool, dtype: np.dtype, there: int, name: str, loaded: Loaded
) -> tuple[int, ...]:
    """The shape that `there` bytes hold: as declared, or the whole examples of a file that is cut short."""
    wanted = int(np.prod([int(s) for s in shape], dtype=object)) * dtype.itemsize
    if there >= wanted:
        return shape
    row = wanted // shape[0] if shape and shape[0] else 0
    if fortran or not row or there < row:
        raise SourceError(f"{name}: cut short: {there:,} of the {wanted:,} bytes of an array of shape {shape}")
    count = there // row
    what = f"cut short: {there:,} of {wanted:,} bytes, {count:,} whole examples of {shape[0]:,}"
    loaded.troubles.append(Trouble("truncated", name, what))
    return (count, *shape[1:])


def _npz(path: Path, limits: Limits, loaded: Loaded) -> None:
    """Arrays of a .npz: those that are stored plainly are mapped, compressed ones unpacked into a temporary file."""
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as raw:
            spool = None
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                if info.is_dir() or not info.filename.endswith(".npy"):
                    loaded.troubles.append(Trouble("stray-file", f"{path.name}/{info.filename}", "no array"))
                elif info.flag_bits & 1:
                    loaded.troubles.append(Trouble("encrypted", f"{path.name}/{name}", "encrypted"))
                elif why := inflated(info.file_size, info.compress_size, LARGE, MOST_RATIO, most_bytes=1 << 62):
                    loaded.troubles.append(Trouble("too-large", f"{path.name}/{name}", why))
                elif info.compress_type == zipfile.ZIP_STORED:
                    raw.seek(info.header_offset)
                    head = raw.read(30)
                    # The name and the extra field have their own lengths here.
                    at = info.header_offset + 30 + sum(int.from_bytes(head[i : i + 2], "little") for i in (26, 28))
                    loaded.arrays[name] = _mapped(raw, at, info.file_size, path, f"{path.name}/{name}", loaded)
                else:
                    spool = spool or Spool(limits)
                    with archive.open(info) as f:
                        loaded.arrays[name] = _unpacked(f, info.file_size, spool, f"{path.name}/{name}", loaded)
    except BROKEN as error:
        raise SourceError(f"{path}: broken .npz file: {error}") from error


def _unpacked(file: IO[bytes], size: int, spool: Spool, name: str, loaded: Loaded) -> np.ndarray:
    """The array of a stream, by way of the spool."""
    shape, fortran, dtype = _header(file, name)
    wanted = int(np.prod([int(s) for s in shape], dtype=object)) * dtype.itemsize
    if wanted > size:
        raise SourceError(f"{name}: its header asks for {wanted:,} bytes, of which {size:,} can be there")
    spool.align()
    at = len(spool)
    while piece := read_forward(file, PIECE):
        spool.add(piece)
    shape = _whole(shape, fortran, dtype, len(spool) - at, name, loaded)
    array = spool.array(at, shape[::-1] if fortran else shape, dtype)
    return array.T if fortran else array


# tensors --------------------------------------------------------------------------------------------------------------


def _torch(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file of torch.save, by name. Raises SourceError for anything but tensors in dicts and tuples."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if why := inflated(info.file_size, info.compress_size, LARGE, MOST_RATIO, most_bytes=1 << 62):
                    raise SourceError(f"{path}: {info.filename}: {why}")
    import torch

    try:
        held = torch.load(path, map_location="cpu", weights_only=True, mmap=True if zipfile.is_zipfile(path) else None)
    except Exception as error:  # whatever it raises, of many types
        asked = re.search(r"GLOBAL (\S+)", str(error))
        what = f"it asks for {asked[1]}" if asked else type(error).__name__
        raise SourceError(f"{path}: it holds more than tensors, or is broken ({what}): {NEVER}") from error
    found = flat(held)
    if found and all(re.split(r"[./]", name)[-1] in WEIGHTS for name in found):
        raise SourceError(f"{path}: {len(found)} tensors named as the weights of a network are: no data")
    return found


def flat(held: Any, prefix: str = "") -> dict[str, np.ndarray]:
    """Arrays and tensors in dicts, tuples and lists, by name: keys and places joined by "/"."""
    array = as_array(held)
    if array is not None:
        return {prefix or "x": array}
    found: dict[str, np.ndarray] = {}
    if isinstance(held, Mapping):
        for key, value in held.items():
            found |= flat(value, f"{prefix}/{key}" if prefix else str(key))
    elif isinstance(held, (tuple, list)):
        if prefix == "" and len(held) == 2 and all(isinstance(p, (tuple, list)) and len(p) == 2 for p in held):
            return flat({"train": held[0], "test": held[1]})  # (x_train, y_train), (x_test, y_test)
        names = ("x", "y") if len(held) == 2 else [f"arr_{i}" for i in range(len(held))]
        for name, value in zip(names, held, strict=True):
            found |= flat(value, f"{prefix}/{name}" if prefix else name)
    return found


def as_array(held: Any) -> np.ndarray | None:
    """The array of an array or a tensor with at least one axis; None for anything else."""
    if isinstance(held, np.ndarray):
        return held if held.ndim and not held.dtype.hasobject else None
    if type(held).__module__.split(".")[0] == "torch" and hasattr(held, "detach") and hasattr(held, "dtype"):
        tensor = held.detach().cpu()
        if not tensor.dim() or not hasattr(tensor, "numpy") or tensor.is_sparse or tensor.is_quantized:
            return None
        if str(tensor.dtype) == "torch.bfloat16":
            tensor = tensor.float()
        return np.asarray(tensor.numpy())
    return None


def _in_memory(thing: Any) -> str:
    """Whether an object is an array, or holds nothing but arrays."""
    if as_array(thing) is not None:
        return "an array"
    parts = list(thing.values()) if isinstance(thing, Mapping) else thing if isinstance(thing, (tuple, list)) else []
    if not parts or len(parts) > MOST_PARTS:
        return ""
    return f"{len(parts)} arrays" if all(as_array(p) is not None or _in_memory(p) for p in parts) else ""


SOURCE = Source("arrays", recognises, read, order=20)
