"""What arrays are, told by their names, or by their shapes where the names say nothing."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trainloud.data.dataset import SourceError
from trainloud.data.sources.pictures.image_files import words
from trainloud.data.sources.pictures.stacked import Part

X_WORDS = words("x images image imgs img data inputs input features feature samples pixels series signals sequences")
Y_WORDS = words("y labels label targets target lbls classes class ys")
MASK_WORDS = words("mask masks segmentation segmentations segmentation_masks")
NAME_WORDS = words("names name classes categories columns")
SPLITS = {
    "train": "train", "training": "train", "tr": "train", "trn": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "te": "test", "tst": "test", "t10k": "test",
}  # fmt: skip


@dataclass
class Named:
    """The parts of a data set, and how they were told."""

    parts: list[Part]
    label: str
    """Name of the labels' column."""
    why: str
    classes: Sequence[str] = ()
    columns: Sequence[str] = ()
    notes: list[str] = field(default_factory=list)


@dataclass
class _Group:
    """The arrays of one split: name -> array."""

    x: dict[str, np.ndarray] = field(default_factory=dict)
    y: dict[str, np.ndarray] = field(default_factory=dict)
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    others: dict[str, np.ndarray] = field(default_factory=dict)


def told(name: str) -> tuple[str, str, str]:
    """(split, "x", "y", "masks" or "", the name without its split) of an array's name."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    parts = [w for w in re.split(r"[^a-z0-9]+", spaced.lower()) if w]
    split, rest = "", []
    for word in parts:
        if word in SPLITS and not split:
            split = SPLITS[word]
            continue
        pasted = re.fullmatch(r"([xy])(train|valid|val|test|tr|te|trn|tst|dev)|(train|valid|val|test|dev)([xy])", word)
        if pasted and not split:
            split = SPLITS[pasted[2] or pasted[3]]
            word = pasted[1] or pasted[4]
        rest.append(word)
    role = ""
    for words_, found in ((Y_WORDS, "y"), (MASK_WORDS, "masks"), (X_WORDS, "x")):
        if not role and any(w in words_ for w in rest):
            role = found
    return split, role, " ".join(rest)


def label_names(name: str) -> Iterable[str]:
    """Names that the labels of an array of this name may have: "X_train" -> "y_train", "images" -> "labels"."""
    for pattern, others in (
        (r"(?<![A-Za-z])X|(?<![A-Za-z])X(?=train|test|val)", ("y", "Y")),
        (r"(?<![A-Za-z])x", ("y",)),
        (r"images|imgs|data|features|inputs", ("labels", "targets")),
        (r"image|img", ("label", "labels")),
    ):
        if re.search(pattern, name):
            yield from (re.sub(pattern, other, name, count=1) for other in others)


def parts_by_name(arrays: Mapping[str, np.ndarray]) -> Named:
    """The parts that the arrays make. Raises SourceError where none of them can be the examples."""
    groups: dict[str, _Group] = {}
    classes: Sequence[str] = ()
    columns: Sequence[str] = ()
    for name, array in arrays.items():
        split, role, bare = told(name)
        if array.ndim == 1 and array.dtype.kind in "SU" and set(bare.split()) & NAME_WORDS:
            named = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in array.tolist()]
            if set(bare.split()) & {"feature", "features", "columns", "column"}:
                columns = named
            else:
                classes = named
            continue
        kept: dict[str, np.ndarray] = getattr(groups.setdefault(split, _Group()), role or "others")
        kept[name] = array
    notes: list[str] = []
    parts = []
    label, why = "", []
    for split, group in groups.items():
        part, said, column = _part(split, group, notes)
        if part is not None:
            parts.append(part)
            why.append(said)
            label = label or column
    if not parts:
        raise SourceError(f"none of the arrays can be the examples: {_listed(arrays)}")
    if len({p.split for p in parts}) > 1 and any(not p.split for p in parts):
        for part in parts:
            part.split = part.split or "other"
    return Named(parts, label or "label", "; ".join(why), classes, columns, notes)


def _part(split: str, group: _Group, notes: list[str]) -> tuple[Part | None, str, str]:
    """The part of one split, how it was told, and the name of its labels."""
    candidates = group.x or {n: a for n, a in group.others.items() if a.ndim > 1 or not group.y}
    if not candidates and group.y and len(group.y) > 1:
        candidates = group.y
    if not candidates:
        return None, "", ""
    by_name = bool(group.x)
    x_name = max(candidates, key=lambda n: (candidates[n].ndim > 1, candidates[n].size))
    x = candidates[x_name]
    rest = {**group.x, **group.y, **group.others}
    del rest[x_name]
    alike = {n: a for n, a in rest.items() if a.ndim and len(a) == len(x)}
    y_name = next((n for n in group.y if n != x_name), "")
    if not y_name and not by_name:
        y_name = next((n for n, a in alike.items() if a.ndim == 1 or (a.ndim == 2 and a.shape[1] == 1)), "")
    y = rest.pop(y_name) if y_name else None
    alike.pop(y_name, None)
    masks = next((a for a in group.masks.values()), None)
    others = {n: a for n, a in alike.items() if a.ndim == 1 and a.dtype.kind in "biufSU"}
    for name in rest:
        if name not in others:
            notes.append(f"the array {name!r} of shape {rest[name].shape} is not read")
    how = "by name" if by_name else "by shape"
    said = f"{x_name!r} of shape {x.shape} taken for the examples {how}" + (
        f", {y_name!r} for the labels" if y_name else ""
    )
    column = told(y_name)[2].replace(" ", "_") if y_name else ""
    return Part(split, x, x_name, y, masks, others), said, column


def _listed(arrays: Mapping[str, np.ndarray]) -> str:
    shown = [f"{n!r} {a.shape}" for n, a in list(arrays.items())[:6]]
    return ", ".join(shown) + (f" and {len(arrays) - 6:,} more" if len(arrays) > 6 else "")
