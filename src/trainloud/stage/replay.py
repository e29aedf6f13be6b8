"""A forked process becomes the person's script, watched and treated: as `python SCRIPT` but for what is said here.

Standard input is empty or the file that the watched run read, output goes to a log, writing goes to a scratch place,
and the interventions act. The run ends by itself or after its last step.
"""

import atexit
import math
import os
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from trainloud.core.experiment import SAME_FILES
from trainloud.core.records import Treatment
from trainloud.stage import scratch
from trainloud.stage.fork_server import OFFLINE
from trainloud.stage.hub import Hub
from trainloud.stage.install import install
from trainloud.stage.interventions import treat


def replay(request: Mapping[str, Any]) -> None:
    """Run the request's script to its end and leave the process. Never returns.

    Keys: argv (as after `python`), module (argv[0] is one), directory, folder (for the trace), scratch, log, stdin,
    threads, change (interventions), steps (the last one, 0 for no limit), environment, closely (with every probe),
    began (when the watched run did, in seconds since the epoch; 0 if unknown).
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
    _streams(request["log"], request["stdin"])
    os.environ.clear()
    os.environ.update(request["environment"])
    os.environ.update(OFFLINE, TRAINLOUD_RUN=request["folder"], MLFLOW_TRACKING_URI=f"file:{request['scratch']}/mlflow")
    os.chdir(request["directory"])
    torch.set_num_threads(request["threads"])
    kept = [request["folder"], os.path.dirname(request["log"])]
    place = scratch.redirect(Path(request["scratch"]), kept, request["began"] or math.inf)
    hub = install(counterfactual=not request["closely"])
    hub.add(_Files(hub, place))
    hub.last_step = request["steps"] or hub.last_step
    argv = treat(hub, request["change"], list(request["argv"]))
    _leave(_run(argv, request["module"]))


class _Files:
    """Says at the end whether the run read what the watched run had left behind: then it did not start as that did."""

    def __init__(self, hub: Hub, place: scratch.Scratch):
        self._hub, self._place = hub, place

    def finish(self) -> None:
        """A probe's event."""
        if self._place.stale:
            self._hub.write(
                Treatment(SAME_FILES, False, f"it read {self._place.stale}, which the watched run had written")
            )


def _streams(log: str, stdin: Sequence[Any] | None) -> None:
    """`stdin` is (path, offset) of a file that the watched run read from, or None."""
    source = os.open(stdin[0] if stdin else os.devnull, os.O_RDONLY)
    if stdin:
        os.lseek(source, stdin[1], os.SEEK_SET)
    os.dup2(source, 0)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115


def _run(argv: list[str], module: bool) -> int:
    """The exit code that python would have given."""
    sys.argv = argv
    sys.orig_argv = [sys.executable, *(["-m"] if module else []), *argv]
    try:
        if module:
            _first_on_path(os.getcwd())
            runpy._run_module_as_main(argv[0])  # type: ignore[attr-defined]
        else:
            _run_file(argv[0])
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _first_on_path(folder: str) -> None:
    if not sys.flags.safe_path:
        sys.path.insert(0, folder)


def _run_file(path: str) -> None:
    path = os.path.abspath(path)  # as python's own __file__
    main = ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=__builtins__, __spec__=None, __annotations__={})
    sys.modules["__main__"] = main
    _first_on_path(os.path.dirname(os.path.realpath(path)))
    with open(path, "rb") as f:
        exec(compile(f.read(), path, "exec", dont_inherit=True), main.__dict__)


def _leave(code: int) -> None:
    """What the interpreter does at its end, without the memory's tidying up."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    os._exit(code)
