"""One data set from the command line or from Python: open it, measure, ask, put the answers in order, tell."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from trainloud.checks.catalogue import vocabulary
from trainloud.core.finding import SEVERITIES, Finding
from trainloud.core.inspection import Inspection
from trainloud.core.words import plural
from trainloud.data.axes import axes_of
from trainloud.data.cache import Cache, default_folder
from trainloud.data.conduct import Conducted, Wanted, conduct
from trainloud.data.dataset import Asked, Dataset, Limits, SourceError
from trainloud.data.inspector import Inspector, inspectors, questions
from trainloud.data.measure import Tell, measure
from trainloud.data.show import illustrated
from trainloud.data.sources import open_dataset
from trainloud.data.survey import Survey
from trainloud.report import inspection_html, inspection_text
from trainloud.report.inspection_contract import to_contract
from trainloud.report.progress import counted
from trainloud.report.result import order
from trainloud.settings import Settings, SettingsError, settings

WRONG_USE, COULD_NOT_JUDGE, INTERRUPTED = 2, 3, 130
SAID = ("target", "kind", "task", "time", "group", "separator", "encoding", "labels")  # words that a flag takes


@dataclass(frozen=True)
class Options:
    """What was asked for, on the command line or from Python."""

    data: Any
    val: Any = None
    test: Any = None
    asked: Asked = field(default_factory=Asked)
    limits: Limits = field(default_factory=Limits)
    probes: bool = True
    out: Path | None = None
    form: str = "text"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str | None = None
    quiet: bool = False
    verbose: bool = False

    @property
    def typed(self) -> tuple[str, ...]:
        """The data and what was said of it, to type again."""
        words = [_word(self.data)]
        for flag, value in (("--val", self.val), ("--test", self.test)):
            words += [flag, _word(value)] if value is not None else []
        for flag in SAID:
            value = getattr(self.asked, flag)
            words += [f"--{flag}", value] if value else []
        if self.asked.header is not None:
            words.append("--header" if self.asked.header else "--no-header")
        return (*words, *(() if self.probes else ("--no-probes",)))


def _word(data: Any) -> str:
    return str(data) if isinstance(data, (str, Path)) else f"<{type(data).__name__}>"


def inspect_command(
    data: str, val: str | None, test: str | None, out: Path | None, cache: bool, memory: int, workers: int, **rest: Any
) -> int:
    """`trainloud inspect`: tell what was found; the exit code says what came of it."""
    said: dict[str, Any] = {name: rest.pop(name) or "" for name in SAID}
    asked = Asked(**said, header=rest.pop("header"))
    limits = Limits(
        workers or os.cpu_count() or 2, memory << 20, rest.pop("probe_rows"), default_folder() if cache else ""
    )
    options = Options(data, val, test, asked, limits, out=out, **rest)
    aside = Console(stderr=True, highlight=False, emoji=False, quiet=options.quiet)
    try:
        _folder(out)
        with counted(aside) as tell:
            inspection = inspected(options, tell)
    except (SourceError, SettingsError) as error:
        Console(stderr=True, highlight=False, emoji=False).print(f"trainloud: {error}", markup=False, soft_wrap=True)
        return WRONG_USE
    except KeyboardInterrupt:
        aside.print("trainloud: interrupted; what was measured is kept, and the same command goes on from there")
        return INTERRUPTED
    console = Console(highlight=False, emoji=False, quiet=options.quiet)
    if options.form == "json" and not options.quiet:
        print(json.dumps(to_contract(inspection), indent=1, allow_nan=False), flush=True)
    elif options.form == "text":
        inspection_text.render(inspection, console, options.verbose)
    if out is not None:
        save(inspection, out)
        if options.form == "text":
            console.print(f"report: {out.absolute() / 'report.html'}", markup=False, soft_wrap=True)
    return inspection.exit_code


def _folder(out: Path | None) -> None:
    """The output folder, made before any work is done. Raises SettingsError where it cannot be."""
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"--out {out}: {error.strerror or error}") from error


def save(inspection: Inspection, out: Path) -> None:
    """findings.json, inspection.json (all that was found, to render again) and report.html."""
    from trainloud.core.jsonable import encode

    out.mkdir(parents=True, exist_ok=True)
    contract = json.dumps(to_contract(inspection), indent=1, allow_nan=False)
    (out / "findings.json").write_text(contract + "\n", encoding="utf-8")
    (out / "inspection.json").write_text(json.dumps(encode(inspection), allow_nan=False) + "\n", encoding="utf-8")
    inspection_html.write(inspection, out / "report.html", explanations())


def explanations() -> dict[str, Any]:
    return {name: e.explanation for name, e in {**inspectors(), **questions()}.items()}


def inspected(options: Options, tell: Tell) -> Inspection:
    """The whole inspection. Raises SourceError, SettingsError; KeyboardInterrupt while reading and measuring."""
    known = (*inspectors(), *questions())
    chosen = settings(options.fail_on, options.select, options.ignore, known, others=vocabulary())
    seconds: dict[str, float] = {}
    with _timed(seconds, "opening"):
        tell("opening", 0, 0)
        data = open_dataset(options.data, options.asked, options.limits, options.val, options.test)
    if not len(data):
        raise SourceError(f"{_word(options.data)}: there is no example in it{_met(data)}")
    allowed = replace(options.limits, workers=0, cache="")  # how many rows a probe sees, and what is too large
    cache = Cache(options.limits.cache if data.identity else "", data.identity, options.asked, allowed)
    try:
        with _timed(seconds, "measuring"):
            measured = measure(data, options.limits, cache, tell)
        survey = Survey(data, measured, options.limits, options.asked.group)
        done = conduct(survey, Wanted(options.probes, chosen.select), cache, tell)
        return _assembled(survey, done, options, chosen, seconds | done.seconds)
    finally:
        cache.close()


def _met(data: Dataset) -> str:
    """What reading met instead of examples, in words."""
    return f" ({data.troubles[0].name}: {data.troubles[0].what})" if data.troubles else ""


def _assembled(
    survey: Survey, done: Conducted, options: Options, chosen: Settings, seconds: dict[str, float]
) -> Inspection:
    """Everything that a report shows, in one value."""
    fired = [a for a in done.answers if a.outcome == "fired" and a.fault not in chosen.ignore]
    symptoms = {n: e.item.symptoms for n, e in inspectors().items() if isinstance(e.item, Inspector)}
    ordered = order(fired, symptoms)
    code, reason = _exit(done, ordered, chosen)
    began = time.monotonic()
    passed = [a for a in done.answers if a.outcome == "passed" and a.exhibits]
    drawn, samples, axes = illustrated(survey, (*ordered, *passed), axes_of(survey))
    findings, beside = drawn[: len(ordered)], {a.fault: a.exhibits for a in drawn[len(ordered) :]}
    seconds["showing"] = round(time.monotonic() - began, 3)
    return Inspection(
        options.typed,
        survey.data.recognised,
        {name: int((survey.split == i).sum()) for i, name in enumerate(survey.splits)},
        _classes(survey),
        _shape(survey),
        tuple(replace(a, exhibits=beside.get(a.fault, ())) for a in done.answers),
        findings,
        tuple(done.questions),
        axes,
        samples,
        survey.data.notes,
        seconds,
        done.interrupted,
        code,
        reason,
    )


def _classes(survey: Survey) -> dict[str, dict[str, int]]:
    if survey.labels is None:
        return {}
    codes, names = survey.labels
    parts = {s: codes[survey.split == i] for i, s in enumerate(survey.splits)}
    counts = {s: np.bincount(c[c >= 0], minlength=len(names)).tolist() for s, c in parts.items()}
    return {name: {s: counts[s][k] for s in survey.splits} for k, name in enumerate(names)}


def _shape(survey: Survey) -> str:
    """The size of one example in words."""
    axes = survey.measured.axes
    if survey.kind == "images" and "width" in axes and "height" in axes:
        wide, high = (a[np.isfinite(a)].astype(int) for a in (axes["width"], axes["height"]))
        if len(wide) and wide.min() == wide.max() and high.min() == high.max():
            return f"{wide[0]} x {high[0]} pixels"
        if len(wide):
            return f"{wide.min()} to {wide.max()} pixels wide, {high.min()} to {high.max()} high"
    if survey.kind == "table":
        return plural(len(survey.columns), "column") + (f" and the target {survey.target}" if survey.target else "")
    for name in ("length", "characters"):
        if name in axes and len(axes[name]):
            known = axes[name][np.isfinite(axes[name])]
            least, most = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
            span = f"{least:,.0f}" if least == most else f"{least:,.0f} to {most:,.0f}"
            return f"{span} {survey.measured.units.get(name, '')}".strip()
    return ""


def _exit(done: Conducted, fired: tuple[Finding, ...], chosen: Settings) -> tuple[int, str]:
    if done.interrupted:
        return INTERRUPTED, "interrupted; the same command goes on from there"
    asked = [a for a in done.answers if a.outcome != "unknown"]
    told = [q for q in done.questions if q.verdict != "refused"]
    if not asked and not told:
        return COULD_NOT_JUDGE, "nothing could be judged"
    if chosen.fail_on != "never":
        bar = SEVERITIES.index(chosen.fail_on)  # type: ignore[arg-type]
        over = [f for f in fired if f.severity is not None and SEVERITIES.index(f.severity) <= bar]
        if over:
            return 1, f"{len(over)} finding{'s' if len(over) > 1 else ''} at or above {chosen.fail_on}"
    return 0, f"nothing at or above {chosen.fail_on}"


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - began, 3)


class Inspected:
    """What `trainloud.inspect` returns: the inspection as objects, shown as a page in a notebook."""

    def __init__(self, inspection: Inspection):
        self.inspection = inspection

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inspection, name)

    def __repr__(self) -> str:
        return inspection_text.plain(self.inspection)

    def _repr_html_(self) -> str:
        return inspection_html.notebook(self.inspection)

    def save(self, out: str | Path) -> Path:
        """Write findings.json, inspection.json and report.html into a folder; gives the report's path."""
        save(self.inspection, Path(out))
        return Path(out) / "report.html"


def inspect(
    data: Any,
    *,
    target: str = "",
    val: Any = None,
    test: Any = None,
    probes: bool = True,
    cache: bool = True,
    limits: Limits | None = None,
    select: tuple[str, ...] = (),
    **said: Any,
) -> Inspected:
    """Inspect data before any network is trained on it.

    `data`, `val` and `test` are paths, "module:attribute", torch Datasets, `datasets` objects, data frames or arrays.
    `said` takes the further fields of `Asked` (kind, task, time, group, header, separator, encoding, labels).
    Raises trainloud.data.dataset.SourceError where the data cannot be read as asked.
    """
    limits = limits or Limits(os.cpu_count() or 2)
    limits = replace(limits, cache=(limits.cache or default_folder()) if cache else "")
    options = Options(data, val, test, Asked(target=target, **said), limits, probes, select=select, quiet=True)
    with counted(Console(file=sys.stderr, highlight=False)) as tell:
        return Inspected(inspected(options, tell))
