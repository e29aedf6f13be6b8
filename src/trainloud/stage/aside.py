"""Experiments on the script's own objects, in a forked copy of the process: nothing they do can be felt by the script.

A network's forward may print, count, log or keep things anywhere. In a fork all of that happens to a copy of the
memory, with the standard streams closed off and one thread (as in the workers of a DataLoader). Where forking is
not possible, once CUDA is in use or outside Linux, the work runs in place and the random state is put back.
"""

import json
import os
import selectors
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch

from trainloud.core.records import Unseen
from trainloud.core.trace import line_of
from trainloud.stage.reach import several_processes
from trainloud.stage.replica import random_state_kept

LIMIT = 20  # seconds that a copy may take
Work = Callable[[], Sequence[Any]]


class _Running:
    def __init__(self, process: int, pipe: int):
        self.process, self.pipe = process, pipe
        self.text = b""
        self.until = time.monotonic() + LIMIT


class Aside:
    """Runs work aside and hands over the lines of its records when they are there, without waiting for it."""

    def __init__(self, receive: Callable[[str], None]):
        self._receive = receive
        self._running: list[_Running] = []
        self._told = False
        self._reading = threading.Lock()

    def do(self, work: Work) -> None:
        """`work` returns records; an exception that it raises is lost, so it must report its own failures."""
        if several_processes():
            if not self._told:
                self._told = True
                self._receive(
                    line_of(Unseen("no experiments: a forward of one process alone could disturb the others"))
                )
            return
        if not sys.platform.startswith("linux") or torch.cuda.is_initialized():
            with random_state_kept():
                for record in work():
                    self._receive(line_of(record))
            return
        reading, writing = os.pipe()
        process = _fork()
        if process == 0:
            os.close(reading)
            _as_copy(work, writing)
        os.close(writing)
        os.set_blocking(reading, False)
        self._running.append(_Running(process, reading))

    def poll(self) -> None:
        """Take what has arrived; one thread at a time."""
        if self._reading.acquire(blocking=False):
            try:
                for running in list(self._running):
                    self._read(running)
            finally:
                self._reading.release()

    def wait(self) -> None:
        """Wait for all that is under way; copies that take too long are ended."""
        while self._running:
            with selectors.DefaultSelector() as selector:
                for running in self._running:
                    selector.register(running.pipe, selectors.EVENT_READ)
                selector.select(timeout=0.2)
            self.poll()

    def forget(self) -> None:
        """In a forked child: what runs belongs to the parent."""
        self._running = []
        self._reading = threading.Lock()

    def _read(self, running: _Running) -> None:
        over = time.monotonic() > running.until
        try:
            while piece := os.read(running.pipe, 1 << 16):
                running.text += piece
        except BlockingIOError:
            if not over:
                return
        self._running.remove(running)
        os.close(running.pipe)
        _end(running.process, over)
        for line in running.text.decode(errors="replace").splitlines():
            if _whole(line):
                self._receive(line)


def _fork() -> int:
    """os.fork without Python 3.12's warning of threads, which the script may show or raise.

    The list of filters is changed in place: `warnings` then forgets nothing of what it has shown.
    """
    quiet = ("ignore", None, DeprecationWarning, None, 0)
    warnings.filters.insert(0, quiet)  # type: ignore[attr-defined]
    try:
        return os.fork()
    finally:
        warnings.filters.remove(quiet)  # type: ignore[attr-defined]


def _end(process: int, kill: bool) -> None:
    try:
        if kill:
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    except (ChildProcessError, ProcessLookupError):  # the script reaps every child itself
        return


def _whole(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _as_copy(work: Work, pipe: int) -> None:
    """In the forked copy: do the work, write its records, and vanish without any clean-up of the script's."""
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        torch.set_num_threads(1)
        with os.fdopen(pipe, "w", encoding="utf-8") as out:
            for record in work():
                out.write(line_of(record) + "\n")
    finally:
        os._exit(0)
