"""The experiments of one session, from the watched run to the traces that checks judge."""

import os
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainloud.core.check import Check, Runs
from trainloud.core.experiment import Ran
from trainloud.core.records import End
from trainloud.core.trace import Trace
from trainloud.experiments.laboratory import Laboratory
from trainloud.experiments.plan import Plan, Tell

INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Conducted:
    """What came of the experiments."""

    runs: Runs
    seconds: float = 0.0
    declined: str = ""
    """Why there were none, or no more; "" if all that was asked for could be tried."""
    ran: tuple[Ran, ...] = ()


def conduct(
    laboratory: Laboratory,
    traces: Sequence[Trace],
    checks: Iterable[Check],
    seconds: float,
    environment: Mapping[str, str],
    tell: Tell,
) -> Conducted:
    """Run what the checks ask for, within so many seconds. An interrupt ends it; what is there is judged."""
    watched = traces[0]
    runs = Runs(watched)
    if why := _declined(traces):
        return Conducted(runs, declined=why)
    began = time.monotonic()
    end = watched.last(End)
    if end is not None and end.cuda:
        laboratory.side_by_side(1)  # the script may fill a device's memory
    try:
        if not laboratory.warm_up(end.modules if end else ()):
            return Conducted(runs, declined="the process that runs experiments could not be started")
    except KeyboardInterrupt:
        return Conducted(runs, declined=INTERRUPTED)
    plan = Plan(laboratory, checks, watched, max(seconds - (time.monotonic() - began), 0.0))
    why = ""
    try:
        runs = plan.carry_out(tell, environment)
    except KeyboardInterrupt:
        runs, why = plan.runs(), INTERRUPTED
    return Conducted(runs, time.monotonic() - began, why, tuple(plan.ran))


def _declined(traces: Sequence[Trace]) -> str:
    if sum(bool(t.steps) for t in traces) > 1:
        return "several processes train together: experiments run a script alone"
    if not traces[0].networks:
        return "no network was seen in training"
    return ""


def standard_input() -> tuple[str, int] | None:
    """The file that standard input is, and where in it reading begins; None for a terminal, a pipe or nothing."""
    try:
        if not stat.S_ISREG(os.fstat(0).st_mode):
            return None
        path = Path(f"/proc/{os.getpid()}/fd/0")
        return (str(path.resolve()), os.lseek(0, 0, os.SEEK_CUR)) if path.exists() else None
    except OSError:
        return None
