"""What the folders above a picture mean: wrappers, splits, classes, and what lies below a class.

Read from outside in: folders that merely wrap everything are passed; then folders that are named after splits; the
first folder below is the class, any deeper one an attribute of the picture ("folder").
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from trainloud.core.words import plural
from trainloud.data.sources.pictures.image_files import words

Folder = tuple[str, ...]

SPLIT_WORDS = {
    "train": "train", "training": "train", "trn": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val", "eval": "val",
    "test": "test", "testing": "test", "tst": "test",
}  # fmt: skip
FILLERS = words("set data dataset images image imgs img pics photos seg split folder part")
GENERIC = words("images image imgs img jpegimages jpegs jpg png pictures pics photos frames data dataset inputs all")
BESIDE = 0.05  # share of pictures that may lie beside the one folder that wraps the others
LOOSE = 0.5  # share of pictures directly beside folders from which those are no classes, but an album's folders
FEWEST = 2.0  # pictures a folder, on average, below which many folders are no classes but one for each picture
MANY = 10  # folders


@dataclass(frozen=True)
class Meaning:
    """What one folder's pictures are."""

    split: str = ""
    label: str | None = None
    """The class; None where the folders do not say it."""
    rest: str = ""
    """The folders that are neither wrapper, split nor class."""


@dataclass(frozen=True)
class Layout:
    """What the folders mean."""

    meanings: Mapping[Folder, Meaning]
    why: str
    """In words, with numbers."""
    of_splits: str = ""
    """The part of `why` that tells the splits; "" where there are none."""

    @property
    def classes(self) -> list[str]:
        return sorted({r.label for r in self.meanings.values() if r.label is not None})


