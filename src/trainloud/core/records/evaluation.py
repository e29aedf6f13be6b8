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
