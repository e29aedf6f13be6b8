"""Where the rows of a delimited file begin, and what their columns are called.

The first row is a header where its cells do not fit the types of the columns below it. Comment lines and lines of
another width above the table are left out, and said.
"""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from trainloud.data.dataset import Asked, SourceError, Trouble
from trainloud.data.sources.files.tree import printable
from trainloud.data.sources.tables.dialect import EMPTY, LOOK, NUMBER, Dialect, quoted_cell, separator_of
from trainloud.data.sources.tables.feed import as_one_byte, one_byte_separated
from trainloud.data.sources.tables.numerals import PLAIN, matches
from trainloud.data.sources.tables.times import ISO

FEW_LINES = 20  # lines that are looked at, however long they are
PREAMBLE = 50  # lines above the table at most
HEADER_COLUMNS = 200  # columns that are asked whether there is a header
TYPED = 0.9  # share of a column's cells that must be numbers or dates to speak for a header
REPEATS = 0.2  # share of different words below which a name that never recurs speaks for a header
SAME_NAMES = 0.8  # share of the first part's names that make a further part's first row a header
COMMENTS = ("#", "%", "//")
COMMENTED = 0.5  # share of further lines that begin so, from which the mark belongs to the values
ONE_COLUMN = {"text", "texts", "name", "names", "word", "words", "id", "label", "sentence", "title", "comment"} | {
    "review", "document", "content", "message", "url", "value"
}  # fmt: skip
EXCEL = re.compile(r'"?sep=([^\n"])"?\n')
A_NAME = re.compile(r"[^\W\d][\w .,\-/()%#:]{0,60}")


def dialect(head: bytes, whole: bool, asked: Asked, name: str, suffix: str) -> Dialect:
    """How the file is written that begins with `head` (UTF-8, "\\n" line ends); `whole`: it is all of it.

    Raises SourceError for a separator that the lines do not have.
    """
    if not whole:
        head = head[: head.rfind(b"\n") + 1] or head
    text = head.decode("utf-8", "replace")
    commented, skipped = _comments(text)
    body = text[skipped:]
    declared = EXCEL.match(body)
    if declared:  # Excel's first line, which names the separator
        skipped, body = skipped + declared.end(), body[declared.end() :]
    separator, how = separator_of(beginning(body, whole), asked.separator or (declared[1] if declared else ""), suffix)
    if asked.separator and how.width == 1 and as_one_byte(separator) not in body and separator != " ":
        raise SourceError(f"{name}: no line has the separator {asked.separator!r}")
    longest = max(map(len, head.split(b"\n")))
    found = Dialect(separator, how.quoting, how.width, longest=longest)
    return _headed(found, body, commented, asked, name, len(text[:skipped].encode()), text.count("\n", 0, skipped))


def beginning(text: str, whole: bool = True) -> str:
    """The first LOOK characters, or a few lines where lines are long; whole lines if there is one."""
    end = at = 0
    while at < FEW_LINES and (found := text.find("\n", end) + 1):
        end, at = found, at + 1
    end = max(end, LOOK)
    if whole and len(text) <= end:
        return text
    return text[:end].rpartition("\n")[0] or text[:end]


def _comments(text: str) -> tuple[list[str], int]:
    """The lines at the start that are comments, and the place where they end."""
    mark = next((m for m in COMMENTS if text.startswith(m)), "")
    if not mark:
        return [], 0
    lines, at = [], 0
    while text.startswith(mark, at) and at < len(text):
        end = text.find("\n", at) + 1 or len(text)
        lines.append(text[at:end].rstrip("\n"))
        at = end
    rest = text[at : at + LOOK].split("\n")
    if not any(rest) or sum(line.startswith(mark) for line in rest) > COMMENTED * len(rest):
        return [], 0  # the mark belongs to the values
    return lines, at