def split_named(name: str) -> str:
    """The split that a folder's name says ("Training_Set" -> "train", "val2017" -> "val"); "" if it says none."""
    parts = [w for w in re.split(r"[^a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()) if w]
    told = [SPLIT_WORDS[w] for w in parts if w in SPLIT_WORDS]
    return told[0] if len(told) == 1 and all(w in SPLIT_WORDS or w in FILLERS for w in parts) else ""


def layout(counts: Mapping[Folder, int], root: str = "") -> Layout:
    """The meaning of folders from the pictures that lie directly in each; `root` is the name of what holds them."""
    tree = _Tree(counts)
    top = tree.below_wrappers((), lambda child: bool(tree.children(child)) and not split_named(child[-1]))
    splits = _splits(tree, top)
    if splits:
        meanings, below = _in_splits(tree, top, splits)
        sizes = ", ".join(f"{s} {n:,}" for s, n in _sizes(counts, meanings).items())
        which = f"the folders {below} are splits" if len(splits) > 1 else f"the folder {below} is a split"
        return _told(counts, meanings, f"{which} ({sizes})")
    if _splits_below(tree, top):
        meanings = {f: _class_first(f, len(top)) for f in counts}
        return _told(counts, meanings, "the folders below each class are splits")
    return _told(counts, _plain(tree, top, root), "")


def _told(counts: Mapping[Folder, int], meanings: dict[Folder, Meaning], why: str) -> Layout:
    classes: Counter[str] = Counter()
    for folder, meaning in meanings.items():
        if meaning.label is not None:
            classes[meaning.label] += counts[folder]
    if not classes:
        where = "no folder names classes"
    elif len(classes) == 1:
        where = f"{plural(classes.total(), 'picture')} in one folder, {next(iter(classes))!r}: one class"
    else:
        least, most = min(classes.values()), max(classes.values())
        size = f"{least:,} to {plural(most, 'picture')}" if least < most else f"{plural(most, 'picture')} each"
        where = f"{len(classes):,} folders of {size} are classes"
    deeper = any(r.rest for r in meanings.values()) and bool(classes)
    words = (why, where, "deeper folders are a column" if deeper else "")
    return Layout(meanings, "; ".join(w for w in words if w), why)


class _Tree:
    """How many pictures lie in and below each folder."""

    def __init__(self, counts: Mapping[Folder, int]):
        self.direct = counts
        self.total: Counter[Folder] = Counter()
        self._children: dict[Folder, set[Folder]] = defaultdict(set)
        for folder, count in counts.items():
            for depth in range(len(folder) + 1):
                self.total[folder[:depth]] += count
                if depth:
                    self._children[folder[: depth - 1]].add(folder[:depth])

    def children(self, folder: Folder) -> list[Folder]:
        return sorted(self._children.get(folder, ()))

    def below_wrappers(self, folder: Folder, wraps: "object") -> Folder:
        """The first folder below that does not merely wrap the one inside it."""
        while True:
            inner = self.children(folder)
            beside = self.direct.get(folder, 0)
            if len(inner) != 1 or beside > BESIDE * self.total[folder] or not wraps(inner[0]):  # type: ignore[operator]
                return folder
            folder = inner[0]


def _splits(tree: _Tree, top: Folder) -> dict[Folder, str]:
    """Child -> split, where the children of a folder are splits; other children become splits of their own names."""
    inner = tree.children(top)
    named = {c: split_named(c[-1]) for c in inner}
    told = {s for s in named.values() if s}
    if not told or (len(told) < 2 and not all(named.values())):
        return {}
    found: dict[Folder, str] = {}
    called: dict[str, str] = {}
    for child in inner:
        # "val" beside "dev" are two splits, "train_1" beside "train_2" one.
        word = next((w for w in SPLIT_WORDS if w in re.split(r"[^a-z]+", child[-1].lower())), child[-1].lower())
        name = named[child] or child[-1].lower()
        found[child] = name if called.setdefault(name, word) == word else word
    return found


def _in_splits(tree: _Tree, top: Folder, splits: dict[Folder, str]) -> tuple[dict[Folder, Meaning], str]:
    meanings: dict[Folder, Meaning] = {}
    for child, split in splits.items():
        start = tree.below_wrappers(
            child, lambda c, above=child[-1]: c[-1].lower() == above.lower() or c[-1].lower() in GENERIC
        )
        loose = tree.direct.get(start, 0) > LOOSE * tree.total[start]
        for folder in tree.direct:
            if folder[: len(child)] == child:
                inside = folder[len(start) :] if folder[: len(start)] == start else ()
                meanings[folder] = _meaning(split, inside, loose)
    for folder in tree.direct:
        meanings.setdefault(folder, Meaning("other"))
    return meanings, ", ".join(repr(c[-1]) for c in splits)


def _meaning(split: str, inside: Folder, loose: bool = False) -> Meaning:
    if not inside or loose:
        return Meaning(split, None, "/".join(inside))
    return Meaning(split, inside[0], "/".join(inside[1:]))


def _splits_below(tree: _Tree, top: Folder) -> bool:
    """Whether every class holds folders that are splits, and nothing else."""
    inner = tree.children(top)
    if len(inner) < 2:
        return False
    deeper = [g for c in inner for g in tree.children(c)]
    return (
        bool(deeper)
        and not any(tree.direct.get(c) for c in inner)
        and all(split_named(g[-1]) for g in deeper)
        and len({split_named(g[-1]) for g in deeper}) > 1
    )


def _class_first(folder: Folder, depth: int) -> Meaning:
    inside = folder[depth:]
    if len(inside) < 2:
        return Meaning("other")
    return Meaning(split_named(inside[1]), inside[0], "/".join(inside[2:]))


def _says_nothing(name: str, root: str) -> bool:
    """Whether the name of an only folder is no class's: "images", "my_photos", "2020", or the name of what holds it."""
    parts = [w for w in re.split(r"[^a-z]+", name.lower()) if w]
    return not parts or any(w in GENERIC for w in parts) or name.lower() == root.lower()


def _plain(tree: _Tree, top: Folder, root: str) -> dict[Folder, Meaning]:
    """Roles without splits: classes, one class, or none."""
    inner = tree.children(top)
    if len(inner) == 1 and _says_nothing(inner[0][-1], root):
        inner = []
    below = tree.total[top] - tree.direct.get(top, 0)
    album = tree.direct.get(top, 0) > LOOSE * tree.total[top]
    single = len(inner) >= MANY and below < FEWEST * len(inner)
    if not inner or album or single:
        return {f: Meaning("", None, "/".join(f[len(top) :])) for f in tree.direct}
    return {f: _meaning("", f[len(top) :] if f[: len(top)] == top else ()) for f in tree.direct}


def _sizes(counts: Mapping[Folder, int], meanings: Mapping[Folder, Meaning]) -> dict[str, int]:
    sizes: Counter[str] = Counter()
    for folder, meaning in meanings.items():
        sizes[meaning.split] += counts[folder]
    return {s: sizes[s] for s in in_order(sizes)}


def in_order(splits: object) -> list[str]:
    """Split names: train, val, test, then the others sorted."""
    known = {"train": 0, "val": 1, "test": 2}
    return sorted(splits, key=lambda s: (known.get(s, 3), s))  # type: ignore[call-overload]
