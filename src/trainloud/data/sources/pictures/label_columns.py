"""Arrays of labels as columns: numbers, or classes by their names."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from trainloud.data.dataset import Asked, Role, SourceError
from trainloud.data.sources.pictures.labelled import category, class_numbers

MOST_COLUMNS = 20_000  # of a table, or of the labels of an example: 160 kB a row


def labels_of(
    labels: Sequence[np.ndarray | None],
    sizes: Sequence[int],
    name: str,
    classes: Sequence[str],
    asked: Asked,
    notes: list[str],
) -> tuple[dict[str, tuple[pa.ChunkedArray, Role]], str]:
    """The columns of the labels of all parts, of these sizes, and the name of the one that is the target.

    What was decided is added to `notes`. Raises SourceError.
    """
    like = asked.like
    name = like.recognised.target if like is not None and like.recognised.target else name
    given = [y for y in labels if y is not None]
    if not given:
        if like is None or not like.recognised.target or like.roles.get(name) is None:
            return {}, ""
        return {name: column_of([np.full(n, np.nan) for n in sizes], role=like.roles[name])}, name
    width = _width(given[0])
    if any(_width(y) != width for y in given):
        raise SourceError(f"the labels have shapes {', '.join(str(y.shape) for y in given)}: of two forms")
    if any(y.dtype.kind not in "biufSU" for y in given):
        raise SourceError(f"labels of type {given[0].dtype} are nothing that trainloud knows")
    ys = [None if y is None else y.reshape(len(y), -1) for y in labels]
    if width > 1 and all(_one_hot(y) for y in ys if y is not None):
        notes.append(f"the labels are {width:,} columns of which one is 1 in each row: its number is the class")
        ys = [None if y is None else y.argmax(axis=1)[:, None] for y in ys]
        width = 1
    if width > MOST_COLUMNS:
        raise SourceError(f"{width:,} numbers of target an example; trainloud reads at most {MOST_COLUMNS:,}")
    found = {}
    for k in range(width):
        one = [np.full(n, np.nan) if y is None else y[:, k] for n, y in zip(sizes, ys, strict=True)]
        title = name if width == 1 else f"{name}{k}"
        role = like.roles.get(title) if like is not None else _asked_role(asked) if width == 1 else None
        found[title] = column_of(one, classes if width == 1 else (), role)
    if width > 1:
        notes.append(f"the labels are {width:,} numbers an example: name the one to predict with --target")
    return found, name if width == 1 else ""


def _asked_role(asked: Asked) -> Role | None:
    return {"classes": "category", "number": "number"}.get(asked.task)  # type: ignore[return-value]


def _width(y: np.ndarray) -> int:
    return 1 if y.ndim == 1 else int(np.prod(y.shape[1:]))


def _one_hot(y: np.ndarray) -> bool:
    return bool(((y == 0) | (y == 1)).all()) and bool((y.sum(axis=1) == 1).all()) if y.dtype.kind in "biuf" else False


def column_of(
    parts: Sequence[np.ndarray], classes: Sequence[str] = (), role: Role | None = None
) -> tuple[pa.ChunkedArray, Role]:
    """One column from its parts: as classes where it holds words or the numbers of classes, else as numbers.

    `role` says which. A part of NaN alone is missing.
    """
    if any(p.dtype.kind in "SU" for p in parts):
        words = [None if p.dtype.kind == "f" else str(v) for p in parts for v in _unicode(p).tolist()]
        return category(words), "category"
    values = np.concatenate([np.asarray(p, np.float64) for p in parts])
    whole = all(p.dtype.kind in "biu" or np.isnan(p).all() for p in parts)
    if not _name(classes, values):
        classes = ()
    if role == "number" or (role is None and not classes and not class_numbers(values, whole)):
        return pa.chunked_array([pa.array(values)]), "number"
    return as_classes(values, classes), "category"


def _name(classes: Sequence[str], values: np.ndarray) -> bool:
    """Whether the values are places in the list of classes."""
    values = values[np.isfinite(values)]
    return bool(len(classes)) and bool(((values >= 0) & (values < len(classes)) & (values % 1 == 0)).all())


def as_classes(values: np.ndarray, classes: Sequence[str] = ()) -> pa.ChunkedArray:
    """Numbers as words, "3" for 3.0, or the names of the classes 0, 1, ...; not finite is missing."""
    missing = ~np.isfinite(values)
    different, places = np.unique(values[~missing], return_inverse=True)
    codes: np.ndarray = np.zeros(len(values), np.int32)
    codes[~missing] = places
    numbers = different.tolist()
    names = [str(classes[int(v)]) if classes else f"{v:.15g}" for v in numbers]
    if len(set(names)) < len(names):  # two classes of one name
        names = [f"{n} ({v:g})" for n, v in zip(names, numbers, strict=True)]
    cells = pa.DictionaryArray.from_arrays(pa.array(codes, mask=missing), pa.array(names, pa.string()))
    return pa.chunked_array([cells])


def _unicode(values: np.ndarray) -> np.ndarray:
    return np.char.decode(values, "utf-8", "backslashreplace") if values.dtype.kind == "S" else values