def _headed(
    found: Dialect, body: str, commented: list[str], asked: Asked, name: str, start: int, above: int
) -> Dialect:
    """The dialect with its header, and what stands above it said."""
    notes, troubles = [], []
    if commented:
        notes.append(f"{len(commented)} comment line{'s' if len(commented) > 1 else ''} above the table left out")
    strays, rest = _strays(found, body)
    cells = sample(found, rest)
    header, told = _is_header(cells, found, asked)
    record = _first_record(found, rest) if header else ""
    names = split(record, found) if header else []
    if not header and asked.header is None:
        last = split(commented[-1].lstrip("#%/").strip(), found) if commented else []
        if strays and _wordy(split(strays[-1], found)):
            found, names, met = _misfit(found, split(strays.pop(), found), cells, f"{name}:{above + len(strays)}")
            header, told = True, "the line above the rows holds words"
            troubles += met
        elif len(last) == found.width > 1 and _wordy(last):
            names, header, told = last, True, "the last comment line has a name for each column"
    for i, line in enumerate(strays):
        if line.strip():
            what = f"stands above the table: {line[:80]!r}"
            troubles.append(Trouble("preamble", f"{name}:{above + i + 1}", what))
    used = body[: len(body) - len(rest) + len(record)]
    cells = cells.slice(1) if record else cells
    few = tuple(_repeats(cells.column(i)) for i in range(cells.num_columns)) or (True,) * found.width
    return replace(
        found,
        names=tuple(names),
        header=header,
        told=told,
        start=start + len(used.encode()),
        lines=above + used.count("\n"),
        few=few,
        troubles=tuple(troubles),
        notes=tuple(notes),
    )


def _strays(found: Dialect, body: str) -> tuple[list[str], str]:
    """Lines above the first one of the table's width, and the rest."""
    lines: list[str] = []
    at = 0
    while len(lines) < PREAMBLE and at < len(body):
        record = _first_record(found, body[at:])
        if len(split(record, found)) == found.width and not record.isspace():
            return lines, body[at:]
        lines += record.rstrip("\n").split("\n")
        at += len(record)
    return [], body


def _first_record(found: Dialect, text: str) -> str:
    """The first row with its line end; quoted cells may hold line ends."""
    end = text.find("\n") + 1 or len(text)
    if found.quoting != "plain" and '"' in text[:end]:
        hidden = quoted_cell(found.separator, found.quoting)
        window = text[: LOOK * 4]
        masked = hidden.sub(lambda m: m[0].replace("\n", "\x00"), window)
        end = masked.find("\n") + 1 or len(masked)
    return text[:end]


def split(record: str, found: Dialect) -> list[str]:
    """The cells of one row."""
    record = record.rstrip("\n")
    if found.separator == " ":
        record = " ".join(record.split())
    if found.quoting == "plain" or '"' not in record:
        return record.split(found.separator)
    kept: list[str] = []

    def keep(m: re.Match[str]) -> str:
        kept.append(m[0].strip()[1:-1].replace('""', '"'))
        return f"\x00{len(kept) - 1}\x00"

    cells = quoted_cell(found.separator, found.quoting).sub(keep, record).split(found.separator)
    return [kept[int(c.strip()[1:-1])] if re.fullmatch(r" *\x00\d+\x00 *", c) else c for c in cells]


def _wordy(cells: list[str]) -> bool:
    return len(cells) > 1 and sum(bool(c.strip()) and not NUMBER.match(c) for c in cells) > 0.9 * len(cells) - 1


def _misfit(found: Dialect, header: list[str], cells: pa.Table, where: str) -> tuple[Dialect, list[str], list[Trouble]]:
    """Names for a header that has more or fewer cells than the rows."""
    width = found.width
    last_empty = cells.num_rows > 0 and not pc.any(pc.not_equal(cells.column(width - 1), "")).as_py()
    if len(header) == width - 1 and last_empty:
        return replace(found, drop_last=True), [*header, ""], []  # lines end in a separator
    if len(header) == width + 1 and not header[-1].strip():
        return found, header[:-1], []
    if len(header) == width - 1:
        return found, ["row", *header], []  # as R writes it, with the names of the rows
    what = f"the header has {len(header):,} cells, most rows have {width:,}"
    return found, [*header, *[""] * width][:width], [Trouble("ragged-row", where, what)]


