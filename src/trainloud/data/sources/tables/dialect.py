"""How a delimited text file is written: its separator and its quotes, told by its first lines.

The separator is the one under which the lines have the same number of cells and the cells are most often numbers or
dates. Quotes count as such where that makes the lines agree, and are letters where the lines agree without them.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace

import pyarrow.csv as pv

from trainloud.data.dataset import Trouble
from trainloud.data.sources.tables.feed import as_one_byte

SEPARATORS = ("\t", ";", "|", ",", "::", "\x01", " ")  # the earlier one where nothing else decides
SPOKEN = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|", "\\x01": "\x01"}
LOOK = 256 << 10  # bytes on which separators and quotes are tried
TYPED_LINES = 200  # lines whose cells are tried as numbers
AGREE = 0.6  # share of lines of one width, below which there is no separator: one column
NEAR = 0.02  # by which shares of lines may differ for the types of the cells to decide
WHITE_TYPED = 0.5  # share of numbers below which blanks do not separate: prose has blanks too
NUMBER = re.compile(
    r"^\s*[+-]?(?:\d+\.?\d*|\.\d+|\d+,\d+)(?:[eE][+-]?\d+)?\s*$|^\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b[\d:. TZ]*$"
)
EMPTY = ("", "?", "NA", "N/A", "nan", "NaN", "null", "NULL", "-", ".")


@dataclass(frozen=True)
class Dialect:
    """How the file is written, and what stands above its rows."""

    separator: str = ","
    """As it stands in the file; " " for runs of blanks and tabs."""
    quoting: str = "quoted"
    """ "quoted", "escaped" (quotes inside are \\"), "spaced" (blanks before quotes) or "plain" (quotes are letters)."""
    width: int = 1
    names: tuple[str, ...] = ()
    header: bool = False
    told: str = ""
    """Why there is a header or none."""
    start: int = 0
    """Bytes above the first row."""
    lines: int = 0
    """Lines above the first row."""
    longest: int = 0
    """Bytes of the longest line that was seen."""
    few: tuple[bool, ...] = ()
    """Which columns repeat their words."""
    drop_last: bool = False
    """Every line ends in a separator: the last column is none."""
    troubles: tuple[Trouble, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def byte(self) -> str:
        """The separator as the reader sees it."""
        return as_one_byte(self.separator)

    def parsing(self, **options: object) -> pv.ParseOptions:
        return pv.ParseOptions(
            delimiter=self.byte,
            quote_char=False if self.quoting == "plain" else '"',
            double_quote=self.quoting != "escaped",
            escape_char="\\" if self.quoting == "escaped" else False,
            newlines_in_values=True,
            **options,
        )


# separator and quotes -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tried:
    """How the lines come out under one separator and one way of quoting."""

    quoting: str
    share: float
    """Of the lines that have the most frequent width."""
    width: int
    hidden: int
    """Line ends inside quotes."""
    closed: float
    """Share of the cells beginning with a quote that end with one."""


def tried(text: str, separator: str, quoting: str) -> Tried:
    if separator == " ":
        text = re.sub(r"(?m)^ +| +$", "", re.sub(r"[ \t]+", " ", text))
    opened = closed = hidden = 0
    if quoting != "plain":
        pattern = quoted_cell(separator, quoting)
        opened = len(re.findall(rf'(?:(?<={re.escape(separator)})|(?<=\n)|\A) *"', text))
        breaks = text.count("\n")
        text, closed = pattern.subn("Q", text)
        hidden = breaks - text.count("\n")
    widths = Counter(line.count(separator) + 1 for line in text.split("\n") if line and not line.isspace())
    if not widths:
        return Tried(quoting, 0.0, 1, 0, 0.0)
    # The widest of equally frequent widths.
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    return Tried(quoting, count / widths.total(), width, hidden, closed / max(opened, 1))


def quoted_cell(separator: str, quoting: str) -> re.Pattern[str]:
    """A whole quoted cell."""
    inside = r'(?:[^"\\]|\\.|"")*' if quoting == "escaped" else r'(?:[^"]|"")*'
    blanks = " *" if quoting == "spaced" else ""
    sep = re.escape(separator)
    return re.compile(rf'(?:(?<={sep})|(?<=\n)|\A){blanks}"{inside}"(?= *(?:{sep}|\n|\Z))', re.DOTALL)


def quoting_of(text: str, separator: str) -> Tried:
    """The way of quoting under which the lines agree best."""
    plain = tried(text, separator, "plain")
    if '"' not in text:
        return replace(plain, quoting="quoted")
    ways = [tried(text, separator, "quoted")]
    if '\\"' in text:
        ways.append(tried(text, separator, "escaped"))
    if f'{separator} "' in text and separator != " ":
        ways.append(tried(text, separator, "spaced"))
    best = max(ways, key=lambda t: t.share)
    if best.share > plain.share or (best.closed == 1 and plain.share < 1):
        return best
    if best.hidden and plain.width > 1:
        return plain  # every line is a row by itself: the quotes would swallow lines
    return best if best.closed >= 0.5 else plain


def separator_of(text: str, asked: str, suffix: str) -> tuple[str, Tried]:
    """The separator, and how the lines come out under it."""
    if asked:
        separator = SPOKEN.get(asked.lower(), asked)
        return separator, quoting_of(text, separator)
    found = [(s, quoting_of(text, s)) for s in SEPARATORS if s in text or (s == " " and "\t" in text)]
    found = [(s, t) for s, t in found if t.width > 1 and t.share >= AGREE]
    typed = {s: typed_share(text, s, t) for s, t in found}
    found = [(s, t) for s, t in found if s != " " or typed[s] >= WHITE_TYPED]
    if not found:
        separator = {".tsv": "\t", ".tab": "\t", ".psv": "|"}.get(suffix, ",")
        one = quoting_of(text, separator)
        return separator, one if one.width == 1 else replace(quoting_of(text, "\x1f"), width=1)
    best = max(t.share for _, t in found)
    near = [(s, t) for s, t in found if t.share >= (best if best == 1.0 else best - NEAR)]
    seldom = {s: -SEPARATORS.index(s) if s in "\t;|" else -len(SEPARATORS) for s, _ in near}  # in cells, by chance
    return max(near, key=lambda st: (round(typed[st[0]], 1), seldom[st[0]], st[1].width))


def typed_share(text: str, separator: str, how: Tried) -> float:
    """Share of the cells that are numbers, dates or nothing, below the first line."""
    if how.quoting != "plain":
        text = quoted_cell(separator, how.quoting).sub(
            lambda m: m[0].strip().strip('"').replace("\n", " ").replace(separator, " "), text
        )
    cells = total = 0
    for line in text.split("\n")[1 : TYPED_LINES + 1]:
        row = line.split() if separator == " " else line.split(separator)
        if len(row) == how.width:
            total += len(row)
            cells += sum(1 for c in row if NUMBER.match(c) or c.strip() in EMPTY)
    return cells / total if total else 0.0
