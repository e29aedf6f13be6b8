"""A process that has imported torch and forks itself for each run: an experiment costs its training, not its imports.

Started by `experiments.laboratory`, with nothing of the current folder on its path. It reads requests, one JSON object
a line, from standard input: modules to preload, runs to start, runs to stop. It writes a line of JSON when it is ready
(at first, and again after preloading) and for each run that is over. It has a single thread, so that its forks are as
sound as fresh processes. They share its hash seed and its unseeded random numbers, so that runs of a script without
seeds can still be compared. When its input closes it kills what runs and ends.
"""

import contextlib
import ctypes
import importlib
import json
import os
import resource
import select
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from typing import Any, TextIO

# Parts of torch that are imported at their first use: the first optimiser of a process costs a second without.
LATE = ("torch._dynamo", "torch.utils.data", "torch.optim.lr_scheduler")
# Trackers and hubs: nothing is uploaded for a run that the person did not start. Some read this at their import.
OFFLINE = {
    "WANDB_MODE": "disabled",
    "WANDB_SILENT": "true",
    "NEPTUNE_MODE": "debug",
    "CLEARML_OFFLINE_MODE": "1",
    "COMET_MODE": "disabled",
    "SWANLAB_MODE": "disabled",
    "TRACKIO_DISABLED": "1",
    "AIM_TRACKING_DISABLED": "1",
    "HF_HUB_OFFLINE": "1",  # what the watched run has fetched is in its cache
}
POLL = 0.02  # seconds between two looks at the clock, memory and children
PAGE = resource.getpagesize()


@dataclass
class _Run:
    name: str
    process: int
    began: float
    until: float
    memory: int
    """Bytes of resident memory that it may take."""
    verdict: str = ""
    """Why it was ended early."""


def serve() -> None:
    """Answer requests until standard input ends."""
    _without_extra_threads()
    os.environ.update(OFFLINE)
    import torch  # noqa: F401

    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what preloaded modules print is not an answer
    running: dict[int, _Run] = {}
    waiting = b""
    _say(out, ready=True)
    try:
        while True:
            ready, _, _ = select.select([0], [], [], POLL if running else None)
            if ready:
                piece = os.read(0, 1 << 16)
                if not piece:
                    return
                *lines, waiting = (waiting + piece).split(b"\n")
                for line in lines:
                    _answer(json.loads(line), running, out)
            for run, code in _over(running):
                seconds = time.monotonic() - run.began
                _say(out, name=run.name, code=code, why=run.verdict, seconds=seconds)
    finally:
        for run in running.values():
            _kill(run.process)


def _without_extra_threads() -> None:
    """Libraries of linear algebra would start theirs on import, and a fork would not have them."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


def _say(out: TextIO, **answer: Any) -> None:
    out.write(json.dumps(answer) + "\n")


def _answer(request: dict[str, Any], running: dict[int, _Run], out: TextIO) -> None:
    if "preload" in request:
        _preload(request["preload"], out)
        _say(out, ready=True)
        return
    if "stop" in request:
        for run in running.values():
            if run.name == request["stop"]:
                run.verdict = request["why"]
                _kill(run.process)
        return
    process = os.fork()
    if process == 0:
        _become(request)
    with contextlib.suppress(OSError):  # done on both sides, so that it is a group before anybody kills it
        os.setpgid(process, process)
    now = time.monotonic()
    running[process] = _Run(request["name"], process, now, now + request["seconds"], request["memory"])


def _preload(names: list[str], out: TextIO) -> None:
    """Import what the watched run imported. Should one start threads or CUDA, begin anew and leave it to the runs."""
    for name in (*LATE, *names):
        if name not in sys.modules and _single():
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    if not (_single() and _may_use_cuda()):
        os.dup2(out.fileno(), 1)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _single() -> bool:
    """Whether a fork of this process is sound as far as threads go."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:  # no /proc: macOS
        return threading.active_count() == 1


def _may_use_cuda() -> bool:
    """Whether a fork of this process could use CUDA, were there any: torch knows in the fork."""
    process = os.fork()
    if process == 0:
        spoilt = True
        try:
            import torch

            spoilt = bool(getattr(torch._C, "_cuda_isInBadFork", lambda: False)())
        finally:
            os._exit(spoilt)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


def _become(request: dict[str, Any]) -> None:
    """In the child: a group of its own, and never back into the server's loop."""
    try:
        os.setpgid(0, 0)
        _die_with_parent()
        from trainloud.stage.replay import replay

        replay(request)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(70)


def _die_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):  # Linux only: PR_SET_PDEATHSIG is 1 in <sys/prctl.h>
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))


def _over(running: dict[int, _Run]) -> list[tuple[_Run, int]]:
    """Runs that have ended, with their exit codes; those over a limit are ended here."""
    ended = []
    for process, run in list(running.items()):
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            del running[process]
            _kill(process)  # what it has started
            ended.append((run, os.waitstatus_to_exitcode(status)))
        elif not run.verdict and time.monotonic() > run.until:
            run.verdict = "it took longer than its share of the time"
            _kill(process)
        elif not run.verdict and _resident(process) > run.memory:
            run.verdict = f"it took more than {run.memory / 2**30:.1f} GiB of memory"
            _kill(process)
    return ended


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


def _resident(process: int) -> int:
    try:
        with open(f"/proc/{process}/statm") as f:
            return int(f.read().split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0
