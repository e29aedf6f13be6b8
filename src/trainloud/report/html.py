"""report.html: one file, no network, readable without JavaScript. The words and marks are in `templates/`."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from trainloud import __version__
from trainloud.core.check import Explanation
from trainloud.core.place import Place
from trainloud.core.records import End, Unseen
from trainloud.core.trace import Trace
from trainloud.report.charts import Table, number
from trainloud.report.doors import entries
from trainloud.report.figures import dynamics, evaluations, loss_figure
from trainloud.report.pages import item, page
from trainloud.report.result import Result


def render(result: Result, explanations: Mapping[str, Explanation] | None = None) -> str:
    """The whole page. `explanations` by fault add to each finding why it matters."""
    trace = result.trace or Trace(())

    def named(place: Place | None) -> str:
        return result.at(place) or "-"

    known = explanations or {}
    return page("report.html").render(
        result=result,
        version=__version__,
        verdict=verdict(result),
        items=[item(f, result.at, known, f"finding-{i + 1}") for i, f in enumerate(result.findings)],
        facts=facts(result),
        ending=ending(trace),
        experiments=experiments(result),
        loss=loss_figure(trace, named),
        evaluations=evaluations(trace, named),
        entries=entries(trace),
        dynamics=dynamics(trace),
        unseen=[(u.what, result.at(u.where)) for u in trace.all(Unseen)],
        suppressed=[(f, result.at(f.where), why or "no reason given") for f, why in result.suppressed],
        again=again(result.command),
        source=trace.path.name if trace.path else "",
    )  # fmt: skip


def write(result: Result, path: Path, explanations: Mapping[str, Explanation] | None = None) -> None:
    path.write_text(render(result, explanations), encoding="utf-8")


def verdict(result: Result) -> str:
    """The answer in one sentence, with its numbers."""
    fired, passed, unknown = len(result.fired), len(result.passed), len(result.unknown)
    total = len(result.answers)
    rest = f"{passed} passed, {unknown} could not judge"
    rest += f", {len(result.suppressed)} ignored by you" if result.suppressed else ""
    if fired:
        return f"{fired} of {_checks(total)} fired, {result.findings[0].fault} first of all; {rest}."
    if not total:
        return f"Nothing was judged, and that is not a pass: {result.exit_reason}."
    if passed or result.suppressed:
        return f"Nothing fired in {_checks(total)}: {rest}."
    return f"Nothing could be judged, and that is not a pass: {_checks(total)}, {rest}."


def facts(result: Result) -> tuple[tuple[str, str], ...]:
    """What was run, on what, and how long."""
    out = [("command", shlex.join(result.command))]
    trace = result.trace
    start = trace.start if trace else None
    if trace and start:
        if result.command[-len(start.command) :] != start.command:
            out.append(("script", shlex.join(start.command)))
        out += [("directory", start.directory), ("device", start.device)]
        out += [("torch", start.torch), ("python", start.python), ("optimiser steps", number(len(trace.steps)))]
        seconds = max([s.seconds for s in trace.steps] + [e.seconds for e in trace.all(End)], default=None)
        if seconds is not None:
            out.append(("duration", f"{seconds:.1f} s"))
    exit_text = f"{result.exit_code}: {result.exit_reason}" if result.exit_reason else str(result.exit_code)
    return (*out, ("exit code", exit_text))


def ending(trace: Trace) -> str:
    """A remark where the run did not come to its own end."""
    end = trace.last(End)
    if end and end.exception:
        return f"The script ended with an exception after {number(end.steps)} optimiser steps: {end.exception}"
    if trace.start and not end:
        return f"The run did not end by itself: its trace stops after {number(len(trace.steps))} optimiser steps."
    return ""


def again(command: tuple[str, ...]) -> str:
    """A line to type for the same check."""
    own = any(Path(word).name == "trainloud" for word in command[:3])
    return shlex.join(command if own else ("trainloud", "check", *command))


def experiments(result: Result) -> Table | None:
    """What was changed, and what came of it."""
    if not result.experiments:
        return None
    rows = tuple(
        (
            r.question or r.name,
            r.name,
            "" if r.first_loss is None else number(r.first_loss),
            "" if r.last_loss is None else number(r.last_loss),
            number(r.steps),
            f"{r.seconds:.1f}",
            r.trouble or r.treatment or "the same again",
        )
        for r in result.experiments
    )
    header = ("question", "changed", "first loss", "last loss", "steps", "seconds", "what became of it")
    return Table(header, rows, len(rows))


def _checks(number_of: int) -> str:
    return f"{number_of} check" + ("" if number_of == 1 else "s")
