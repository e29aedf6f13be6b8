"""Findings in a terminal, one block each, as compilers print them.

Lines are wrapped here and not by rich, so that a `file:line` or the name of a fault is never broken.
"""

import textwrap
from collections import Counter

from rich.console import Console
from rich.text import Text

from trainloud.core.check import SECTIONS, Check, Explanation
from trainloud.core.finding import Finding
from trainloud.report.result import Result

WIDEST = 100  # columns of running text; longer lines are hard to read
LABEL = 10  # columns of "measured  "
INDENT = 4
PASSED_SHOWN = 12
REASONS_SHOWN = 3
STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}


def render(result: Result, console: Console, verbose: bool = False) -> None:
    """The whole answer: findings, then notes, what was asked, and the closing lines."""
    for finding in result.findings:
        if finding.severity != "note":
            _block(result, finding, console, verbose)
    notes = [f for f in result.findings if f.severity == "note"]
    for finding in notes:
        _note(result, finding, console, verbose)
    for finding, why in result.suppressed:
        where = result.at(finding.where)
        _say(console, f"{where}  ignored  {finding.fault}: {why or 'no reason given'}".strip(), style="dim")
    if notes or result.suppressed:
        console.print()
    if verbose or not result.findings:
        _passed(result, console, verbose)
    if verbose:
        _listed(console, "could not judge", [(a.fault, a.measured) for a in result.unknown])
    _closing(result, console, verbose)


def closing_line(result: Result) -> str:
    """How many checks there were and what became of them."""
    ignored = len(result.suppressed)
    parts = [f"{len(result.fired)} fired"] + ([f"{ignored} ignored by you"] if ignored else [])
    parts += [f"{len(result.passed)} passed", f"{len(result.unknown)} could not judge"]
    return f"{_count(len(result.answers), 'check')}: {', '.join(parts)}"


def explain_text(explanation: Explanation, fault: str, check: Check, console: Console) -> None:
    """A check's documentation: question, why, remedy, limits, source."""
    head = Text().append(fault, "bold")
    head.append("  ").append(check.severity, STYLES[check.severity])
    head.append(f"  ({check.basis})", "dim")
    _print(console, head)
    console.print()
    _say(console, explanation.question, indent=INDENT)
    for name in SECTIONS:
        text = explanation.section(name)
        if text:
            console.print()
            _print(console, Text(name, style="bold"))
            _say(console, text, indent=INDENT)
    console.print()
    _print(console, Text("How it is told", style="bold"))
    needs = f"runs the script again with {', '.join(check.needs)}" if check.needs else "from one run, without another"
    _say(console, needs, indent=INDENT)
    if check.symptoms:
        _say(console, f"explains also: {', '.join(check.symptoms)}", indent=INDENT)


def _block(result: Result, finding: Finding, console: Console, verbose: bool) -> None:
    severity = finding.severity or "warning"
    where = result.at(finding.where)
    head = Text().append(_clean(where), "bold")
    head.append("  " if where else "").append(severity, STYLES[severity])
    head.append(f"  {finding.fault}", "bold")
    head.append(f"  ({finding.basis})", "dim")
    _print(console, head)
    _field(console, "measured", finding.measured)
    if finding.first_step is not None:
        _field(console, "since", f"optimiser step {finding.first_step}")
    _field(console, "expected", finding.expected)
    _field(console, "fix", finding.remedy)
    if verbose and finding.evidence:
        _field(console, "evidence", ", ".join(f"{k} = {v}" for k, v in finding.evidence.items()))
    for symptom in finding.symptoms:
        _symptom(result, symptom, console)
    _field(console, "more", f"trainloud explain {finding.fault}")
    console.print()


def _symptom(result: Result, symptom: Finding, console: Console) -> None:
    """One line: the measured text is cut to what is left of it."""
    where = result.at(symptom.where)
    head = _clean(f"also explained by this: {symptom.fault}" + (f" at {where}" if where else ""))
    room = min(console.width, WIDEST) - INDENT - len(head) - 3
    cut = textwrap.shorten(_clean(symptom.measured), room, placeholder=" ...") if room >= 20 else ""
    _print(console, Text(" " * INDENT + head + (f" ({cut})" if cut else ""), style="dim"))


def _note(result: Result, finding: Finding, console: Console, verbose: bool) -> None:
    where = _clean(result.at(finding.where))
    head = Text(where + ("  " if where else ""))
    head.append("note", STYLES["note"])
    head.append(f"  {finding.fault}:")
    text = finding.measured + (f" Fix: {finding.remedy}" if verbose and finding.remedy else "")
    first, *rest = _wrapped(text, console, INDENT, taken=len(head) + 1) or [""]
    _print(console, head.append(f" {first}"))
    for line in rest:
        _print(console, Text(" " * INDENT + line))


