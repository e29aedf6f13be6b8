"""Which examples entered, and what they looked like at the network's door."""

from dataclasses import dataclass

from trainloud.core.place import Place
from trainloud.core.records.tensors import Tensor


@dataclass(frozen=True)
class Batch:
    """One forward of a network: which examples entered."""

    network: int
    step: int
    phase: str
    training: bool
    """The network's training flag."""
    size: int
    prints: str
    """Fingerprints of the examples (axis 0 of the inputs), base64 of little-endian int64; "" past the cap."""
    passage: int = -1
    """The evaluation pass that it belongs to; -1 in training."""
    iteration: int = -1
    """The loader iteration it was drawn from; -1 if none is known."""
    live: bool = False
    """A dropout (p > 0) or batch norm inside was in training mode."""
    live_dropout: bool = False
    live_batchnorm: bool = False
    finite: bool = True
    """No float input of it held NaN or infinity (boundless masks of -inf alone left out)."""


UNFOLDED = 3
"""Frames are overlapping runs of neighbouring numbers of an example."""


@dataclass(frozen=True)
class Frames:
    """Fingerprints of the single time steps of a batch of float sequences; for the first batches of each phase."""

    network: int
    phase: str
    passage: int
    iteration: int
    axis: int
    """The axis along which the frames were cut, 1 or 2; UNFOLDED for overlapping runs of a few numbers."""
    per: int
    """Frames of one example."""
    prints: str
    """examples x per fingerprints, base64 of little-endian int64; 0 for a frame of equal values."""


@dataclass(frozen=True)
class Door:
    """What entered a network, exactly as it stood before `model(x)`; kept for a few batches of each phase."""

    network: int
    step: int
    phase: str
    tensors: tuple[Tensor, ...]
    columns: tuple[tuple[float, float, float, float], ...]
    """(mean, std, low, high) of each feature (2-D input) or channel (axis 1 of a 3- to 5-D float input)."""
    first_layer: tuple[Tensor, ...]
    """The tensors that entered the network's first layers with a weight (after any normalisation inside the
    network); one for each argument that can be followed."""
    roughness: float | None
    """Image-like input: mean absolute difference of neighbouring pixels over the standard deviation."""
    roughness_as_hwc: float | None
    """The same after reading the memory as height, width, channel."""
    outer: bool
    """No argument came out of another trained network."""
    sample: str = ""
    """First examples of the first float tensor, base64 of little-endian float32."""
    sample_shape: tuple[int, ...] = ()
    leak_column: int = -1
    """The feature that is an exact affine function of the target over the examples seen so far; -1 for none."""
    leak_correlation: float = 0.0
    """The largest absolute correlation of a feature with the target."""


@dataclass(frozen=True)
class Iteration:
    """One iteration over a DataLoader."""

    iteration: int
    loader: int
    where: Place | None
    """Where the loop stands."""
    step: int
    made: Place | None
    """Where the loader was made."""
    dataset: int
    """Identifies the data set object."""
    dataset_length: int | None
    length: int | None
    """Batches it could give."""
    drawn: int
    exhausted: bool
    phase: str
    """train if a backward ran during it, else eval."""
    drop_last: bool
    indices: str = ""
    """Indices in the order drawn, base64 of little-endian int64; "" where unknown or past the cap."""
    backwards: int = 0
    """Calls of backward while it ran."""
    steps: int = 0
    """Optimiser steps from its start to its last draw, or to its end."""


@dataclass(frozen=True)
class Draws:
    """State of a source of random numbers before the first fetch of a process in an iteration, and after it."""

    iteration: int
    """The loader iteration."""
    worker: int
    """The loader's worker process; -1 for the main process."""
    source: str
    """torch, numpy, random, or the name under which the data set holds a generator of its own."""
    before: int
    after: int
    """Digests of the state: equal if no number was drawn."""


@dataclass(frozen=True)
class Table:
    """Columns of the distinct rows that entered a network as a float table, (rows, columns); written at the end."""

    network: int
    phase: str
    rows: int
    """Distinct."""
    means: tuple[float, ...]
    squares: tuple[float, ...]
    """Mean of the square of each column."""
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    levels: tuple[int, ...]
    """Different values of each column, counted up to 64 rows."""
    complete: bool
    """All rows of the run fitted into what is kept."""


@dataclass(frozen=True)
class Answers:
    """Targets (rows) against predictions over the last training losses of a network, up to 64 classes."""

    network: int
    kind: str
    where: Place | None
    calls: int
    confusion: tuple[tuple[int, ...], ...]
    weighted: bool
    """Classes were given weights."""
