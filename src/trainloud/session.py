"""One run from the command line: start the script, read its trace, judge it, tell."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from trainloud.checks.catalogue import ask, catalogue, vocabulary
from trainloud.core.check import Runs
from trainloud.core.finding import SEVERITIES, Finding
from trainloud.core.trace import Trace, read_run
from trainloud.report import github, html, sarif, text
from trainloud.report.result import Result, order, to_contract
from trainloud.settings import Settings, SettingsError, ignored_in_code, settings
from trainloud.stage.launch import Ending, python_command, run

WRONG_USE, COULD_NOT_JUDGE = 2, 3
DOCUMENTS = ("json", "sarif")  # formats for which standard output must hold nothing else


def check(fail_on: str | None, **options: Any) -> int:
    """Watch and judge; the exit code says what came of it."""
    return _session(fail_on, own_code=False, **options)


def watch(**options: Any) -> int:
    """Watch and judge; the exit code is the script's."""
    return _session("never", own_code=True, **options)


def _session(
    fail_on: str | None,
    own_code: bool,
    module: bool,
    out: Path | None,
    form: str,
    select: Iterable[str],
    ignore: Iterable[str],
    quiet: bool,
    verbose: bool,
    script: str,
    args: tuple[str, ...],
) -> int:
    console = Console(stderr=True, highlight=False, quiet=quiet)
    try:
        chosen = settings(fail_on, select, ignore, catalogue())
        command = _command(script, args, module)
    except SettingsError as error:
        Console(stderr=True, highlight=False).print(f"trainloud: {error}", markup=False, soft_wrap=True)
        return WRONG_USE
    with _folder(out) as folder:
        traces = folder / "traces" / "watched"
        shutil.rmtree(traces, ignore_errors=True)
        ending = run(command, traces, output_to_stderr=form in DOCUMENTS and not quiet)
        typed = ("-m", script, *args) if module else (script, *args)
        result = judge(typed, read_run(traces), ending, chosen, _trouble(traces))
        _tell(result, console, form, verbose, quiet)
        if out is not None:
            _save(result, folder)
            if form == "text":
                console.print(f"report: {folder / 'report.html'}", markup=False, soft_wrap=True)
    return ending.code if own_code else result.exit_code


def _command(script: str, args: tuple[str, ...], module: bool) -> list[str]:
    """What to start: a script or module under this interpreter, or a launcher such as torchrun."""
    if module:
        return python_command(["-m", script, *args])
    if Path(script).exists():
        return python_command([script, *args])
    launcher = shutil.which(script) or shutil.which(str(Path(sys.executable).parent / script))
    if launcher is None:
        raise SettingsError(f"no file {script!r} here, and no such command")
    return [launcher, *args]


@contextmanager
def _folder(out: Path | None) -> Any:
    """The output folder: the one asked for, or one that goes away."""
    if out is not None:
        out = out.absolute()
        out.mkdir(parents=True, exist_ok=True)
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="trainloud-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _trouble(traces: Path) -> str:
    """Why the watch could not be installed, as the process noted it; "" if it could."""
    note = traces / "not-watched.txt"
    lines = note.read_text(errors="replace").strip().splitlines() if note.exists() else []
    return f"the watch could not be installed: {lines[-1]}" if lines else ""


def judge(
    command: tuple[str, ...], traces: tuple[Trace, ...], ending: Ending, chosen: Settings, trouble: str = ""
) -> Result:
    """Ask every check of the catalogue and put the answers in order."""
    trace = traces[0] if traces else None
    answers: list[Finding] = []
    if trace is not None and trace.networks:
        runs = Runs(trace)
        answers = [ask(e, runs) for name, e in catalogue().items() if not chosen.select or name in chosen.select]
    fired = [a for a in answers if a.outcome == "fired"]
    dropped = {f.fault: reason for f in fired if (reason := _dropped(f, chosen)) is not None}
    kept = [f for f in fired if f.fault not in dropped]
    findings = order(kept, {name: e.check.symptoms for name, e in catalogue().items()})
    code, reason = _exit(trace, ending, kept, answers, chosen)
    if code == COULD_NOT_JUDGE and trouble:
        reason = f"nothing was judged: {trouble}"
    suppressed = tuple((f, dropped[f.fault]) for f in fired if f.fault in dropped)
    return Result(command, findings, tuple(answers), code, reason, trace, suppressed)


