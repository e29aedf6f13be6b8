"""A table that names pictures and says what is in them: which of its columns holds the names, and which row is whose.

Names are matched by as many of their last parts (folders and file) as match the most pictures, with their suffixes or
without: "train/cat/0001.jpg", "/home/me/data/0001.jpg", "0001.jpg" and "0001" all find their file.
"""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainloud.data.dataset import Asked, SourceError
from trainloud.data.sources.files.tree import parts_of
from trainloud.data.sources.pictures.image_files import named_image, suffix_of, words

SUFFIXES = frozenset({".csv", ".tsv"})
LARGEST = 1 << 30  # bytes of a table of labels
SEPARATORS = ",\t;| "
TRIED = 500  # rows on which columns are tried
NAMING = 0.5  # share of the pictures, or of the rows if they are fewer, that must find each other one to one
TARGET_WORDS = words(
    "label labels class classes target category categories y class_name classname species breed diagnosis"
)
SPLIT_WORDS = words("split set subset partition fold phase")


@dataclass(frozen=True)
class Cells:
    """A table as text."""

    name: str
    header: list[str]
    """Names of the columns; numbers where the table has none."""
    columns: list[list[str]]
    first: int
    """Line number (from 1) of the first row."""
    ragged: int
    """Rows with fewer or more cells than the header, filled up or cut."""

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0


@dataclass(frozen=True)
class Matched:
    """Which picture has which row."""

    cells: Cells
    column: int
    """The column that holds the names."""
    row_of: np.ndarray
    """(pictures,) int64: row of the table, -1 for none; the first where several name the picture."""
    missing: list[int]
    """Rows that name no picture."""
    repeated: int
    """Rows that name a picture that another row has named."""


def read_cells(data: bytes, name: str, asked: Asked) -> Cells:
    """The cells of a table. Raises SourceError."""
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(data)) as f:
                data = f.read(LARGEST + 1)
        except (OSError, EOFError) as error:
            raise SourceError(f"{name}: broken gzip file: {error}") from error
    if len(data) > LARGEST:
        raise SourceError(f"{name}: more than {LARGEST:,} bytes; a table of labels is read whole")
    encoding = asked.encoding or ("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    try:
        text = data.decode(encoding)
    except LookupError as error:
        raise SourceError(f"no encoding is named {asked.encoding!r}") from error
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    text = text.replace("\0", "")
    separator = asked.separator.encode().decode("unicode_escape") or _separator(text[: 64 << 10])
    try:
        rows = [r for r in csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True) if r]
    except (csv.Error, TypeError) as error:
        raise SourceError(f"{name}: {error}") from error
    if not rows:
        raise SourceError(f"{name}: no rows")
    width = Counter(len(r) for r in rows[:TRIED]).most_common(1)[0][0]
    ragged = sum(len(r) != width for r in rows)
    columns = [[r[i].strip() if i < len(r) else "" for r in rows] for i in range(width)]
    headed = asked.header if asked.header is not None else _headed(columns)
    if not headed:
        return Cells(name, [str(i) for i in range(width)], columns, 1, ragged)
    header: list[str] = []
    for i, column in enumerate(columns):
        title = column[0] or str(i)
        header.append(title if title not in header else f"{title} ({i})")
    return Cells(name, header, [c[1:] for c in columns], 2, ragged)


def _separator(text: str) -> str:
    """The separator that cuts the most lines into the same number of cells, and that more than one."""
    lines = [line for line in text.splitlines()[:100] if line.strip()]
    best, chosen = (0, 0), ","
    for separator in SEPARATORS:
        widths = Counter(len(r) for r in csv.reader(lines, delimiter=separator, skipinitialspace=True))
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        if width > 1 and (count, SEPARATORS.index(separator) == 0) > best:
            best, chosen = (count, SEPARATORS.index(separator) == 0), separator
    return chosen


def _headed(columns: list[list[str]]) -> bool:
    """Whether the first row names the columns: no cell of it is a number or a picture's name, and none repeats."""
    first = [c[0] for c in columns]
    if any(named_image(v) or _number(v) for v in first):
        return False
    return len(set(first)) == len(first) and all(c[0] not in c[1:TRIED] for c in columns)


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def match(cells: Cells, names: Sequence[str]) -> Matched | None:
    """The column whose cells name the pictures, and which row is whose; None where no column does."""
    if not len(cells) or not names:
        return None
    best: tuple[int, int, int, bool] | None = None
    whole = [_parts(n, False) for n in names]
    bare = [_parts(n, True) for n in names]
    for column, values in enumerate(cells.columns):
        some = values[:: 1 + len(values) // TRIED]
        for without, own in ((False, whole), (True, bare)):
            found = _depth([_parts(v, without) for v in some], own)
            if found is not None and (best is None or found[0] > best[0]):
                best = (found[0], found[1], column, without)
    if best is None:
        return None
    _, depth, column, without = best
    row_of: np.ndarray = np.full(len(names), -1, np.int64)
    picture = _unique([p[-depth:] for p in (bare if without else whole)], depth)
    missing, repeated = [], 0
    for row, value in enumerate(cells.columns[column]):
        at = picture.get(_parts(value, without)[-depth:], -1)
        if at < 0:
            missing.append(row)
        elif row_of[at] >= 0:
            repeated += 1
        else:
            row_of[at] = row
    matched = int((row_of >= 0).sum())
    if matched < NAMING * min(len(names), len(cells)):
        return None
    return Matched(cells, column, row_of, missing, repeated)


def _parts(name: str, without_suffix: bool) -> tuple[str, ...]:
    *folders, file = parts_of(name.replace("\\", "/")) or ("",)
    if without_suffix and named_image(file):
        file = file[: -len(suffix_of(file))]
    return (*folders, file)


def _depth(cells: list[tuple[str, ...]], names: list[tuple[str, ...]]) -> tuple[int, int] | None:
    """(cells that name one picture, and no other; parts that are compared), for the best number of parts."""
    deepest = min(max(map(len, cells)), max(map(len, names)))
    best = None
    for depth in range(deepest, 0, -1):
        known = _unique([n[-depth:] for n in names], depth)
        hits = len({known[c[-depth:]] for c in cells if len(c) >= depth and c[-depth:] in known})
        if hits and (best is None or hits > best[0]):
            best = (hits, depth)
    return best


def _unique(keys: list[tuple[str, ...]], depth: int) -> dict[tuple[str, ...], int]:
    """Key -> picture, for the keys that one picture alone has."""
    found: dict[tuple[str, ...], int] = {}
    twice = set()
    for i, key in enumerate(keys):
        if len(key) == depth:
            if key in found:
                twice.add(key)
            found[key] = i
    return {k: i for k, i in found.items() if k not in twice}


def target_of(matched: Matched, asked: Asked) -> str:
    """The column that holds the labels: as asked, or by its name, or the only one left; "" where that is open.

    Raises SourceError for a column that is not there.
    """
    header = matched.cells.header
    others = [c for i, c in enumerate(header) if i != matched.column]
    if asked.target:
        if asked.target in header:
            return asked.target
        try:
            return header[int(asked.target)]
        except (ValueError, IndexError):
            raise SourceError(
                f"{matched.cells.name}: no column {asked.target!r}; there are {', '.join(map(repr, header))}"
            ) from None
    named = [c for c in others if c.lower().replace(" ", "_") in TARGET_WORDS]
    if len(named) == 1 or len(others) == 1:
        return (named or others)[0]
    return ""
