"""One run from the command line: start the script, read its trace, judge it, tell."""

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from trainloud.checks.catalogue import catalogue
from trainloud.core.check import Runs
from trainloud.core.trace import Trace, read_run
from trainloud.data.names import inspector_names
from trainloud.experiments.conduct import Conducted, conduct, standard_input
from trainloud.experiments.laboratory import Laboratory, Script
from trainloud.report import github, html, sarif, text
from trainloud.report.progress import progress
from trainloud.report.result import Result, to_contract
from trainloud.settings import Settings, SettingsError, settings
from trainloud.stage.launch import Ending, environment, python_command, run
from trainloud.verdict import judge

WRONG_USE = 2
DOCUMENTS = ("json", "sarif")  # formats for which standard output must hold nothing else


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    script: str
    args: tuple[str, ...] = ()
    module: bool = False
    out: Path | None = None
    form: str = "text"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    quiet: bool = False
    verbose: bool = False
    stop_after: int = 0
    keep_examples: int = 0
    fail_on: str | None = None
    budget: str | None = None
    experiments: bool = True

    @property
    def typed(self) -> tuple[str, ...]:
        return ("-m", self.script, *self.args) if self.module else (self.script, *self.args)


def check(**options: Any) -> int:
    """Watch, experiment and judge; the exit code says what came of it."""
    return _session(Options(**options), own_code=False)


def watch(**options: Any) -> int:
    """Watch and judge; the exit code is the script's."""
    return _session(Options(**options, fail_on="never", experiments=False), own_code=True)


def _session(asked: Options, own_code: bool) -> int:
    console = Console(stderr=True, highlight=False, emoji=False, quiet=asked.quiet)
    try:
        chosen = settings(asked.fail_on, asked.select, asked.ignore, catalogue(), asked.budget, inspector_names())
        command = _command(asked.script, asked.args, asked.module)
    except SettingsError as error:
        Console(stderr=True, highlight=False, emoji=False).print(f"trainloud: {error}", markup=False, soft_wrap=True)
        return WRONG_USE
    with _folder(asked.out) as folder:
        conducted, ending = _runs(asked, command, chosen, console, folder)
        result = judge(asked.typed, conducted, ending, chosen, _trouble(folder / "traces" / "watched"))
        _tell(result, console, asked.form, asked.verbose, asked.quiet)
        if asked.out is not None:
            _save(result, folder)
            if asked.form == "text":
                console.print(f"report: {folder / 'report.html'}", markup=False, soft_wrap=True)
    return ending.code if own_code else result.exit_code


def _runs(
    asked: Options, command: list[str], chosen: Settings, console: Console, folder: Path
) -> tuple[Conducted | None, Ending]:
    """The watched run, and the experiments that its traces ask for; None without a trace."""
    source = Script((asked.script, *asked.args), asked.module, str(Path.cwd()), standard_input(), time.time())
    why = _not_again(asked)
    bench = Laboratory(source, folder) if asked.experiments and not why else None
    _clear(folder / "traces")
    with _ended_in_order(), bench or nullcontext():
        watched = folder / "traces" / "watched"
        began = time.monotonic()
        apart = asked.form in DOCUMENTS and not asked.quiet
        ending = run(command, watched, apart, asked.stop_after, asked.keep_examples)
        traces = read_run(watched)
        if not traces:
            return None, ending
        if bench is None or ending.code or not traces[0].steps:
            why = (why or "the script failed") if asked.experiments and traces[0].steps else ""
            return Conducted(Runs(traces[0]), declined=why), ending
        checks = [e.check for name, e in catalogue().items() if not chosen.select or name in chosen.select]
        given = environment(folder / "traces", asked.stop_after)
        with progress(console, asked.verbose) as tell:
            left = chosen.budget.left(time.monotonic() - began)
            return conduct(bench, traces, checks, left, given, tell), ending


def _clear(traces: Path) -> None:
    """Remove the traces of an earlier session, and nothing else that may stand there."""
    for one in traces.iterdir() if traces.is_dir() else ():
        if one.is_dir() and (any(one.glob("*.jsonl")) or (one / "output.txt").exists() or not any(one.iterdir())):
            shutil.rmtree(one, ignore_errors=True)


def _not_again(asked: Options) -> str:
    """Why a command cannot be run in experiments; "" if it can."""
    if not hasattr(os, "fork"):
        return "experiments need a system that can fork a process"
    return "" if asked.module or Path(asked.script).exists() else "the command of a launcher is not run again"


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """A request to terminate leaves no process and no temporary folder behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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
