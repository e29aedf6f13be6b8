"""Evaluation passes and checkpoints."""

from dataclasses import dataclass

from trainloud.core.place import Place


@dataclass(frozen=True)
class Pass:
    """An evaluation pass: forwards without gradient between two optimiser steps."""

    passage: int
    network: int
    step: int
    where: Place | None
    forwards: int
    examples: int
    training: bool
    """The network's training flag at its first forward."""
    live: bool
    """A dropout (p > 0) or batch norm inside was in training mode."""
    scored: bool
    """Its outputs met targets: a loss function, a comparison or a metric."""
    repeats: int
    """Most forwards that one and the same batch had in it."""
    losses: tuple[tuple[float, int], ...]
    """(mean loss, targets) of each batch, where a loss function ran."""
    corrects: tuple[tuple[int, int], ...]
    """(correct, targets) of each batch, where outputs and class targets are known."""
    figures: tuple[str, ...]
    """Numbers that the script printed after it and before the next pass, as printed."""
    figures_where: Place | None
    confusion: tuple[tuple[int, ...], ...] = ()
    """Targets (rows) against predictions, up to 64 classes."""
    metrics: tuple[tuple[str, float, int, float, Place | None], ...] = ()
    """Metric functions called in it: name, mean over calls, calls, value over all examples at once, where."""


@dataclass(frozen=True)
class Checkpoint:
    """A state dict taken, loaded or saved."""

    step: int
    action: str
    """load or save."""
    where: Place | None
    kind: str
    """Class name of the module, for load."""
    uids: tuple[int, ...]
    """Parameters that the load gave new values."""
    matched: float
    """Share of the module's elements found in the state."""
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    aliased: float
    """Share of the state's tensors that are the live parameters themselves."""
    taken_step: int
    """The step at which an aliased state dict was taken; -1 if unknown."""
    taken_where: Place | None = None
    read_from_file: bool = False
    """A torch.load came before it, with tensors that are not in the state that was loaded here."""


@dataclass(frozen=True)
class Comparison:
    """A prediction made of a network's output meets other values by `==`; in the first passes and sampled steps."""

    network: int
    step: int
    phase: str
    where: Place | None
    how: str
    """How the prediction was made: output (not at all), argmax, extreme (the value of a max), threshold or topk."""
    axis: int
    """Of the argmax; -1 for all elements at once."""
    least: bool
    """An argmin."""
    source: tuple[int, ...]
    """Shape of what the argmax or threshold was taken of; () if unknown or too large."""
    ops: tuple[str, ...]
    """What was done to the output's values before, first to last."""
    prediction: tuple[int, ...]
    other: tuple[int, ...]
    result: tuple[int, ...]
    """Shapes."""
    itself: bool
    """The other values were made of the same forward's output in the same manner."""
    agreement: float
    """Share of equal elements of the result."""
    proper_axis: int
    """Another axis along which there is a prediction for each of the other values; -1 for none."""
    proper: float | None
    """Share of equal elements along it."""
    pairs: bool
    """An axis of length 1 was added on purpose just before."""
    distinct: int
    """Different other values."""
    whole: bool
    """All other values are whole numbers."""
    counting: bool
    """The other values are 0, 1, 2 and so on."""
    fractions: float
    """Share of prediction elements that are no whole numbers."""
    related: bool = False
    """The other values come from the same forward's output."""


@dataclass(frozen=True)
class Threshold:
    """A part of a network's output reaches a loss function or a threshold; in the first passes and sampled steps."""

    network: int
    step: int
    phase: str
    where: Place | None
    slot: str
    """Which tensor of the output, and which part of it."""
    ops: tuple[str, ...]
    """What was done to its values before, first to last."""
    by: str
    """The loss function, or the comparison (gt, ge, lt, le, round)."""
    limit: float | None
    """Of a threshold; None for a loss."""
    low: float
    high: float
    between: float
    """Share of its elements between 0 and the limit."""
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Hits:
    """Predictions that were compared with as many targets by `==` in one evaluation pass."""

    passage: int
    step: int
    correct: int
    count: int
