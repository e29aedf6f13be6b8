"""All rows of one delimited file as columns of text, with what is wrong with its lines told by their numbers.

The file streams through: decompressed, decoded, parsed and put on the shelf block by block. Rows that do not have as
many cells as the others are kept out, each said with its line.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from trainloud.data.dataset import Asked, Limits, SourceError, Trouble
from trainloud.data.sources.files.shelf import Shelf
from trainloud.data.sources.files.tree import printable
from trainloud.data.sources.tables.dialect import Dialect
from trainloud.data.sources.tables.feed import LONGEST_LINE, Feed, Form, Stored, form_of, stray_share
from trainloud.data.sources.tables.header import COMMENTS, dialect
from trainloud.data.sources.texts.decoding import BINARY

HEAD = 1 << 20  # bytes that the dialect is told by ...
HEAD_LINES = 50  # ... and lines; files of long lines are read further ...
HEAD_MOST = 48 << 20  # ... up to this
MOST_COLUMNS = 100_000  # each costs about 0.2 ms and 2 kB however few rows there are
BLOCK_ROWS = 2000  # rows a block at least, so that wide tables do not come in tiny pieces
BLOCK_MOST = 64 << 20  # bytes
MOST_LINES = 200  # lines of one row from which a quote is likely not closed
FEW_STRAY = 8  # control characters that no text is refused for
TOLD = 1000  # ragged rows that are told one by one
MOST_RAGGED = 0.5  # share of ragged rows above which the file is no table
SHOWN = 80  # characters of a ragged row that are shown
AGREE = 0.999  # share of all lines that have the table's width, from which quotes that swallow lines are letters


@dataclass
class Lines:
    """Which line each row stands in."""

    first: int
    """Number, from 1, of the line of the first row."""
    left_out: np.ndarray
    """Ascending places, from 0, of rows that were kept out, among all rows."""
    blank: np.ndarray
    """Ascending numbers, from 0, of empty lines below `first`."""
    longer: np.ndarray
    """Ascending places, from 0, of rows of several lines, among all rows ..."""
    more: np.ndarray
    """... and how many lines all of them up to each have beyond one."""
    exact: bool = True
    """False where rows and lines do not add up: then rows are counted instead."""

    def of(self, row: int) -> int:
        """Line, from 1, of a row that was kept."""
        return self.at(_shifted(row, self.left_out))

    def at(self, place: int) -> int:
        """Line, from 1, of the row at this place, from 0, among all rows."""
        before = np.searchsorted(self.longer, place)
        line = place + (int(self.more[before - 1]) if before else 0)
        return self.first + _shifted(line, self.blank)


def _shifted(at: int, gaps: np.ndarray) -> int:
    """The `at`-th of the places that are not among the ascending `gaps`."""
    return at + int(np.searchsorted(gaps - np.arange(len(gaps)), at, side="right"))


@dataclass
class Read:
    """One file, read."""

    cells: pa.Table
    """All columns as text, by the names of the header."""
    dialect: Dialect
    form: Form
    lines: Lines
    troubles: list[Trouble] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_lines(stored: Stored, asked: Asked, limits: Limits, suffix: str = "") -> Read:
    """All rows of the file. Raises SourceError where it is empty, binary, too wide, or no table."""
    form = form_of(stored, asked.encoding)
    head, whole = _head(stored, form, asked)
    found = dialect(head, whole, asked, stored.name, suffix)
    if found.width > MOST_COLUMNS:
        raise _too_wide(stored, found.width)
    del head
    read = _rows(stored, form, found, limits)
    if read.lines.longer.size and found.quoting != "plain" and _agree(stored, form, found):
        # Every line is a row by itself: the quotes that swallowed line ends are letters.
        read = _rows(stored, form, replace(found, quoting="plain"), limits)
        read.notes.append("quotes are taken for letters: with them as quotes, lines would run into each other")
    if not read.cells.num_rows:
        what = "holds a header and no rows" if found.header else "holds no rows"
        raise SourceError(f"{stored.name}: {what}")
    return read


def _head(stored: Stored, form: Form, asked: Asked) -> tuple[bytes, bool]:
    """The first lines, and whether they are all. Raises SourceError for what is no text, or too wide."""
    parts: list[bytes] = []
    size = lines = 0
    with Feed(stored, form) as feed:
        while (size < HEAD or lines < HEAD_LINES) and size < HEAD_MOST:
            block = feed.read()
            if not block:
                break
            parts.append(block)
            size, lines = size + len(block), feed.lines
            if not lines:
                _not_too_wide(stored, b"".join(parts), asked.separator)
        whole = not block
        nul = feed.nul
        if not size and feed.broken:
            raise SourceError(f"{stored.name}: it cannot be read: {feed.broken}")
    head = b"".join(parts)
    share = max(stray_share(head), nul / (size + nul) if size + nul else 0)
    if share > BINARY and share * (size + nul) > FEW_STRAY:
        raise SourceError(f"{stored.name}: {share:.0%} of its first characters are control characters: this is no text")
    if not head.strip():
        raise SourceError(f"{stored.name}: the file is empty" + (", white space only" if head else ""))
    return head, whole


def _not_too_wide(stored: Stored, line: bytes, asked: str) -> None:
    marks = [asked.encode()] if asked else [b",", b"\t", b";", b"|"]
    cells = max(line.count(mark) for mark in marks) + 1
    if cells > MOST_COLUMNS:
        raise _too_wide(stored, cells, " and more")


def _too_wide(stored: Stored, cells: int, more: str = "") -> SourceError:
    return SourceError(
        f"{stored.name}: its first line has {cells:,} cells{more}; trainloud reads tables of at most "
        f"{MOST_COLUMNS:,} columns. Such wide data belongs into an array (.npy)"
    )


# one pass -----------------------------------------------------------------------------------------------------------


@dataclass
class _LeftOut:
    """Rows that do not have the table's width, as the parser reports them."""

    name: str
    dialect: Dialect
    at: list[int] = field(default_factory=list)
    """Places, from 0, among all rows."""
    more: list[int] = field(default_factory=list)
    """Lines of each beyond one."""
    told: list[tuple[int, str, str]] = field(default_factory=list)
    """(place in `at`, kind, what) of the first ones that are no blank lines."""
    ragged: int = 0

    def __call__(self, row: pv.InvalidRow) -> str:
        self.at.append(row.number - 1)
        self.more.append(row.text.count("\n"))
        text = row.text.replace("\x1f", self.dialect.separator)
        if not text.strip():
            return "skip"
        comment = text.lstrip().startswith(COMMENTS[:2]) and row.actual_columns < row.expected_columns
        self.ragged += not comment
        if len(self.told) < TOLD:
            kind = "comment-line" if comment else "ragged-row"
            shown = repr(printable(text[:SHOWN]) + ("…" if len(text) > SHOWN else ""))
            cells = f"{row.actual_columns:,} cell{'s' if row.actual_columns != 1 else ''}"
            said = f"left out as a comment: {shown}"
            if not comment:
                said = f"{cells}, the others have {row.expected_columns:,}; kept out: {shown}"
            self.told.append((len(self.at) - 1, kind, said))
        return "skip"

    def forget(self, kept: int) -> bool:
        """Whether the very last row was left out, of which nothing is told then: it was cut with the file."""
        if not self.at or self.at[-1] != kept + len(self.at) - 1:
            return False
        last = len(self.at) - 1
        self.told = [t for t in self.told if t[0] != last]
        self.ragged -= 1
        return True


