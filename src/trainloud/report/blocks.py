"""A finding as a block of lines, as compilers print them."""

import textwrap
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from trainloud.core.example import Exhibit
from trainloud.core.finding import Finding
from trainloud.core.place import Place
from trainloud.report.lines import INDENT, STYLES, WIDEST, clean, field, put, wrapped

EXHIBITS, EXAMPLES = 3, 4  # shown of a finding in a terminal, without --verbose

At = Callable[[Place | None], str]
"""A place -> `file:line` as the person knows it, "" without one."""


def block(finding: Finding, at: At, console: Console, verbose: bool) -> None:
    """An error or a warning, with its examples and what it explains."""
    severity = finding.severity or "warning"
    where = at(finding.where)
    head = Text().append(clean(where), "bold")
    head.append("  " if where else "").append(severity, STYLES[severity])
    head.append(f"  {finding.fault}", "bold")
    head.append(f"  ({finding.basis})", "dim")
    put(console, head)
    field(console, "measured", finding.measured)
    if finding.first_step is not None:
        field(console, "since", f"optimiser step {finding.first_step}")
    field(console, "expected", finding.expected)
    for exhibit in finding.exhibits[: None if verbose else EXHIBITS]:
        field(console, "examples", _laid_out(exhibit, verbose))
    field(console, "fix", finding.remedy)
    if verbose and finding.evidence:
        field(console, "evidence", ", ".join(f"{k} = {v}" for k, v in finding.evidence.items()))
    for symptom in finding.symptoms:
        _symptom(symptom, at, console)
    field(console, "more", f"trainloud explain {finding.fault}")
    console.print()


def _symptom(symptom: Finding, at: At, console: Console) -> None:
    """One line: the measured text is cut to what is left of it."""
    where = at(symptom.where)
    head = clean(f"also explained by this: {symptom.fault}" + (f" at {where}" if where else ""))
    room = min(console.width, WIDEST) - INDENT - len(head) - 3
    cut = textwrap.shorten(clean(symptom.measured), room, placeholder=" ...") if room >= 20 else ""
    put(console, Text(" " * INDENT + head + (f" ({cut})" if cut else ""), style="dim"))


def note(finding: Finding, at: At, console: Console, verbose: bool) -> None:
    """One line, or as many as its words take."""
    where = clean(at(finding.where))
    head = Text(where + ("  " if where else ""))
    head.append("note", STYLES["note"])
    head.append(f"  {finding.fault}:")
    text = finding.measured + (f" Fix: {finding.remedy}" if verbose and finding.remedy else "")
    first, *rest = wrapped(text, console, INDENT, taken=len(head) + 1) or [""]
    put(console, head.append(f" {first}"))
    for line in rest:
        put(console, Text(" " * INDENT + line))


def _laid_out(exhibit: Exhibit, verbose: bool) -> str:
    """The examples of one exhibit by name, each with its label and why it is shown."""
    few = exhibit.examples[: None if verbose else EXAMPLES]
    parts = [e.name + (f" ({', '.join(w for w in (e.label, e.note) if w)})" if e.label or e.note else "") for e in few]
    more = max(exhibit.total, len(exhibit.examples)) - len(few)
    return f"{exhibit.caption}: {'; '.join(parts)}" + (f" and {more:,} more" if more else "")
