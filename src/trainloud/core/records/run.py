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
