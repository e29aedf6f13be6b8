"""What `trainloud inspect` found: all that a report shows, without the data at hand."""

from dataclasses import dataclass, field
from typing import Literal

from trainloud.core.answer import Answer
from trainloud.core.example import Exhibit
from trainloud.core.finding import Finding

Kind = Literal["images", "table", "text", "characters", "series"]
Task = Literal["classes", "number", "forecast", "segmentation", "none"]


@dataclass(frozen=True)
class Recognised:
    """What the data was taken for: said to the person, who may overrule it with a flag."""

    kind: Kind
    task: Task
    target: str = ""
    """Name of the target column, or "folder" where the class is the folder's name; "" without a target."""
    time: str = ""
    """Name of the column that orders the rows in time; "" if there is none."""
    why: str = ""
    """How it was told, in one or two sentences with numbers."""
    form: str = ""
    """How it is stored ("image folder", "CSV, separator ',', no header", "idx files")."""


@dataclass(frozen=True)
class Axis:
    """One measured or given number of every example, and how it is distributed."""

    name: str
    unit: str
    """What a value of 1 means ("grey levels of 255", "characters"); "" for a column of the person's own."""
    count: int
    """Examples with a finite value."""
    missing: int
    quantiles: tuple[float, ...]
    """Minimum, 1, 5, 25, 50, 75, 95, 99 % and maximum."""
    edges: tuple[float, ...]
    """Edges of the histogram's bins, one more than there are counts."""
    counts: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Split name -> examples a bin."""
    outliers: Exhibit | None = None
    """The examples at its ends, farthest out first; None where no value lies far out."""


@dataclass(frozen=True)
class Inspection:
    """The result of inspecting one data set."""

    command: tuple[str, ...]
    recognised: Recognised
    splits: dict[str, int] = field(default_factory=dict)
    """Split name -> examples."""
    classes: dict[str, dict[str, int]] = field(default_factory=dict)
    """Class name -> split name -> examples; empty without classes."""
    shape: str = ""
    """Size of one example in words ("32 x 32 RGB", "14 columns")."""
    answers: tuple[Finding, ...] = ()
    """One for each inspector, whatever its outcome; with exhibits where one passed and still has something to show (the
    likeliest wrong labels of a set that is not noisy)."""
    findings: tuple[Finding, ...] = ()
    """Fired only, most important first, what one explains folded under it."""
    questions: tuple[Answer, ...] = ()
    axes: tuple[Axis, ...] = ()
    samples: tuple[Exhibit, ...] = ()
    """A few examples of every class, drawn at random with a fixed seed."""
    notes: tuple[str, ...] = ()
    """What was not done, and why (a sample instead of all, a source without a target)."""
    seconds: dict[str, float] = field(default_factory=dict)
    """What was done -> seconds it took."""
    interrupted: bool = False
    exit_code: int = 0
    exit_reason: str = ""
