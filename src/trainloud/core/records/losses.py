"""What reached the loss, in a loss function or by hand."""

from dataclasses import dataclass

from trainloud.core.place import Place
from trainloud.core.records.tensors import Origin, Tensor


@dataclass(frozen=True)
class LossCall:
    """One call of a loss function of torch.nn.functional."""

    step: int
    phase: str
    kind: str
    where: Place | None
    value: float | None
    """Mean over what counted, as the function returned it under mean reduction; None for other reductions."""
    count: int
    """Targets that counted (not ignored), or elements."""
    batch: int
    """Length of axis 0 of the input."""
    labels: str = ""
    """One class or value for each example, base64 of little-endian float32; "" where a target has more elements."""
    correct: int | None = None
    """Classification: examples whose largest output is at the target."""
    passage: int = -1


@dataclass(frozen=True)
class LossSample:
    """A closer look at a loss call, in the probe window."""

    step: int
    phase: str
    kind: str
    where: Place | None
    input: Tensor
    target: Tensor
    origins: tuple[Origin, ...]
    """How the input was made, nearest first, up to 6 operations."""
    row_sums: tuple[float, float] | None
    """Least and greatest sum over the class axis of the input."""
    exp_row_sums: tuple[float, float] | None
    """Least and greatest sum of exp(input) over the class axis."""
    zero_share: float
    """Share of input elements that are exactly zero."""
    outside: float
    """Share of target elements beyond [low, high] of what the last activation can give; 0 if unbounded."""
    ignored: int
    total: int
    """Targets ignored (ignore_index) and targets in all."""
    classes: int
    """Length of the class axis; 0 for losses without one."""
    counts: tuple[int, ...]
    """Targets of each class in this call, for up to 4096 classes."""
    weight: tuple[float, ...]
    """Class weights given to the loss."""
    value: float | None
    best_constant: float | None
    """The same loss of the best constant output on this call's targets."""
    copies: dict[str, float]
    """Shift k -> share of targets that equal the network's integer input k places later; key as text."""
    reduction: str = "mean"
    recentred: float | None = None
    """The same loss of these outputs with only their mean over the examples put right, as another last bias would."""


@dataclass(frozen=True)
class Meeting:
    """A network's output meets another tensor in arithmetic or comparison outside a known loss."""

    step: int
    phase: str
    op: str
    where: Place | None
    output: Tensor
    other: Tensor
    result_shape: tuple[int, ...]
    origins: tuple[Origin, ...]
    outside: float = 0.0
    """As in LossSample, with the other tensor as target."""
    copies: dict[str, float] | None = None
    axis_added: bool = False
    """The person gave the output an axis of length 1 by indexing or unsqueeze: pairs are meant."""


@dataclass(frozen=True)
class Term:
    """A loss that a backward went through, and how much of it."""

    kind: str
    """A loss function of torch.nn.functional, or what was written by hand: "squared error", "absolute error",
    "negative log probability"."""
    value: float | None
    """Mean over the targets that counted; None where it was written by hand inside something else."""
    weight: float
    """Derivative of what backward started from by that mean, without a GradScaler's scale: 1 for the mean as it is,
    1/k for the mean divided by k, the number of targets for a sum, below 0 where the loss is made to rise."""
    count: int
    """Targets that counted, or elements."""
    elements: int
    """Targets with the ignored ones."""
    batch: int
    """Length of axis 0 of the input."""
    reduction: str
    where: Place | None
    step: int
    """The step in which it was computed."""
    order: int
    """How many backwards had begun in the run when it was computed."""
    even: bool = True
    """Each element that has a gradient has the same."""
    silent: float = 0.0
    """Share of elements without any gradient, where the script itself reduced them."""


@dataclass(frozen=True)
class Objective:
    """One backward in a sampled step: what it started from, and the losses that it went through."""

    step: int
    order: int
    """Its place among the backwards since the step before, from 0."""
    number: int
    """Its place among all backwards of the run."""
    where: Place | None
    value: float | None
    """What backward started from, without a GradScaler's scale."""
    terms: tuple[Term, ...]
    nodes: int
    """Nodes of its graph, up to 20,000; 0 where they were not counted."""
    penalty: float | None = None
    """Norm of the gradient that a part of the objective made of weights alone gives to them; None without one."""
    data: float | None = None
    """Norm of the rest of the gradient, over the same weights."""
    penalised: int = 0
    """Elements of these weights."""
    penalty_where: Place | None = None
