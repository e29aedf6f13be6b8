"""Where the gradient of a loss goes, and where it does not."""

from dataclasses import dataclass

from trainloud.core.place import Place
from trainloud.core.records.tensors import Tensor


@dataclass(frozen=True)
class Clip:
    """Errors or losses that were clipped on their way to a backward, at a sampled step.

    Only clips whose result reaches the loss by element-wise operations and sums are looked at.
    """

    step: int
    op: str
    where: Place | None
    shape: tuple[int, ...]
    elements: int
    clipped: int
    """Elements whose size was cut down to the limit."""
    silent: int
    """Of these, elements to which the backward gave a gradient of exactly zero."""
    limit: float
    """Largest size after the clip."""
    largest: float
    """Largest size before it."""
    error_share: float
    """Share of the clipped elements in the sum of squares before the clip."""
    falling: float
    """Share of the elements with a gradient after the clip whose size the loss wants smaller."""
    beside: bool
    """The loss reaches what was clipped by another way too."""


@dataclass(frozen=True)
class Backward:
    """What one backward could reach, at a sampled step."""

    step: int
    where: Place | None
    leaf: bool
    """The loss was not computed from anything that wants a gradient: it is itself a leaf."""
    reached: int
    """Parameters before the loss."""
    alive: int
    """Of these, such as are reached without an operation whose derivative is zero everywhere."""
    dead_op: str = ""
    """That operation; "" for none."""
    dead_where: Place | None = None
    forwards: int = 0
    """Forwards of networks with gradients since the step before."""
    network: int = -1
    network_parameters: int = 0
    """Trainable parameters of the last of these networks."""


@dataclass(frozen=True)
class Divergence:
    """A call of kl_div with gradients, at a sampled step."""

    step: int
    where: Place | None
    input: Tensor
    target: Tensor
    log_target: bool
    row_sums: tuple[float, float] | None
    """Least and greatest sum of the input along its last axis."""
    exp_row_sums: tuple[float, float] | None
    """The same of exp(input)."""


@dataclass(frozen=True)
class Bootstrap:
    """A prediction was compared with data plus a share of another prediction: r + g * V(next)."""

    step: int
    where: Place | None
    network: int
    """Whose prediction was compared."""
    target: int
    """Whose prediction stands in the target."""
    gradient: bool
    """The target carries a gradient."""
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Refresh:
    """A network whose predictions stand in another's targets, some steps after it was first seen there."""

    step: int
    since: int
    network: int
    target: int
    changed: bool
    """Some of its weights have changed since."""
    online_changed: bool
    """Some weights of the network that is trained on those targets have."""
    where: Place | None