def _dropped(finding: Finding, chosen: Settings) -> str | None:
    return chosen.ignore.get(finding.fault) or ignored_in_code(finding)


def _exit(
    trace: Trace | None, ending: Ending, fired: list[Finding], answers: list[Finding], chosen: Settings
) -> tuple[int, str]:
    if ending.code:
        how = f"was ended by signal {ending.signal}" if ending.signal else f"exited with code {ending.code}"
        return ending.code, f"the script {how}"
    if trace is None:
        return COULD_NOT_JUDGE, "nothing was judged: the script never trained a PyTorch network that could be watched"
    if not trace.steps:
        return COULD_NOT_JUDGE, "nothing was judged: no optimiser step was seen"
    if not trace.networks:
        return COULD_NOT_JUDGE, f"nothing was judged: no network was seen behind {len(trace.steps)} optimiser steps"
    if all(a.outcome == "unknown" for a in answers):
        return COULD_NOT_JUDGE, "nothing was judged: no check could give an answer"
    if chosen.fail_on != "never":
        bar = SEVERITIES.index(chosen.fail_on)  # type: ignore[arg-type]
        over = [f for f in fired if f.severity is not None and SEVERITIES.index(f.severity) <= bar]
        if over:
            return 1, f"{len(over)} finding{'s' if len(over) > 1 else ''} at or above {chosen.fail_on}"
    return 0, f"nothing at or above {chosen.fail_on}" if chosen.fail_on != "never" else "watched"


def _tell(result: Result, console: Console, form: str, verbose: bool, quiet: bool) -> None:
    if form == "text":
        console.print(f"\n{_watched(result.trace)}\n", style="dim", markup=False, soft_wrap=True)
        text.render(result, console, verbose)
    elif not quiet:
        shown = {
            "json": lambda: json.dumps(to_contract(result), indent=1, allow_nan=False),
            "sarif": lambda: json.dumps(sarif.to_sarif(result, _explanations()), indent=1, allow_nan=False),
            "github": lambda: github.render(result),
        }[form]()
        print(shown, file=sys.stdout, flush=True)


def _watched(trace: Trace | None) -> str:
    """The line that parts the script's output from trainloud's."""
    if trace is None or not trace.steps:
        return "trainloud saw no optimiser step"
    steps = len(trace.steps)
    return f"trainloud watched {steps} optimiser step{'' if steps == 1 else 's'}"


def _save(result: Result, folder: Path) -> None:
    contract = json.dumps(to_contract(result), indent=1, allow_nan=False)
    (folder / "findings.json").write_text(contract + "\n", encoding="utf-8")
    html.write(result, folder / "report.html", _explanations())


def _explanations() -> dict[str, Any]:
    return {name: e.explanation for name, e in catalogue().items()}


def explain(name: str | None, everything: bool) -> int:
    """Print what a check says of itself."""
    console = Console(highlight=False)
    known = catalogue()
    if not name or everything:
        for fault, entry in known.items():
            if everything:
                text.explain_text(entry.explanation, fault, entry.check, console)
            else:
                line = f"{fault:40} {entry.explanation.question}"
                console.print(line, markup=False, overflow="ellipsis", no_wrap=True)
        return 0
    if name not in known and name in vocabulary():
        console.print(f"{name}: {vocabulary()[name]['what']}", markup=False)
        console.print(f"It shows so: {vocabulary()[name]['shows']}", markup=False)
        console.print("trainloud has no check for it yet.")
        return 0
    if name not in known:
        close = [f for f in known if name in f] or [f for f in known if set(name.split("-")) & set(f.split("-"))]
        hint = f"; did you mean {', '.join(close[:4])}?" if close else ""
        Console(stderr=True).print(f"trainloud: no check is named {name!r}{hint}", markup=False)
        return WRONG_USE
    text.explain_text(known[name].explanation, name, known[name].check, console)
    return 0