def _passed(result: Result, console: Console, verbose: bool) -> None:
    rows = [(a.fault, a.measured) for a in result.passed]
    shown = rows if verbose else rows[:PASSED_SHOWN]
    _listed(console, "asked and passed", shown, left=len(rows) - len(shown))


def _listed(console: Console, title: str, rows: list[tuple[str, str]], left: int = 0) -> None:
    if not rows:
        return
    _print(console, Text(f"{title}:", style="bold"))
    column = max(len(name) for name, _ in rows) + 2
    for name, text in rows:
        if column + 40 <= console.width:
            first, *rest = _wrapped(text, console, INDENT + column) or [""]
            line = Text(" " * INDENT + name.ljust(column))
            line.append(first, "dim")
            _print(console, line)
            for more in rest:
                _print(console, Text(" " * (INDENT + column) + more, style="dim"))
        else:
            _print(console, Text(" " * INDENT + name))
            _say(console, text, indent=2 * INDENT, style="dim")
    if left:
        _print(console, Text(f"{' ' * INDENT}and {left} more: --verbose"))
    console.print()


def _closing(result: Result, console: Console, verbose: bool) -> None:
    if not (result.fired or result.passed or result.suppressed):
        _say(console, "Nothing could be judged. This is not a pass.", style="bold yellow")
    _print(console, Text(closing_line(result), style="bold"))
    if result.unknown and not verbose:
        _say(console, _reasons(result), style="dim")
    _experiments(result, console, verbose)
    if result.exit_code:
        _say(console, f"exit code {result.exit_code}: {result.exit_reason}")


def _experiments(result: Result, console: Console, verbose: bool) -> None:
    """How many runs the answers rest on; with `verbose` what each gave."""
    ran = result.experiments
    if not ran:
        if result.no_experiments:
            _say(console, f"no experiments: {result.no_experiments}", style="dim")
        return
    lost = [r for r in ran if r.trouble]
    text = f"{_count(len(ran), 'experiment')} in {sum(r.seconds for r in ran):.1f} s of runs"
    text += f", then {result.no_experiments}" if result.no_experiments else ""
    if lost and not verbose:
        text += f", {len(lost)} without a result ({lost[0].name}: {lost[0].trouble})"
    _say(console, text, style="dim")
    for r in ran if verbose else ():
        losses = f"loss {r.first_loss:.4g} to {r.last_loss:.4g}" if r.last_loss is not None else ""
        _say(console, f"{r.name}: {r.trouble or losses} ({r.steps} steps, {r.seconds:.1f} s)", INDENT, "dim")


def _reasons(result: Result) -> str:
    """Why not all could be judged: the reasons that several checks share; each has its own with --verbose."""
    counts = Counter(a.measured for a in result.unknown)
    shared = sorted((item for item in counts.items() if item[1] > 1), key=lambda item: (-item[1], item[0]))
    parts = [f"{n} because {reason.rstrip('.')}" for reason, n in shared[:REASONS_SHOWN]]
    left = len(result.unknown) - sum(n for _, n in shared[:REASONS_SHOWN])
    if left:
        parts.append(f"{left} for a reason of {'its' if left == 1 else 'their'} own (--verbose)")
    return "could not judge: " + "; ".join(parts)


def _field(console: Console, label: str, text: str) -> None:
    if not text:
        return
    lines = _wrapped(text, console, INDENT + LABEL)
    for number, line in enumerate(lines):
        row = Text(" " * INDENT)
        row.append((label if number == 0 else "").ljust(LABEL), "dim")
        row.append(line)
        _print(console, row)


def _say(console: Console, text: str, indent: int = 0, style: str = "") -> None:
    for line in _wrapped(text, console, indent):
        _print(console, Text(" " * indent + line, style=style))


def _wrapped(text: str, console: Console, indent: int, taken: int = 0) -> list[str]:
    """Lines for the columns right of `indent`; of the first line, `taken` columns from the left are in use."""
    width = max(min(console.width, WIDEST) - indent, 20)
    hole = " " * max(taken - indent, 0)
    lines = textwrap.wrap(_clean(text), width, initial_indent=hole, break_long_words=False, break_on_hyphens=False)
    return [line.removeprefix(hole) if i == 0 else line for i, line in enumerate(lines)]


def _clean(text: str) -> str:
    """Without line ends and terminal control codes, which a script's own text may carry."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def _print(console: Console, line: Text) -> None:
    line.rstrip()
    console.print(line, soft_wrap=True, highlight=False)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
