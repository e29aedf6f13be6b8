"""The page of an inspection, and its short form for notebooks. Words and marks are in `templates/`."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trainloud import __version__
from trainloud.core.answer import Answer
from trainloud.core.check import Explanation
from trainloud.core.example import Exhibit
from trainloud.core.inspection import Axis, Inspection
from trainloud.report.charts import Chart, Level, Line, Table, chart, number
from trainloud.report.inspection_text import headline, nowhere, sizes
from trainloud.report.pages import item, page
from trainloud.report.result import flat

NOTEBOOK = 60_000  # bytes of the short form, at most
WIDTH, HEIGHT = 380, 190  # pixels of a small chart
FULL = (0.0, 0.1)  # a scale of shares starts at nothing and spans a tenth at least
CLASSES_SHOWN = 60  # rows of the table of classes
QUANTILES = ("minimum", "1 %", "5 %", "25 %", "median", "75 %", "95 %", "99 %", "maximum")


@dataclass(frozen=True)
class Asked:
    """One of the six questions as the template shows it."""

    answer: Answer
    chart: Chart | None
    table: Table | None
    why: str


@dataclass(frozen=True)
class Distribution:
    """One axis as the template shows it."""

    axis: Axis
    chart: Chart | None
    quantiles: Table


def render(inspection: Inspection, explanations: Mapping[str, Explanation] | None = None) -> str:
    """The whole page. `explanations` by name add why a finding or a question matters."""
    known = explanations or {}
    items = tuple(item(f, nowhere, known, f"finding-{i + 1}") for i, f in enumerate(inspection.findings))
    return page("inspection.html").render(
        inspection=inspection,
        version=__version__,
        verdict=verdict(inspection),
        items=items,
        facts=facts(inspection),
        classes=classes(inspection),
        questions=[_asked(q, known) for q in inspection.questions],
        distributions=[_distribution(a) for a in inspection.axes],
        passed=[a for a in inspection.answers if a.outcome == "passed"],
        unknown=[a for a in inspection.answers if a.outcome == "unknown"],
        again=again(inspection),
    )


def write(inspection: Inspection, path: Path, explanations: Mapping[str, Explanation] | None = None) -> None:
    path.write_text(render(inspection, explanations), encoding="utf-8", errors="replace")


def notebook(inspection: Inspection) -> str:
    """The findings, the answers and a row of examples, without script, under NOTEBOOK bytes."""
    shown = _few(inspection)
    while True:
        text = page("notebook.html").render(
            inspection=inspection, verdict=verdict(inspection), headline=headline(inspection), sizes=sizes(inspection),
            findings=[f for f, _ in flat(inspection.findings)][:12], exhibits=shown,
        )  # fmt: skip
        if len(text.encode(errors="replace")) <= NOTEBOOK or not shown:
            return text
        shown = shown[:-1]


def _few(inspection: Inspection) -> tuple[Exhibit, ...]:
    """A row of pictures for each finding, then of the classes, those that have pictures."""
    rows = [e for f in inspection.findings for e in f.exhibits[:1]] + list(inspection.samples[:4])
    return tuple(
        Exhibit(e.caption, tuple(x for x in e.examples if x.picture)[:6], e.total)
        for e in rows
        if any(x.picture for x in e.examples)
    )[:6]


def verdict(inspection: Inspection) -> str:
    """The answer in one sentence, with its numbers."""
    answers = inspection.answers
    total = len(answers)
    many = f"{total} inspector" + ("" if total == 1 else "s")
    fired = sum(a.outcome == "fired" for a in answers)
    passed = sum(a.outcome == "passed" for a in answers)
    rest = f"{passed} passed, {total - fired - passed} could not judge"
    serious = [f for f, _ in flat(inspection.findings) if f.severity != "note"]
    if serious:
        return f"{fired} of {many} fired, {serious[0].fault} first of all; {rest}."
    if fired:
        return f"Nothing serious: {fired} of {many} left a note; {rest}."
    if passed:
        return f"Nothing fired in {many}: {rest}."
    return f"Nothing could be judged, and that is not a pass: {many}, {rest}."


def facts(inspection: Inspection) -> tuple[tuple[str, str], ...]:
    """What was inspected, what it was taken for, and how long it took."""
    known = inspection.recognised
    out = [("data", shlex.join(inspection.command)), ("taken for", headline(inspection)), ("size", sizes(inspection))]
    if known.why:
        out.append(("because", known.why))
    out.append(("duration", f"{sum(inspection.seconds.values()):.1f} s"))
    reason = f": {inspection.exit_reason}" if inspection.exit_reason else ""
    return (*out, ("exit code", f"{inspection.exit_code}{reason}"))


def classes(inspection: Inspection) -> Table | None:
    """Examples of each class in each split, the largest class first."""
    if not inspection.classes:
        return None
    splits = list(inspection.splits)
    ranked = sorted(inspection.classes.items(), key=lambda item: -sum(item[1].values()))
    totals = {s: max(sum(c.get(s, 0) for c in inspection.classes.values()), 1) for s in splits}
    rows = tuple(
        (name, *(f"{c.get(s, 0):,} ({c.get(s, 0) / totals[s]:.1%})" for s in splits))
        for name, c in ranked[:CLASSES_SHOWN]
    )
    return Table(("class", *(s or "examples" for s in splits)), rows, len(ranked))


def again(inspection: Inspection) -> str:
    return shlex.join(("trainloud", "inspect", *inspection.command))


def _asked(answer: Answer, known: Mapping[str, Explanation]) -> Asked:
    explanation = known.get(answer.name)
    return Asked(
        answer, _curve(answer), _conditions(answer), explanation.section("Why it matters") if explanation else ""
    )


def _curve(answer: Answer) -> Chart | None:
    """The metric over the conditions, with its interval, chance and the whole; None where they are names."""
    points = [p for p in answer.points if p.at is not None]
    if len(points) < 2:
        return None
    at = [float(p.at) for p in points if p.at is not None]
    lines = [
        Line("upper end of the 95 % interval", at, [p.high for p in points], "faint"),
        Line("lower end of the 95 % interval", at, [p.low for p in points], "faint"),
        Line(answer.metric, at, [p.value for p in points], "main"),
    ]
    levels = [Level(f"best constant {number(answer.chance)}", answer.chance)] if answer.chance is not None else []
    if answer.whole is not None:
        levels.append(Level(f"the data as it is {number(answer.whole)}", answer.whole))
    title = f"{answer.question} {answer.metric} over {answer.axis}"
    return chart(lines, title, answer.axis, answer.metric, levels=levels, width=560, height=230, log=False)


def _conditions(answer: Answer) -> Table | None:
    rows = tuple((p.condition, number(p.value), f"{number(p.low)} to {number(p.high)}") for p in answer.points)
    return Table(("condition", answer.metric, "95 % interval"), rows, len(rows)) if rows else None


def _distribution(axis: Axis) -> Distribution:
    """Step curves, one a split, in shares of the split's examples."""
    styles = ("main", "second", "third", "fourth")
    lines = []
    for (split, counts), style in zip(axis.counts.items(), styles, strict=False):
        total = sum(counts) or 1
        xs = [e for edge in zip(axis.edges[:-1], axis.edges[1:], strict=True) for e in edge]
        ys = [c / total for c in counts for _ in (0, 1)]
        lines.append(Line(split or "examples", xs, ys, style))
    title = f"{axis.name} ({axis.unit})" if axis.unit else axis.name
    figure = (
        chart(lines, title, title, "share", width=WIDTH, height=HEIGHT, log=False, span=FULL)
        if lines and len(axis.edges) > 2
        else None
    )
    rows = tuple((name, number(value)) for name, value in zip(QUANTILES, axis.quantiles, strict=False))
    return Distribution(axis, figure, Table(("quantile", axis.name), rows, len(rows)))
