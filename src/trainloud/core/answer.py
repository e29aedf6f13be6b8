"""What a question about the data was answered: a cheap experiment with a number, its interval and what follows."""

from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["yes", "no", "undecided", "refused"]


@dataclass(frozen=True)
class Prediction:
    """What an answer lets one expect of a later step; the ledger confirms or refutes it."""

    ingredient: str
    """The one change, in the words of the ingredients ("input-size=16", "augmentation=flip", "pooling=average")."""
    metric: str
    """What it is expected to move ("validation accuracy")."""
    direction: Literal["up", "down", "none"]
    low: float
    """Smallest expected change of the metric, in its own unit; negative is a loss."""
    high: float


@dataclass(frozen=True)
class Point:
    """One condition of the experiment: a resolution, a window, an order of n-grams."""

    condition: str
    value: float
    low: float
    high: float
    """95 % interval."""
    at: float | None = None
    """Where the condition lies on a numeric axis; None for names."""


@dataclass(frozen=True)
class Answer:
    """The answer to one of the six questions.

    `verdict` says yes or no to `question` as it is worded; "undecided" if the interval holds both; "refused" if the
    probe itself is not clearly above the best constant, so that nothing it says can be trusted.
    """

    name: str
    """The question's file ("local-or-global")."""
    question: str
    verdict: Verdict
    statement: str
    """One sentence with its number and interval."""
    follows: str
    """What to do about it."""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    """The number that decides, with its 95 % interval."""
    unit: str = ""
    """What `value` is ("share of the probe's accuracy above chance that is kept")."""
    points: tuple[Point, ...] = ()
    """All conditions that were measured, in order."""
    axis: str = ""
    """What the points run over, with its unit ("side of the picture in pixels")."""
    metric: str = ""
    """What the points measure ("accuracy", "R squared", "bits a character")."""
    chance: float | None = None
    """The metric of the best constant."""
    whole: float | None = None
    """The metric of the probe on the data as it is."""
    predictions: tuple[Prediction, ...] = ()
    evidence: dict[str, Any] | None = None
    seconds: float = 0.0
