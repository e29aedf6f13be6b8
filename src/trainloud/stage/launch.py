"""Starts the person's command as they would have, watched, and waits for it."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

BOOT = Path(__file__).resolve().parent / "boot"


@dataclass(frozen=True)
class Ending:
    """How the process ended: its exit code as a shell reports it (128 + signal where a signal killed it)."""

    code: int
    signal: int | None


def run(command: Sequence[str], folder: Path, environment: dict[str, str] | None = None) -> Ending:
    """Run `command` with the terminal's own streams, traces going to `folder`.

    An interrupt from the terminal reaches the process by itself, so it is ignored here; a termination is
    passed on. Raises OSError when the command cannot be started.
    """
    process: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if process is not None:
            process.send_signal(number)

    before = {signal.SIGINT: signal.getsignal(signal.SIGINT), signal.SIGTERM: signal.getsignal(signal.SIGTERM)}
    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        process = subprocess.Popen(list(command), env=_environment(folder, environment))
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return Ending(128 - code, -code) if code < 0 else Ending(code, None)


def _environment(folder: Path, extra: dict[str, str] | None) -> dict[str, str]:
    environment = {**os.environ, **(extra or {})}
    environment["TRAINLOUD_RUN"] = str(folder)
    path = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = os.pathsep.join([str(BOOT), *([path] if path else [])])
    return environment


def python_command(arguments: Sequence[str]) -> list[str]:
    """The interpreter that runs trainloud, with the person's arguments."""
    return [sys.executable, *arguments]
