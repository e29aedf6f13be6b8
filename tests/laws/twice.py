"""Run one program under `python` and under `trainloud watch`, each in its own copy of a folder."""

import fcntl
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from trainloud.core.trace import Trace, read_run

PROGRAMS = Path(__file__).parent / "programs"
TIMEOUT = 120  # seconds, of one program


@dataclass(frozen=True)
class Result:
    code: int
    """As a shell reports it: 128 + n where signal n ended the process."""
    out: str
    err: str


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    fixed = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUNBUFFERED": "", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **fixed, **(extra or {})}


def execute(
    command: Sequence[str],
    folder: Path,
    *,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    act: Callable[[subprocess.Popen[str]], None] | None = None,
    press: bytes = b"",
) -> Result:
    """Run the command in a session of its own.

    Once it has printed "ready", `act` may do something to it, or keys are pressed at its terminal.
    """
    keyboard = terminal = -1
    if press:
        keyboard, terminal = pty.openpty()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(env),
            stdin=terminal if press else subprocess.PIPE,
            stdout=out,
            stderr=err,
            text=True,
            start_new_session=True,
            # after setsid: the terminal becomes the one that this session is controlled by
            preexec_fn=(lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if press else None,
        )
        try:
            if act is not None or press:
                _await_ready(process, out)
            if act is not None:
                act(process)
            if press:
                os.write(keyboard, press)
                process.wait(TIMEOUT)
            else:
                process.communicate(stdin, timeout=TIMEOUT)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            for end in (keyboard, terminal):
                if end >= 0:
                    os.close(end)
        out.seek(0)
        err.seek(0)
        code = process.returncode
        return Result(128 - code if code < 0 else code, out.read(), err.read())


def _await_ready(process: subprocess.Popen[str], out) -> None:
    give_up = time.monotonic() + TIMEOUT
    # pread leaves the offset alone, which the program writes at
    while b"ready\n" not in os.pread(out.fileno(), 1 << 16, 0):
        if process.poll() is not None:
            return
        assert time.monotonic() < give_up, "the program never said that it is ready"
        time.sleep(0.02)


class Bench:
    """Two places with the same path length and the same files, one for each way to run."""

    def __init__(self, base: Path):
        self.plain_home, self.watched_home = base / "plain__", base / "watched"
        self.out = base / "out"
        for home in (self.plain_home, self.watched_home):
            home.mkdir()

    def write(self, name: str, text: str) -> str:
        for home in (self.plain_home, self.watched_home):
            target = home / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(dedent(text))
        return name

    def take(self, program: str) -> str:
        for home in (self.plain_home, self.watched_home):
            shutil.copy(PROGRAMS / program, home / program)
        return program

    def plain(self, *argv: str, **how) -> Result:
        return self._same_names(execute([sys.executable, *argv], self.plain_home, **how), self.plain_home)

    def watched(self, *argv: str, **how) -> Result:
        command = [sys.executable, "-m", "trainloud", "watch", "--quiet", "--out", str(self.out), *argv]
        return self._same_names(execute(command, self.watched_home, **how), self.watched_home)

    def both(self, *argv: str, **how) -> tuple[Result, Result]:
        return self.plain(*argv, **how), self.watched(*argv, **how)

    def same(self, *argv: str, **how) -> Result:
        """Both ways, equal to the letter; returns what plain python did."""
        plain, watched = self.both(*argv, **how)
        assert watched.out == plain.out
        assert without_torch(watched.err) == without_torch(plain.err)
        assert watched.code == plain.code
        return plain

    @staticmethod
    def _same_names(result: Result, home: Path) -> Result:
        return Result(result.code, result.out.replace(str(home), "HOME"), result.err.replace(str(home), "HOME"))

    def traces(self) -> tuple[Trace, ...]:
        return read_run(self.out / "traces" / "watched")


FRAME = re.compile(r'^(?P<indent> *)File "(?P<file>[^"]+)", line \d+')
TORCH = re.compile(r"/(torch|lightning|transformers)/")


WRAPPERS = re.compile("importlib_bootstrap_of_trainloud")


def without_torch(text: str, wrappers: bool = False) -> str:
    """The text without traceback frames inside torch's own files, and with `wrappers` those around its functions.

    Hooks make torch take another branch inside `_call_impl`, so its line numbers may differ; which of the
    person's lines stand in the traceback, and in which order, may not.
    """
    kept, skipping = [], None
    for line in text.splitlines():
        frame = FRAME.match(line)
        if frame:
            left_out = TORCH.search(frame["file"]) or (wrappers and WRAPPERS.search(frame["file"]))
            skipping = len(frame["indent"]) if left_out else None
        elif skipping is not None and len(line) - len(line.lstrip()) <= skipping:
            skipping = None
        if skipping is None:
            kept.append(line)
    return "\n".join(kept)
