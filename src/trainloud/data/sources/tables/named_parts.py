"""What the names of files say: which split a file is, and which files belong together."""

import re
from pathlib import Path

from trainloud.data.sources.pictures.layout import SPLIT_WORDS, split_named

SHARD = re.compile(r"(?:[-_.]?part)?(?:[-_.]?\d+)+(?:[-_.]?of[-_.]?\d+)?$", re.IGNORECASE)
UUID = re.compile(r"[-_.](?:c\d{3}|[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12})[-_.]?.*$", re.IGNORECASE)


def _stem(name: str) -> str:
    """The file's name without its suffixes and without the number of a shard: "part-00000-of-00002" is ""."""
    last = name.replace("\\", "/").rpartition("/")[2]
    path = Path(last)
    while path.suffix and not path.suffix[1:].isdigit() and len(path.suffix) <= 9:
        path = path.with_suffix("")
    stem = UUID.sub("", str(path))
    stem = SHARD.sub("", stem)
    return "" if stem.lower() == "part" else stem


def _words(stem: str) -> list[str]:
    return [w for w in re.split(r"[-_. ]+|(?<=[a-z])(?=[A-Z])", stem) if w]


def split_of(name: str) -> str:
    """The split that a file's name, or else a folder's above it, says; "" where none does."""
    stem = _stem(name)
    told = {s for w in _words(stem) if (s := split_named(w))}
    found = split_named(stem) or (told.pop() if len(told) == 1 else "")
    folders = name.replace("\\", "/").split("/")[:-1]
    return found or next((s for f in reversed(folders) if (s := split_named(f))), "")


def family_of(name: str) -> str:
    """What is left of a file's name without the words of splits and the numbers of shards: files of one family belong
    together ("adult" of "adult_train.csv.gz")."""
    return "_".join(w.lower() for w in _words(_stem(name)) if w.lower() not in SPLIT_WORDS)


def sibling(path: Path) -> Path | None:
    """The file beside a training file that is its test part by its name; None where there is none."""
    for own, other in (("train", "test"), ("TRAIN", "TEST"), ("Train", "Test"), ("training", "test")):
        if own in path.name and split_of(path.name) == "train":
            found = path.with_name(path.name.replace(own, other))
            if found != path and found.is_file():
                return found
    return None
