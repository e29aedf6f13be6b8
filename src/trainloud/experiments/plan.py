"""Which experiment next: what a suspicion asks for before routine, what several questions share, the cheap first.

Each check says which experiments it still wants, given the runs so far. As long as time is left, the cheapest of
them starts whenever a place is free; what its run shows may raise or settle further questions.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median

from trainloud.core.check import Check, Runs
from trainloud.core.experiment import Experiment, Ran
from trainloud.core.records import End, Treatment
from trainloud.core.trace import Trace
from trainloud.experiments.laboratory import Laboratory, Outcome

MOST_SECONDS = 120.0  # default for the whole, watched run included
MOST_TIMES = 3.0  # default for the whole, in times of the watched run
SLACK = 4.0  # an experiment may take this many times what it should, before it is ended: others share the cores
START = 3.0  # seconds added to that, for scripts that take hardly any time
NO_TIME = "no time was left in the budget"

Tell = Callable[[str, int], None]
"""Told what is asked now, and how many experiments are done."""


@dataclass(frozen=True)
class Budget:
    """Seconds for everything, or times of the watched run."""

    seconds: float = 0.0
    times: float = 0.0

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """`60s`, `5m` or `3x`. Raises ValueError for anything else."""
        number = float(text[:-1])
        if number < 0 or text[-1:] not in "smx":
            raise ValueError(text)
        return cls(times=number) if text.endswith("x") else cls(seconds=number * (60 if text.endswith("m") else 1))

    def left(self, watched: float) -> float:
        """Seconds for experiments after a watched run of so many."""
        if self.seconds or self.times:
            return max((self.seconds or self.times * watched) - watched, 0.0)
        return max(min(MOST_SECONDS, MOST_TIMES * watched) - watched, 0.0)


class Costs:
    """What an experiment will take, going by the watched run: the time before its first step, and that of its steps."""

    def __init__(self, watched: Trace):
        self._steps = watched.steps
        end = watched.last(End)
        self.whole = end.seconds if end is not None else self._steps[-1].seconds

    def seconds(self, experiment: Experiment) -> float:
        last = len(self._steps) if not experiment.steps else min(experiment.steps, len(self._steps))
        return self.whole if last == len(self._steps) else self._steps[last - 1].seconds


class Plan:
    """The experiments of one session."""

    def __init__(self, laboratory: Laboratory, checks: Iterable[Check], watched: Trace, seconds: float):
        self._laboratory = laboratory
        self._checks = [c for c in checks if c.asks is not None]
        self._watched = watched
        self._costs = Costs(watched)
        self._until = time.monotonic() + seconds
        self._done: dict[str, Trace] = {}
        self._failed: dict[str, str] = {}
        self._steps: dict[str, int] = {}
        self._under_way: set[str] = set()
        self.ran: list[Ran] = []

    def runs(self) -> Runs:
        return Runs(self._watched, self._done, self._failed)

    def carry_out(self, tell: Tell, environment: Mapping[str, str] | None = None) -> Runs:
        """Run experiments until no question is open or the time is over."""
        given = dict(os.environ if environment is None else environment)
        while True:
            wanted = self._wanted()
            while self._laboratory.free and (chosen := self._next(wanted)) is not None:
                self._begin(chosen, given, tell)
            if self._laboratory.idle:
                break
            if time.monotonic() > self._until + START:
                self._laboratory.stop(NO_TIME)
            for outcome in self._laboratory.collect(0.1):
                self._take(outcome)
        for experiment in self._wanted():
            self._failed.setdefault(experiment.name, NO_TIME)
        return self.runs()

    def _begin(self, chosen: Experiment, environment: Mapping[str, str], tell: Tell) -> None:
        tell(chosen.question, len(self.ran) + len(self._under_way))
        self._under_way.add(chosen.name)
        self._steps[chosen.name] = chosen.steps
        left = self._until - time.monotonic()
        self._laboratory.begin(chosen, min(self._costs.seconds(chosen) * SLACK + START, left + START), environment)

    def _take(self, outcome: Outcome) -> None:
        name = outcome.experiment.name
        self._under_way.discard(name)
        self.ran.append(_told(outcome))
        if outcome.trace is not None:
            self._done[name] = outcome.trace
        else:
            self._done.pop(name, None)
            self._failed[name] = outcome.reason

    def _wanted(self) -> list[Experiment]:
        """What checks want that is neither done nor failed nor under way, with the most steps that any asks for."""
        runs = self.runs()
        found: dict[str, Experiment] = {}
        asking: Counter[str] = Counter()
        for check in self._checks:
            for e in check.asks(runs) if check.asks is not None else ():
                if e.name in self._failed or e.name in self._under_way or self._long_enough(e):
                    continue
                other = found.get(e.name, e)
                asking[e.name] += not e.routine
                longer = e if _longer(e, other) else other
                found[e.name] = replace(longer, routine=e.routine and other.routine)
        return sorted(found.values(), key=lambda e: (e.routine, -asking[e.name], self._costs.seconds(e)))

    def _long_enough(self, e: Experiment) -> bool:
        return e.name in self._done and not _longer(e, replace(e, steps=self._steps[e.name]))

    def _next(self, wanted: list[Experiment]) -> Experiment | None:
        left = self._until - time.monotonic()
        for e in list(wanted):
            wanted.remove(e)
            if self._costs.seconds(e) <= left:
                return e
        return None


def _longer(a: Experiment, b: Experiment) -> bool:
    """Whether a asks for more steps than b; 0 is all."""
    return (a.steps == 0 and b.steps != 0) or (b.steps != 0 and a.steps > b.steps)


def _told(outcome: Outcome) -> Ran:
    asked, trace = outcome.experiment, outcome.trace
    if trace is None:
        return Ran(asked.name, asked.question, 0, outcome.seconds, outcome.reason)
    losses = [s.loss for s in trace.steps if s.loss is not None]
    last = median(losses[-max(len(losses) // 10, 1) :]) if losses else None
    how = "; ".join(t.measured for t in trace.all(Treatment))
    return Ran(
        asked.name, asked.question, len(trace.steps), outcome.seconds, "", how, losses[0] if losses else None, last
    )
