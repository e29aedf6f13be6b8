"""What an inspection found, in a terminal: what the data was taken for first, so that a wrong guess is seen at once."""

import io

from rich.console import Console
from rich.text import Text

from trainloud.core.answer import Answer
from trainloud.core.inspection import Inspection
from trainloud.core.place import Place
from trainloud.core.words import plural
from trainloud.report.blocks import block, note
from trainloud.report.lines import INDENT, clean, listed, put, say

PASSED_SHOWN = 12
VERDICTS = {"yes": "bold green", "no": "bold cyan", "undecided": "bold yellow", "refused": "dim"}
CLASSES_SHOWN = 6


def render(inspection: Inspection, console: Console, verbose: bool = False) -> None:
    """The whole answer: what it is, findings, the six questions, what was asked, and the closing lines."""
    _taken_for(inspection, console)
    for finding in inspection.findings:
        if finding.severity != "note":
            block(finding, nowhere, console, verbose)
    notes = [f for f in inspection.findings if f.severity == "note"]
    for finding in notes:
        note(finding, nowhere, console, verbose)
    if notes:
        console.print()
    _questions(inspection.questions, console)
    passed = [(a.fault, a.measured) for a in inspection.answers if a.outcome == "passed"]
    unknown = [(a.fault, a.measured) for a in inspection.answers if a.outcome == "unknown"]
    if verbose or not inspection.findings:
        shown = passed if verbose else passed[:PASSED_SHOWN]
        listed(console, "asked and passed", shown, left=len(passed) - len(shown))
    if verbose:
        listed(console, "could not judge", unknown)
    _closing(inspection, console, len(passed), len(unknown))


def plain(inspection: Inspection) -> str:
    """The same as text, for a prompt that shows objects."""
    console = Console(file=io.StringIO(), width=100, highlight=False)
    render(inspection, console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text.strip()


def headline(inspection: Inspection) -> str:
    """What the data was taken for, in one sentence."""
    known = inspection.recognised
    what = {
        "images": "images",
        "table": "a table",
        "text": "texts",
        "characters": "a stream of characters",
        "series": "series",
    }[known.kind]
    aim = {
        "classes": f"classes in {known.target!r} ({len(inspection.classes)})",
        "number": f"the number {known.target!r}",
        "forecast": f"a forecast of {known.target!r}" if known.target else "a forecast",
        "segmentation": "a mask of each image",
        "none": "no target",
    }[known.task]
    return f"{what}, {aim}, stored as {known.form}"


def sizes(inspection: Inspection) -> str:
    """How many examples in which split, and of what size."""
    total = sum(inspection.splits.values())
    parts = [f"{name} {n:,}" for name, n in inspection.splits.items() if name]
    text = plural(total, "example") + (f" ({', '.join(parts)})" if len(parts) > 1 else "")
    return text + (f", {inspection.shape}" if inspection.shape else "")


def _taken_for(inspection: Inspection, console: Console) -> None:
    console.print()
    put(console, Text(clean(f"taken for {headline(inspection)}"), style="bold"))
    say(console, sizes(inspection))
    if inspection.recognised.why:
        say(console, inspection.recognised.why, style="dim")
    if inspection.classes:
        ranked = sorted(inspection.classes.items(), key=lambda item: -sum(item[1].values()))
        few = [f"{name} ({sum(n.values()):,})" for name, n in ranked[:CLASSES_SHOWN]]
        left = len(ranked) - len(few)
        say(console, f"classes: {', '.join(few)}" + (f" and {left} more" if left else ""), style="dim")
    for remark in inspection.notes:
        say(console, remark, style="dim")
    console.print()


def _questions(answers: tuple[Answer, ...], console: Console) -> None:
    for answer in answers:
        head = Text(answer.question, style="bold")
        head.append(f"  {answer.verdict}", VERDICTS[answer.verdict])
        put(console, head)
        say(console, answer.statement, INDENT)
        if answer.follows and answer.verdict != "refused":
            say(console, f"so: {answer.follows}", INDENT, "dim")
    if answers:
        console.print()


def _closing(inspection: Inspection, console: Console, passed: int, unknown: int) -> None:
    fired = sum(a.outcome == "fired" for a in inspection.answers)
    if not (fired or passed):
        say(console, "Nothing could be judged. This is not a pass.", style="bold yellow")
    told = f"{plural(len(inspection.answers), 'inspector')}: {fired} fired, {passed} passed, {unknown} could not judge"
    if inspection.questions:
        refused = sum(q.verdict == "refused" for q in inspection.questions)
        told += f"; {plural(len(inspection.questions), 'question')}" + (f", {refused} refused" if refused else "")
    put(console, Text(told + f"; {sum(inspection.seconds.values()):.1f} s", style="bold"))
    if inspection.exit_code:
        say(console, f"exit code {inspection.exit_code}: {inspection.exit_reason}")


def nowhere(place: Place | None) -> str:
    """Findings about data point at examples, not at lines of code."""
    return ""
