"""Looks at what a network depends on, early and late, as two checks judge them."""

from collections import defaultdict

from trainloud.core.records import Dependence
from trainloud.core.trace import Trace

LEAST_STEP = 8  # optimiser steps before the last look: layers that start at zero let their input through by then


def looks(trace: Trace) -> dict[int, list[Dependence]]:
    """Network -> its looks in order, those that could be made."""
    found: dict[int, list[Dependence]] = defaultdict(list)
    for d in trace.all(Dependence):
        if not d.reason and d.arguments:
            found[d.network].append(d)
    return dict(found)


def late(group: list[Dependence]) -> bool:
    return len(group) >= 2 and group[-1].step >= LEAST_STEP


def reason(trace: Trace) -> str:
    """Why nothing can be said."""
    failed = next((d.reason for d in trace.all(Dependence) if d.reason), "")
    return failed or "no copy of a trained network could be run on a batch of its own"
