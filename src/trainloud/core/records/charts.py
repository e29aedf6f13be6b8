"""What an output depends on, found by perturbation."""

from dataclasses import dataclass

from trainloud.core.place import Place


@dataclass(frozen=True)
class Independence:
    """The gradient dependency chart, by perturbation of a copy of the network in evaluation mode."""

    network: int
    step: int
    pairs: tuple[tuple[int, int, bool], ...]
    """(axis of the input, axis of the output, output i stays when all other slices of the input change)."""
    batch_axis: int
    """The axis along which the loader stacked the examples; -1 if unknown."""
    spread: float
    """Largest change of an output slice by the other slices, over the change by its own."""
    ordered: bool
    """Along axis 0, output i changes with inputs before i only (a recurrence runs over the batch)."""
    softmax_axis: int
    """Axis of a softmax over the batch's length inside the forward; -1 if none."""
    softmax_where: Place | None
    full_batch: bool
    """Each training batch so far was the same whole data set."""
    related: bool
    """An argument or buffer relates the examples to each other (an adjacency, an index of edges)."""
    reason: str = ""
    """Why it could not be made; "" if it was."""
    shape: tuple[int, ...] = ()
    """Of the input whose slices were exchanged."""
    output_shape: tuple[int, ...] = ()
    sequence: str = ""
    """A module that takes (time, batch, features) was given this batch's examples along its time axis; "" if none."""
    sequence_where: Place | None = None


@dataclass(frozen=True)
class Foresight:
    """Whether outputs of a network that predicts its own next input depend on what they must predict."""

    network: int
    step: int
    argument: str
    shift: int
    """target[t] equals input[t + shift]."""
    agreement: float
    """Share of targets for which that holds."""
    leak: float
    """Change of the outputs up to t when inputs after t change, over the change when those before change."""
    lag: int
    """How far ahead the nearest seen input lies, in places."""
    reason: str = ""


@dataclass(frozen=True)
class Copying:
    """A sequence network whose targets equal its input place by place: which inputs its outputs depend on.

    Each is the change of one output when only those inputs change, on its own largest scale.
    """

    network: int
    step: int
    argument: str
    agreement: float
    """Share of targets that equal the input at the same place."""
    past: float
    own: float
    future: float


@dataclass(frozen=True)
class Linearity:
    """Whether the network is an affine map of its input: f(a) + f(b) - f(a+b) - f(0)."""

    network: int
    step: int
    residual: float
    """That, over the spread of f; 0 for an affine map."""
    weights: int
    """Weight matrices that one input passes (modules with a weight of two or more axes that ran)."""
    narrowest: int
    """Smallest inner width."""
    input_width: int
    output_width: int


@dataclass(frozen=True)
class Stochastic:
    """A dropout that stayed on while the network's copy ran in evaluation mode."""

    network: int
    step: int
    op: str
    where: Place | None
    change: float
    """Largest difference of two outputs for the same batch, over the spread of the outputs."""