def _rows(stored: Stored, form: Form, found: Dialect, limits: Limits) -> Read:
    """One pass over the file; again with larger blocks where a row does not fit into one."""
    block = min(max(HEAD, found.longest * BLOCK_ROWS // 8), BLOCK_MOST // 4)
    block = max(block, 4 * found.longest)
    while True:
        try:
            return _pass(stored, form, found, limits, block)
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error):
                raise SourceError(f"{stored.name}: {error}") from error
            if block >= 2 * LONGEST_LINE:
                raise SourceError(f"{stored.name}: a row is longer than {LONGEST_LINE >> 20} MiB") from error
            block = min(8 * block, 2 * LONGEST_LINE)


def _pass(stored: Stored, form: Form, found: Dialect, limits: Limits, block: int) -> Read:
    names = [str(i) for i in range(found.width)]
    words = pa.dictionary(pa.int32(), pa.string())
    few = found.few if len(found.few) == found.width else (True,) * found.width
    schema = pa.schema([(n, words if f else pa.string()) for n, f in zip(names, few, strict=True)])
    left_out, shelf = _LeftOut(stored.name, found), Shelf(schema, limits)
    with Feed(stored, form, found.separator, found.quoting == "spaced", found.start) as feed:
        try:
            reader = pv.open_csv(
                feed,
                read_options=pv.ReadOptions(column_names=names, use_threads=False, block_size=block),
                parse_options=found.parsing(invalid_row_handler=left_out),
                convert_options=pv.ConvertOptions(column_types=schema, check_utf8=False),
            )
            for batch in reader:
                if batch.num_rows:
                    shelf.add(batch)
        except pa.ArrowInvalid as error:
            if "Empty CSV" not in str(error):
                raise
    cells = shelf.table()
    if feed.broken and feed.last != b"\n" and not left_out.forget(cells.num_rows) and cells.num_rows:
        cells = cells.slice(0, cells.num_rows - 1)  # the last row may be cut
    if left_out.ragged > MOST_RAGGED * (cells.num_rows + left_out.ragged):
        raise _no_table(stored, found, left_out, cells.num_rows)
    return _told(stored, form, found, feed, left_out, cells)


def _no_table(stored: Stored, found: Dialect, left_out: _LeftOut, rows: int) -> SourceError:
    example = left_out.told[0][2] if left_out.told else ""
    return SourceError(
        f"{stored.name}: {left_out.ragged:,} of {rows + left_out.ragged:,} rows do not have {found.width:,} cells "
        f"with the separator {found.separator!r} ({example}); --separator overrides"
    )


def _told(stored: Stored, form: Form, found: Dialect, feed: Feed, left_out: _LeftOut, cells: pa.Table) -> Read:
    """What was read, with names, lines and troubles."""
    lines = _lines(found, feed, left_out, cells)
    troubles = [*form.troubles, *found.troubles, *feed.troubles()]
    for place, kind, what in left_out.told:
        own = left_out.at[place]
        where = f"{stored.name}:{lines.at(own)}" if lines.exact else f"{stored.name}, row {own + 1} below the header"
        troubles.append(Trouble(kind, where, what))
    spans = np.diff(lines.more, prepend=0)
    for at in np.flatnonzero(spans > MOST_LINES)[:TOLD].tolist():
        more = int(spans[at])
        where = f"{stored.name}:{lines.at(int(lines.longer[at]))}"
        troubles.append(Trouble("long-row", where, f"this row goes over {more + 1:,} lines: is a quote not closed?"))
    if left_out.ragged > TOLD:
        what = f"{left_out.ragged - TOLD:,} more rows that do not have {found.width:,} cells were kept out"
        troubles.append(Trouble("ragged-row", stored.name, what))
    names, renamed = named(found, stored.name)
    if found.drop_last:
        cells, names = cells.select(range(found.width - 1)), names[:-1]
    notes = list(found.notes)
    if not found.header and found.told:
        notes.append(f"no header: {found.told}; --header overrides")
    between = int((lines.blank < feed.lines - 1).sum())
    if between and lines.exact:
        notes.append(f"empty lines between the rows are no rows: {between:,}")
    return Read(cells.rename_columns(names), found, form, lines, troubles + renamed, notes)


def _lines(found: Dialect, feed: Feed, left_out: _LeftOut, cells: pa.Table) -> Lines:
    blank = np.concatenate(feed.blank) if feed.blank else np.zeros(0, np.int64)
    out = np.array(left_out.at, np.int64)
    total = feed.lines + (feed.last != b"\n")
    records = cells.num_rows + len(out)
    longer = {a: m for a, m in zip(left_out.at, left_out.more, strict=True) if m}
    if total > records + len(blank) and found.quoting != "plain":
        kept = np.setdiff1d(np.arange(records), out) if len(out) else None
        for row, more in _several_lines(cells):
            longer[int(row if kept is None else kept[row])] = more
    places = np.array(sorted(longer), np.int64)
    more = np.cumsum([longer[p] for p in places.tolist()], dtype=np.int64)
    beyond = int(more[-1]) if len(more) else 0
    if beyond and total < records + len(blank) + beyond:
        blank = _outside(blank, places, more)
    exact = total == records + len(blank) + beyond or bool(feed.broken)
    return Lines(found.lines + 1, out, blank, places, more, exact)


def _outside(blank: np.ndarray, places: np.ndarray, more: np.ndarray) -> np.ndarray:
    """The empty lines that are in no row: rows of several lines may hold empty ones."""
    keep: np.ndarray = np.ones(len(blank), bool)
    passed = inside = before = 0  # empty lines looked at, of those in rows, and lines beyond one of rows before
    for place, beyond in zip(places.tolist(), more.tolist(), strict=True):
        while passed < len(blank) and blank[passed] <= place + before + passed - inside:
            passed += 1
        last = place + beyond + passed - inside
        while passed < len(blank) and blank[passed] <= last:
            keep[passed] = False
            passed, inside = passed + 1, inside + 1
        before = beyond
    return blank[keep]


def _several_lines(cells: pa.Table) -> list[tuple[int, int]]:
    """(row, line ends inside its cells) of rows that have any."""
    found = np.zeros(cells.num_rows, np.int64)
    for column in cells.columns:
        at = 0
        for chunk in column.chunks:
            words = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
            ends = pc.count_substring(words, "\n").to_numpy(zero_copy_only=False)
            if ends.any():
                own = ends[chunk.indices.to_numpy(zero_copy_only=False)] if words is not chunk else ends
                found[at : at + len(chunk)] += own
            at += len(chunk)
    rows = np.flatnonzero(found)
    return list(zip(rows.tolist(), found[rows].tolist(), strict=True))


def _agree(stored: Stored, form: Form, found: Dialect) -> bool:
    """Whether the lines of the file, each by itself, have the table's width."""
    if found.width < 2:
        return False
    mark, right, lines = found.byte.encode(), 0, 0
    carry = b""
    with Feed(stored, form, found.separator, found.quoting == "spaced", found.start) as feed:
        while block := feed.read():
            whole, _, carry = (carry + block).rpartition(b"\n")
            if not whole:
                continue
            text = np.frombuffer(whole + b"\n", np.uint8)
            ends = np.flatnonzero(text == 10)
            seps = np.flatnonzero(text == mark[0])
            cells = np.diff(np.searchsorted(seps, ends), prepend=0) + 1
            filled = np.diff(ends, prepend=-1) > 1
            right += int((cells[filled] == found.width).sum())
            lines += int(filled.sum())
    if carry.strip():
        right, lines = right + (carry.count(mark) + 1 == found.width), lines + 1
    return lines > 0 and right >= AGREE * lines


# names --------------------------------------------------------------------------------------------------------------


def named(found: Dialect, name: str) -> tuple[list[str], list[Trouble]]:
    """The columns' names, each once and without control characters."""
    if not found.header:
        return [f"column {i}" for i in range(found.width)], []
    return clean_names(found.names, name)


def clean_names(given: tuple[str, ...] | list[str], where: str) -> tuple[list[str], list[Trouble]]:
    """Names that are unique, not empty and hold no control characters; what was changed is said."""
    names: list[str] = []
    seen: set[str] = set()
    troubles = []
    for i, word in enumerate(given):
        clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in word.strip())
        if clean != word.strip():
            troubles.append(Trouble("control-characters", where, f"in the name of column {i}, shown as {clean!r}"))
        clean = clean or f"column {i}"
        if clean in seen:
            number = 2
            while f"{clean} ({number})" in seen:
                number += 1
            troubles.append(
                Trouble("duplicate-column", where, f"column {i} is named {clean!r} again: called {clean} ({number})")
            )
            clean = f"{clean} ({number})"
        seen.add(clean)
        names.append(clean)
    return names, troubles


def row_names(name: str, lines: Lines) -> Callable[[int], str]:
    """Row -> "file.csv:18"."""
    if not lines.exact:
        return lambda row: f"{name}, row {row + 1}"
    return lambda row: f"{name}:{lines.of(row)}"
