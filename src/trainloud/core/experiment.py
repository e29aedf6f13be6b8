"""The script again with one thing changed."""

from dataclasses import dataclass, field

REPETITION = "repetition"
SAME_FILES = "same-files"
"""The treatment of every experiment: it reads no file that the watched run has written, such as a checkpoint."""


@dataclass(frozen=True)
class Experiment:
    """The script again, in a fresh process, with these things changed."""

    change: tuple[str, ...]
    """Interventions, as `name` or `name=value`; none for a plain repetition. More than one only by hypothesis."""
    steps: int = 0
    """Optimiser steps after which the run is cut; 0: as many as the watched run had."""
    question: str = field(default="", compare=False)
    """What the person is told while it runs."""
    routine: bool = field(default=False, compare=False)
    """Asked for without any suspicion: it comes after those that may settle one."""

    @property
    def name(self) -> str:
        return " + ".join(self.change) or REPETITION


@dataclass(frozen=True)
class Ran:
    """One experiment of a session, as it is told."""

    name: str
    question: str
    steps: int
    """Optimiser steps that it made."""
    seconds: float
    trouble: str
    """Why it gave nothing to judge by; "" if it did."""
    treatment: str = ""
    """How it was seen that the change took effect."""
    first_loss: float | None = None
    last_loss: float | None = None
    """Median of the last tenth of its steps."""
