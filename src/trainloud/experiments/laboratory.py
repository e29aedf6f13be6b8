"""Where experiments run: forks of a warm process, each in a scratch place, bounded and killed when the tool stops."""

import contextlib
import hashlib
import json
import os
import re
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from trainloud.core.experiment import SAME_FILES, Experiment
from trainloud.core.records import End, Treatment
from trainloud.core.trace import Trace, read_run

MOST_AT_ONCE = 4
MEMORY_SHARE = 0.8  # of what is free when the experiments begin, divided among those at once
LONGEST_NAME = 100  # letters of a folder's name; file systems allow 255
READY_WITHIN = 60.0  # seconds that the warm process may take to import torch
SERVER = "import sys; sys.path[:] = filter(None, sys.path); from trainloud.stage.fork_server import serve; serve()"


@dataclass(frozen=True)
class Script:
    """What is run again."""

    argv: tuple[str, ...]
    """As after `python`; with `module`, the module's name and its arguments."""
    module: bool
    directory: str
    stdin: tuple[str, int] | None = None
    """The file that standard input was, and where in it; None for a terminal or nothing."""
    began: float = 0.0
    """When the watched run began, in seconds since the epoch; 0 if unknown."""


@dataclass(frozen=True)
class Outcome:
    """What came of one experiment: a trace, or why there is none to judge by."""

    experiment: Experiment
    trace: Trace | None
    reason: str
    seconds: float


class Laboratory:
    """The warm process and the runs under way. Use as a context: leaving it kills all that still runs."""

    def __init__(self, script: Script, folder: Path):
        self.script = script
        self.folder = folder
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._cores = cores
        self.side_by_side(MOST_AT_ONCE)
        self._under_way: dict[str, Experiment] = {}
        self._scratch: Path | None = None
        self._count = 0
        self._unread = b""
        self._answers: list[dict[str, Any]] = []
        self._readies = 0
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Laboratory":
        self._scratch = Path(tempfile.mkdtemp(prefix="tl-"))  # short: sockets in it have 108 bytes for their path
        environment = {k: v for k, v in os.environ.items() if k != "TRAINLOUD_RUN"}
        environment["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # asking for CUDA otherwise makes it useless in forks
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # an interrupt at the keyboard is for the script and for us
        )
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        try:
            with contextlib.suppress(OSError):  # what was left to be sent to a server that has ended
                server.stdin.close()  # type: ignore[union-attr]
            server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            pass
        finally:
            server.kill()
            server.wait()
            server.stdout.close()  # type: ignore[union-attr]
            if self._scratch is not None:
                shutil.rmtree(self._scratch, ignore_errors=True)

    def side_by_side(self, most: int) -> None:
        """How many experiments run at once at most, and with how many threads each."""
        self.at_once = max(1, min(most, self._cores))
        asked = os.environ.get("OMP_NUM_THREADS", "")
        self.threads = max(1, min(self._cores // self.at_once, int(asked) if asked.isdecimal() else self._cores))

    @property
    def idle(self) -> bool:
        return not self._under_way

    @property
    def free(self) -> bool:
        return len(self._under_way) < self.at_once

    def warm_up(self, modules: Sequence[str]) -> bool:
        """Have the warm process import what the watched run imported. Whether it is ready."""
        self._send({"preload": list(modules)})
        until = time.monotonic() + READY_WITHIN
        while self._readies < 2 and time.monotonic() < until and self._alive():
            self._receive(0.2)
        return self._readies >= 2

    def begin(
        self, experiment: Experiment, seconds: float, environment: Mapping[str, str], closely: bool = False
    ) -> None:
        """Start an experiment; it is ended after `seconds`. `closely`: with every probe, as the watched run."""
        name = experiment.name
        assert self._scratch is not None
        run = self._place(experiment)
        shutil.rmtree(run, ignore_errors=True)
        self._count += 1
        scratch = self._scratch / str(self._count)
        for folder in (run, scratch):
            folder.mkdir(parents=True, exist_ok=True)
        self._under_way[name] = experiment
        self._send(
            {
                "name": name,
                "argv": list(self.script.argv),
                "module": self.script.module,
                "directory": self.script.directory,
                "folder": str(run),
                "scratch": str(scratch),
                "log": str(run / "output.txt"),
                "stdin": self.script.stdin,
                "began": self.script.began,
                "threads": self.threads,
                "change": list(experiment.change),
                "steps": experiment.steps,
                "environment": dict(environment),
                "closely": closely,
                "seconds": seconds,
                "memory": int(_free_memory() * MEMORY_SHARE / self.at_once),
            }
        )

    def collect(self, seconds: float) -> list[Outcome]:
        """Wait up to `seconds` for experiments to end; those that have."""
        if not self._alive():
            return [self._lost(name) for name in list(self._under_way)]
        if not self._answers:
            self._receive(seconds)
        answers, self._answers = self._answers, []
        return [self._outcome(a) for a in answers if a["name"] in self._under_way]

    def stop(self, why: str) -> None:
        """End all that is under way; `collect` will tell."""
        for name in self._under_way:
            self._send({"stop": name, "why": why})

    def _outcome(self, answer: dict[str, Any]) -> Outcome:
        experiment = self._under_way.pop(answer["name"])
        run = self._place(experiment)
        traces = read_run(run)
        trace = traces[0] if traces else None
        reason = answer["why"] or _trouble(trace, answer["code"], run / "output.txt")
        return Outcome(experiment, None if reason else trace, reason, answer["seconds"])

    def _place(self, experiment: Experiment) -> Path:
        """The folder for its trace and output."""
        name = re.sub(r"[^A-Za-z0-9.]+", "-", experiment.name).strip("-")
        if len(name) > LONGEST_NAME:
            name = f"{name[:LONGEST_NAME]}-{hashlib.sha256(experiment.name.encode()).hexdigest()[:8]}"
        return self.folder / "traces" / name

    def _lost(self, name: str) -> Outcome:
        return Outcome(self._under_way.pop(name), None, "the process that runs experiments has ended", 0.0)

    def _alive(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def _send(self, request: dict[str, Any]) -> None:
        try:
            assert self._server is not None and self._server.stdin is not None
            self._server.stdin.write(json.dumps(request).encode() + b"\n")
            self._server.stdin.flush()
        except OSError:  # it has ended: `collect` says so
            return

    def _receive(self, seconds: float) -> None:
        assert self._server is not None and self._server.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._server.stdout, selectors.EVENT_READ)
            if not selector.select(seconds):
                return
        *lines, self._unread = (self._unread + os.read(self._server.stdout.fileno(), 1 << 16)).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if "ready" in answer:
                self._readies += 1
            else:
                self._answers.append(answer)


def _trouble(trace: Trace | None, code: int, log: Path) -> str:
    """Why a run cannot be judged by; "" if it can."""
    if code:
        lines = [x for x in log.read_text(errors="replace").splitlines() if x.strip()] if log.exists() else []
        return f"it ended with exit code {code}" + (f": {lines[-1][:200]}" if lines else "")
    if trace is None or not trace.steps or trace.last(End) is None:
        return "it made no optimiser step that was seen, or ended without finishing its trace"
    untaken = [t for t in trace.all(Treatment) if not t.took]
    if not untaken:
        return ""
    files = next((t for t in untaken if t.name == SAME_FILES), None)
    if files is not None:
        return f"it did not start as the watched run did: {files.measured}"
    return f"its change did not take effect: {untaken[0].measured}"


def _free_memory() -> int:
    """Bytes that new processes could take."""
    try:
        with open("/proc/meminfo") as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 8 * 2**30
