"""Text with one row a line and a separator between its cells: CSV, TSV and their like, compressed or not."""

from pathlib import Path

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError
from trainloud.data.sources import Source
from trainloud.data.sources.joined import BESIDE
from trainloud.data.sources.place import Place
from trainloud.data.sources.tables.columns import Table
from trainloud.data.sources.tables.dialect import Tried, tried, typed_share
from trainloud.data.sources.tables.feed import SUFFIXES as PACKED
from trainloud.data.sources.tables.feed import Feed, Form, Stored, form_of, stray_share
from trainloud.data.sources.tables.header import dialect
from trainloud.data.sources.tables.lines import Read, read_lines, row_names
from trainloud.data.sources.tables.named_parts import sibling
from trainloud.data.sources.tables.tabular import dataset
from trainloud.data.sources.texts.decoding import BINARY

NAMES = {",": "','", "\t": "tab", ";": "';'", "|": "'|'", " ": "blanks"}
TABLES = frozenset({".csv", ".tsv", ".tab", ".psv"})
MAYBE = frozenset({"", ".txt", ".data", ".dat", ".all", ".test", ".train", ".asc", ".xy"})
SURE = 0.98  # share of lines of one width from which a file that is not named as a table is one
SURE_LINES = 3
PROSE = (",", ";", " ")  # stand in sentences too
TYPED = 0.2  # share of numbers and dates among the cells, from which lines are no sentences ...
WORDS_A_CELL = 1.5  # ... and words a cell up to which they are none either
SENTENCES = 500  # lines that this is told by
GLANCE = 64 << 10  # bytes


def suffixes(path: Path) -> tuple[str, str]:
    """(".csv", ".gz"): the suffix that says what it is, and the one that says how it is packed."""
    last = path.suffix.lower()
    if last in PACKED:
        return path.with_suffix("").suffix.lower(), last
    return last, ""


def recognises(place: Place) -> str:
    if not place.is_file or place.path is None:
        return ""
    suffix, _ = suffixes(place.path)
    if suffix in TABLES:
        return f"named {suffix}"
    return _looks_like_one(place.path) if suffix in MAYBE else ""


def _looks_like_one(path: Path) -> str:
    """Why a file of any name is a table; "" if it is not plainly one."""
    stored = stored_file(path)
    try:
        head, whole = _glance(stored, form_of(stored))
        if not head or stray_share(head) > BINARY:
            return ""
        found = dialect(head, whole, Asked(), path.name, "")
    except (OSError, SourceError):
        return ""
    if found.width < 2:
        return ""
    text = head.decode("utf-8", "replace")
    text = text if whole else text.rpartition("\n")[0]
    seen = tried(text, found.separator, found.quoting)
    enough = seen.share >= SURE and text.count("\n") >= SURE_LINES
    if not enough or (found.separator in PROSE and _like_prose(text, found.separator, seen)):
        return ""
    return f"{seen.share:.1%} of its first lines have {found.width:,} cells"


def _like_prose(text: str, separator: str, seen: Tried) -> bool:
    """Whether the cells are neither numbers nor single words: lines that have a comma each may be sentences."""
    if typed_share(text, separator, seen) >= TYPED:
        return False
    cells = [c for line in text.split("\n")[:SENTENCES] for c in line.split(separator)]
    return sum(len(c.split()) for c in cells) > WORDS_A_CELL * len(cells)


def asked_for(place: Place, asked: Asked) -> bool:
    """A text file that the person called a table, or said the separator or header of; or a further part of one."""
    part = asked.like is not None and asked.like.cells is not None
    said = asked.separator or asked.header is not None or asked.kind == "table" or part
    if not said or not place.is_file or place.path is None or suffixes(place.path)[0] not in MAYBE:
        return False
    stored = stored_file(place.path)
    try:
        return stray_share(_glance(stored, form_of(stored))[0]) <= BINARY
    except (OSError, SourceError):
        return False


def _glance(stored: Stored, form: Form) -> tuple[bytes, bool]:
    with Feed(stored, form) as feed:
        head = feed.read(GLANCE)
        return head, len(head) < GLANCE and not feed.read(1)


def stored_file(path: Path, name: str = "") -> Stored:
    return Stored(name or path.name, lambda: path.open("rb"), path.suffix.lower())


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    """Raises SourceError."""
    assert place.path is not None
    try:
        data = read_stored(stored_file(place.path), suffixes(place.path)[0], place.identity(), asked, limits)
    except OSError as error:
        raise SourceError(f"{place}: it cannot be read: {error}") from error
    beside = sibling(place.path) if asked.like is None else None
    if beside is not None:
        data.notes = (*data.notes, f"{beside.name} {BESIDE}: name it with --test")
    return data


def read_stored(stored: Stored, suffix: str, identity: str, asked: Asked, limits: Limits) -> Dataset:
    """The data set of one file. Raises SourceError, OSError."""
    lines = read_lines(stored, asked, limits, suffix)
    table = Table(
        name=stored.name,
        form=form_in_words(lines),
        identity=identity,
        name_of=row_names(stored.name, lines.lines),
        rows=lines.cells.num_rows,
        cells=lines.cells,
        header=lines.dialect.header,
        comma=lines.dialect.separator != ",",
        troubles=lines.troubles,
        notes=lines.notes,
    )
    if asked.like is not None:
        _named_alike(table, asked.like)
    return dataset(table, asked, limits)


def form_in_words(read: Read) -> str:
    """ "CSV, separator ',', no header, gzip"."""
    found = read.dialect
    separator = NAMES.get(found.separator, repr(found.separator))
    form = "TSV" if found.separator == "\t" else f"CSV, separator {separator}" if found.width > 1 else "CSV, one column"
    parts = [form, "header" if found.header else "no header"]
    parts += ["quotes are letters"] if found.quoting == "plain" else []
    parts += [read.form.packed] if read.form.packed else []
    parts += [read.form.encoding] if read.form.encoding != "utf-8" else []
    return ", ".join(parts)


def _named_alike(table: Table, like: Dataset) -> None:
    """A further part without a header has the names of the first, with or without the target."""
    if table.header or like.cells is None or table.cells is None:
        return
    names = list(like.cells.column_names)
    if len(names) == table.cells.num_columns + 1 and like.recognised.target in names:
        names.remove(like.recognised.target)
        table.notes.append(f"{table.name} has no header and one column less: it has no {like.recognised.target!r}")
    if len(names) == table.cells.num_columns:
        table.cells = table.cells.rename_columns(names)
        table.order = names


SOURCE = Source("delimited text", recognises, read, order=70, asked_for=asked_for)
