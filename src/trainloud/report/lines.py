"""Lines of text in a terminal: fields, lists and paragraphs.

Lines are wrapped here and not by rich, so that a `file:line` or the name of a fault is never broken.
"""

import textwrap

from rich.console import Console
from rich.text import Text

WIDEST = 100  # columns of running text; longer lines are hard to read
LABEL = 10  # columns of "measured  "
INDENT = 4
STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}


def listed(console: Console, title: str, rows: list[tuple[str, str]], left: int = 0) -> None:
    if not rows:
        return
    put(console, Text(f"{title}:", style="bold"))
    column = max(len(name) for name, _ in rows) + 2
    for name, text in rows:
        if column + 40 <= console.width:
            first, *rest = wrapped(text, console, INDENT + column) or [""]
            line = Text(" " * INDENT + name.ljust(column))
            line.append(first, "dim")
            put(console, line)
            for more in rest:
                put(console, Text(" " * (INDENT + column) + more, style="dim"))
        else:
            put(console, Text(" " * INDENT + name))
            say(console, text, indent=2 * INDENT, style="dim")
    if left:
        put(console, Text(f"{' ' * INDENT}and {left} more: --verbose"))
    console.print()


def field(console: Console, label: str, text: str) -> None:
    if not text:
        return
    lines = wrapped(text, console, INDENT + LABEL)
    for number, line in enumerate(lines):
        row = Text(" " * INDENT)
        row.append((label if number == 0 else "").ljust(LABEL), "dim")
        row.append(line)
        put(console, row)


def say(console: Console, text: str, indent: int = 0, style: str = "") -> None:
    for line in wrapped(text, console, indent):
        put(console, Text(" " * indent + line, style=style))


def wrapped(text: str, console: Console, indent: int, taken: int = 0) -> list[str]:
    """Lines for the columns right of `indent`; of the first line, `taken` columns from the left are in use."""
    width = max(min(console.width, WIDEST) - indent, 20)
    hole = " " * max(taken - indent, 0)
    lines = textwrap.wrap(clean(text), width, initial_indent=hole, break_long_words=False, break_on_hyphens=False)
    return [line.removeprefix(hole) if i == 0 else line for i, line in enumerate(lines)]


def clean(text: str) -> str:
    """Without line ends and terminal control codes, which a script's own text may carry."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def put(console: Console, line: Text) -> None:
    line.rstrip()
    console.print(line, soft_wrap=True, highlight=False)
