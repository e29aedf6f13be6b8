"""Starts the person's command as they would have, watched, and waits for it."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BOOT = Path(__file__).resolve().parent / "boot"
PASSED_ON = frozenset({signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)})  # Windows: no SIGHUP
FROM_KERNEL = 0x80  # si_code of a signal that the kernel made, such as the terminal's interrupt (sigaction(2))


@dataclass(frozen=True)
class Ending:
    """How the process ended: its exit code as a shell reports it (128 + signal where a signal killed it)."""

    code: int
    signal: int | None


def run(
    command: Sequence[str], folder: Path, output_to_stderr: bool = False, stop_after: int = 0, examples: int = 0
) -> Ending:
    """Run `command` with the terminal's own streams, traces going to `folder`, and this many examples with them.

    It ends after `stop_after` optimiser steps, or by itself if that is 0. `output_to_stderr` keeps standard output
    free for a document of trainloud's own. Signals that end a program are passed on to it. Raises OSError when the
    command cannot be started.
    """
    streams: dict[str, Any] = {"env": environment(folder, stop_after, examples)}
    streams["stdout"] = sys.stderr if output_to_stderr else None
    if not hasattr(signal, "sigwaitinfo"):
        return _ending(_run_plainly(command, streams))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*PASSED_ON, signal.SIGCHLD})
    try:
        process = subprocess.Popen(
            list(command),
            **streams,
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, before),
        )
        code = _wait(process)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return _ending(code)


def _ending(code: int) -> Ending:
    return Ending(128 - code, -code) if code < 0 else Ending(code, None)


def _run_plainly(command: Sequence[str], streams: dict[str, Any]) -> int:
    """For macOS and Windows, which do not say who sent a signal: the keyboard's interrupt reaches the process by
    itself, anything else is passed on."""
    process: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _frame: Any) -> None:
        if number != signal.SIGINT and process:
            process[0].send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in PASSED_ON}
    try:
        process.append(subprocess.Popen(list(command), **streams))
        return process[0].wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the process, passing on what it would have been sent.

    An interrupt from the terminal's keyboard reaches the whole foreground group, the process included, and
    is the kernel's own; one that somebody sent to trainloud alone is passed on.
    """
    while (code := process.poll()) is None:
        came = signal.sigwaitinfo({*PASSED_ON, signal.SIGCHLD})
        number = signal.Signals(came.si_signo)
        if number in PASSED_ON and not (number == signal.SIGINT and came.si_code == FROM_KERNEL):
            process.send_signal(number)
    signal.sigtimedwait({*PASSED_ON, signal.SIGCHLD}, 0)  # an interrupt that both got must not strike here later
    return code


def environment(folder: Path, stop_after: int = 0, examples: int = 0) -> dict[str, str]:
    """The environment of a process that is watched, as are those that it starts."""
    given = {**os.environ, "TRAINLOUD_RUN": str(folder)}
    if stop_after:
        given["TRAINLOUD_STOP_AFTER"] = str(stop_after)
    if examples:
        given["TRAINLOUD_KEEP_EXAMPLES"] = str(examples)
    path = given.get("PYTHONPATH")
    given["PYTHONPATH"] = os.pathsep.join([str(BOOT), *([path] if path else [])])
    return given


def python_command(arguments: Sequence[str]) -> list[str]:
    """The interpreter that runs trainloud, with the person's arguments."""
    return [sys.executable, *arguments]
