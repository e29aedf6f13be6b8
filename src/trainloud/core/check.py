"""One question about one fault."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from trainloud.core.experiment import Experiment
from trainloud.core.finding import Basis, Finding, Severity
from trainloud.core.trace import Trace


class Runs(Mapping[str, Trace]):
    """The traces that a check judges: the watched run, and counterfactual runs by the name of the experiment."""

    def __init__(
        self,
        watched: Trace,
        counterfactual: Mapping[str, Trace] | None = None,
        failed: Mapping[str, str] | None = None,
    ):
        self.watched = watched
        self.failed = dict(failed or {})
        """Experiments without a sound run, and why: it failed, its treatment did not take, no budget was left."""
        self._others = dict(counterfactual or {})

    def __getitem__(self, name: str) -> Trace:
        return self._others[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._others)

    def __len__(self) -> int:
        return len(self._others)

    def why_not(self, *names: str) -> str:
        """Why one of these experiments gave nothing to judge by; "not asked" if it was never run."""
        missing = [n for n in names if n not in self]
        return next((f"{n}: {self.failed[n]}" for n in missing if n in self.failed), "the experiment was not run")


@dataclass(frozen=True)
class Check:
    """A fault of the catalogue and how to tell it.

    `judge` is pure: the same traces give the same finding. `symptoms` names the faults that this one
    explains: where both fire, they are folded under it.
    """

    fault: str
    severity: Severity
    basis: Basis
    judge: Callable[[Runs], Finding]
    symptoms: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """Names of the interventions whose runs `judge` may read; none for a passive check."""
    asks: Callable[[Runs], Sequence[Experiment]] | None = None
    """The experiments that it still wants, given the runs so far: none while nothing speaks for its fault."""


SECTIONS = ("Why it matters", "Remedy", "Known limits", "Source")


class Explanation:
    """The docstring of a check's module, taken apart: question first, then the named sections."""

    def __init__(self, docstring: str):
        self.text = docstring.strip()

    @cached_property
    def question(self) -> str:
        return " ".join(self.text.split("\n\n", 1)[0].split())

    def section(self, name: str) -> str:
        """The text under `name:` up to the next section, on one line; empty if there is none."""
        others = "|".join(re.escape(s) for s in SECTIONS)
        found = re.search(rf"^{re.escape(name)}:\s*(.*?)(?=^(?:{others}):|\Z)", self.text, re.M | re.S)
        return " ".join(found.group(1).split()) if found else ""