def sample(found: Dialect, text: str) -> pa.Table:
    """The first rows, all columns as strings; rows of another width left out."""
    data = one_byte_separated(beginning(text).encode(), found.separator, found.quoting == "spaced")
    names = [str(i) for i in range(found.width)]
    schema = pa.schema([(n, pa.string()) for n in names])
    if not data.strip():
        return schema.empty_table()
    if found.width == 1:
        data = re.sub(rb"\n+", b"\n", data)
    try:
        return pv.read_csv(
            pa.BufferReader(data),
            read_options=pv.ReadOptions(column_names=names, use_threads=False, block_size=max(len(data) + 1, 1 << 16)),
            parse_options=found.parsing(invalid_row_handler=lambda row: "skip"),
            convert_options=pv.ConvertOptions(column_types=schema, check_utf8=False),
        )
    except pa.ArrowInvalid:
        return schema.empty_table()


def _repeats(cells: pa.ChunkedArray) -> bool:
    """Whether few different words make the column."""
    return len(cells) < 100 or pc.count_distinct(cells).as_py() < 0.5 * len(cells)


# header -------------------------------------------------------------------------------------------------------------


def _is_header(cells: pa.Table, found: Dialect, asked: Asked) -> tuple[bool, str]:
    """Whether the first row names the columns, and what speaks for it."""
    if asked.header is not None:
        return asked.header, "as asked"
    if not cells.num_rows:
        return False, ""
    first = [c[0].as_py().strip() for c in cells.columns]
    if asked.like is not None and asked.like.cells is not None:
        known = {n.lower() for n in asked.like.cells.column_names}
        same = sum(printable(c).lower() in known for c in first)
        if same >= SAME_NAMES * len(first):
            return True, "the first row has the names of the first part"
    if cells.num_rows == 1:
        words = all(c and not NUMBER.match(c) for c in first) and len(set(first)) == len(first)
        return words, "its only line holds words" if words else "its only line holds numbers"
    return _against_the_rest(cells, first)


def _against_the_rest(cells: pa.Table, first: list[str]) -> tuple[bool, str]:
    """The first row against the types of the rows below it."""
    at = np.linspace(0, len(first) - 1, min(len(first), HEADER_COLUMNS)).astype(int).tolist()
    pro, con, words = 0, 0.0, 0.0
    counting = _counting(first)
    for i in at:
        if first[i] in EMPTY:
            continue
        rest = pc.utf8_trim_whitespace(cells.column(i).slice(1).combine_chunks())
        rest = rest.filter(pc.invert(pc.is_in(rest, value_set=pa.array(EMPTY))))
        if not len(rest):
            continue
        typed = matches(rest, rf"{PLAIN}|^[+-]?\d+,\d+$") | matches(rest, ISO)
        if typed.mean() >= TYPED:
            if not NUMBER.match(first[i]):
                pro += 1
            elif not counting:
                con += 1
        elif pc.any(pc.equal(rest, first[i])).as_py():
            con += 1
        elif len(rest) >= 10 and pc.count_distinct(rest).as_py() <= REPEATS * len(rest):
            words += 1
        elif 4 * len(first[i]) < (pc.mean(pc.utf8_length(rest)).as_py() or 0):
            words += 0.5
    if pro > con:
        return True, f"the first row holds words above {pro} column{'s' if pro > 1 else ''} of numbers or dates"
    if con and con >= pro + words:
        return False, "the first row is like the others"
    if words:
        return True, "what stands in the first row does not recur below"
    named = len(first) > 1 or first[0].lower() in ONE_COLUMN
    if named and all(map(A_NAME.fullmatch, first)) and len(set(first)) == len(first):
        return True, "the first row holds names, each once"
    return False, "the first row is like the others"


def _counting(first: list[str]) -> bool:
    """Whether most names are whole numbers that count on: pixels, days."""
    numbers = [int(c) for c in first if c.isdigit() and len(c) < 9]
    return len(numbers) >= 3 and float(np.mean(np.equal(np.diff(numbers), 1))) >= 0.9
