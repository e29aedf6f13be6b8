"""How a process began and ended, and what could not be seen."""

from dataclasses import dataclass

from trainloud.core.place import Place


@dataclass(frozen=True)
class Start:
    """The first line of a trace."""

    command: tuple[str, ...]
    """The script and its arguments as typed."""
    directory: str
    python: str
    torch: str
    device: str
    """The accelerator's name, or "cpu"."""
    process: int
    rank: int = 0


@dataclass(frozen=True)
class Unseen:
    """Something that could not be observed, and why."""

    what: str
    where: Place | None = None


@dataclass(frozen=True)
class End:
    """The last line of a trace of a process that ended by itself."""

    seconds: float
    steps: int
    exception: str = ""
    forwards: int = 0
    backwards: int = 0
    moved: bool | None = None
    """Some trainable parameter changed its value during the run; None if none was seen."""
    modules: tuple[str, ...] = ()
    """Installed modules that were imported, in that order."""
    cuda: bool = False
    """CUDA was in use."""


@dataclass(frozen=True)
class Treatment:
    """What an intervention says of itself at the end of a counterfactual run."""

    name: str
    """As it was asked for: `learning-rate=x0.1`."""
    took: bool
    """It really changed what it was to change, and nothing stood in its way."""
    measured: str
    """How that was seen."""


@dataclass(frozen=True)
class Seeded:
    """The script fixed a source of random numbers."""

    source: str
    """torch, numpy or python."""
    value: int
    where: Place | None


@dataclass(frozen=True)
class Flags:
    """The options that the script's own parser knows, and what they were."""

    parser: str
    """argparse, click, fire or hydra."""
    options: tuple["Flag", ...]


@dataclass(frozen=True)
class Flag:
    name: str
    """As typed: `--hidden-size`, or `model.width` for Hydra."""
    value: str
    kind: str
    """int, float, str, bool."""


@dataclass(frozen=True)
class Choices:
    """Values were drawn from probabilities that are new each time, as actions of a policy; written at the end."""

    steps: int
    """Optimiser steps before which that happened."""
