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


@dataclass(frozen=True)
class Argument:
    """One tensor given to a network, and what happens to its outputs when it is exchanged for another."""

    name: str
    """Position or keyword."""
    shape: tuple[int, ...]
    dtype: str
    direct: bool
    """Given by itself, not inside a list or dict."""
    varied: bool
    """Its rows differ from one another."""
    rows: bool
    """Its axis 0 has the length of the batch."""
    answer: bool
    """It is what the loss compares outputs with."""
    ignored: bool
    """Every output stayed the same to the last bit when its rows were exchanged, and again when all were put to zero,
    in evaluation mode and in training mode."""
    related: bool = False
    """It relates the examples to one another (an adjacency)."""


@dataclass(frozen=True)
class Dependence:
    """Which arguments the outputs of a network's copy depend on at all, from fixed random numbers."""

    network: int
    step: int
    arguments: tuple[Argument, ...]
    all_ignored: bool
    """The outputs stayed when every argument was exchanged at once."""
    outputs: int
    reason: str = ""


@dataclass(frozen=True)
class Padding:
    """Whether a network's outputs depend on how much padding follows the examples of a batch."""

    network: int
    step: int
    argument: str
    shape: tuple[int, ...]
    value: float
    """What the padded places hold."""
    shortest: int
    longest: int
    """Examples' lengths without padding."""
    change: float
    """Change of the outputs at real places when padding is cut off (or, under a mask, replaced), over their spread."""
    how: str
    """cut: padding at the end was taken away; replaced: it was exchanged while the mask stayed as it was."""
    masked: bool
    """The network was given a mask, or lengths, that tells the padding."""
    recurrent: bool
    attention: bool
    convolution: bool
    pooled: bool
    """The output has one row an example, not one a place."""
    pools: bool = False
    """The outputs of its recurrent layer at places before the last are read too."""


@dataclass(frozen=True)
class Direction:
    """Which steps of a bidirectional recurrent layer's output the network reads."""

    network: int
    step: int
    module: str
    shape: tuple[int, ...]
    backward_end: float
    """Change of the outputs by the backward direction where it has read the whole sequence, over their spread."""
    backward_start: float
    """The same where it has read a single step: at the last place."""
    inner: float
    """The same for both directions at all other places."""


@dataclass(frozen=True)
class PaddedTargets:
    """Class targets that are padded just as the network's input is, in a loss at a sampled step."""

    step: int
    kind: str
    where: Place | None
    shape: tuple[int, ...]
    """(examples, places)."""
    value: int
    """What the padded places of the target hold."""
    padding: int
    """Padded places."""
    left_out: bool
    """The loss ignores that value, or weighs it with zero."""
    given: bool = False
    """The network was given these very targets too: a decoder that is taught on them."""
