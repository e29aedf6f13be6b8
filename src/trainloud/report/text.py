"""Findings in a terminal, one block each, as compilers print them."""

from collections import Counter
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from trainloud.core.check import SECTIONS, Explanation
from trainloud.core.words import plural
from trainloud.report.blocks import block, note
from trainloud.report.lines import INDENT, STYLES, listed, put, say
from trainloud.report.result import Result

PASSED_SHOWN = 12
REASONS_SHOWN = 3


def render(result: Result, console: Console, verbose: bool = False) -> None:
    """The whole answer: findings, then notes, what was asked, and the closing lines."""
    for finding in result.findings:
        if finding.severity != "note":
            block(finding, result.at, console, verbose)
    notes = [f for f in result.findings if f.severity == "note"]
    for finding in notes:
        note(finding, result.at, console, verbose)
    for finding, why in result.suppressed:
        where = result.at(finding.where)
        say(console, f"{where}  ignored  {finding.fault}: {why or 'no reason given'}".strip(), style="dim")
    if notes or result.suppressed:
        console.print()
    if verbose or not result.findings:
        _passed(result, console, verbose)
    if verbose:
        listed(console, "could not judge", [(a.fault, a.measured) for a in result.unknown])
    _closing(result, console, verbose)


def closing_line(result: Result) -> str:
    """How many checks there were and what became of them."""
    ignored = len(result.suppressed)
    parts = [f"{len(result.fired)} fired"] + ([f"{ignored} ignored by you"] if ignored else [])
    parts += [f"{len(result.passed)} passed", f"{len(result.unknown)} could not judge"]
    return f"{plural(len(result.answers), 'check')}: {', '.join(parts)}"


@dataclass(frozen=True)
class Page:
    """The documentation of a check, an inspector or a question."""

    name: str
    severity: str
    """"" for a question."""
    basis: str
    explanation: Explanation
    how: str
    """How it is told, in words."""
    symptoms: tuple[str, ...] = ()


def explain_text(page: Page, console: Console) -> None:
    """Question, why, remedy, limits, source."""
    head = Text().append(page.name, "bold")
    if page.severity:
        head.append("  ").append(page.severity, STYLES[page.severity])
    head.append(f"  ({page.basis})", "dim")
    put(console, head)
    console.print()
    say(console, page.explanation.question, indent=INDENT)
    sections = [(name, page.explanation.section(name)) for name in SECTIONS]
    for name, text in (*sections, ("How it is told", page.how)):
        if text:
            console.print()
            put(console, Text(name, style="bold"))
            say(console, text, indent=INDENT)
    if page.symptoms:
        say(console, f"explains also: {', '.join(page.symptoms)}", indent=INDENT)
    console.print()


def _passed(result: Result, console: Console, verbose: bool) -> None:
    rows = [(a.fault, a.measured) for a in result.passed]
    shown = rows if verbose else rows[:PASSED_SHOWN]
    listed(console, "asked and passed", shown, left=len(rows) - len(shown))


def _closing(result: Result, console: Console, verbose: bool) -> None:
    if not (result.fired or result.passed or result.suppressed):
        say(console, "Nothing could be judged. This is not a pass.", style="bold yellow")
    put(console, Text(closing_line(result), style="bold"))
    if result.unknown and not verbose:
        say(console, _reasons(result), style="dim")
    _experiments(result, console, verbose)
    if result.exit_code:
        say(console, f"exit code {result.exit_code}: {result.exit_reason}")


def _experiments(result: Result, console: Console, verbose: bool) -> None:
    """How many runs the answers rest on; with `verbose` what each gave."""
    ran = result.experiments
    if not ran:
        if result.no_experiments:
            say(console, f"no experiments: {result.no_experiments}", style="dim")
        return
    lost = [r for r in ran if r.trouble]
    text = f"{plural(len(ran), 'experiment')} in {sum(r.seconds for r in ran):.1f} s of runs"
    text += f", then {result.no_experiments}" if result.no_experiments else ""
    if lost and not verbose:
        text += f", {len(lost)} without a result ({lost[0].name}: {lost[0].trouble})"
    say(console, text, style="dim")
    for r in ran if verbose else ():
        losses = f"loss {r.first_loss:.4g} to {r.last_loss:.4g}" if r.last_loss is not None else ""
        say(console, f"{r.name}: {r.trouble or losses} ({r.steps} steps, {r.seconds:.1f} s)", INDENT, "dim")


def _reasons(result: Result) -> str:
    """Why not all could be judged: the reasons that several checks share; each has its own with --verbose."""
    counts = Counter(a.measured for a in result.unknown)
    shared = sorted((item for item in counts.items() if item[1] > 1), key=lambda item: (-item[1], item[0]))
    parts = [f"{n} because {reason.rstrip('.')}" for reason, n in shared[:REASONS_SHOWN]]
    left = len(result.unknown) - sum(n for _, n in shared[:REASONS_SHOWN])
    if left:
        parts.append(f"{left} for a reason of {'its' if left == 1 else 'their'} own (--verbose)")
    return "could not judge: " + "; ".join(parts)
