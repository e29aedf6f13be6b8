"""The trained networks: what they are made of, and how their parts behave."""

from dataclasses import dataclass

from trainloud.core.place import Place


@dataclass(frozen=True)
class Parameter:
    uid: int
    """Identifies the tensor over the whole run."""
    name: str
    shape: tuple[int, ...]
    requires_grad: bool
    owner: str
    """Class name of the module that holds it."""
    std: float
    zero: bool
    """Every element is zero at the time of the record."""
    rows_equal: bool
    """At least two rows (axis 0) of two or more elements, and all rows the same."""
    module: str = ""
    """Dotted name of the module that holds it; "" for the network itself."""
    declared: bool = False
    """The person's own code put it there: the nearest module above it that is not torch's own is theirs, or none is."""


@dataclass(frozen=True)
class Module:
    name: str
    kind: str
    """Class name."""
    parameters: int
    """Elements of its own parameters, without children."""
    settings: dict[str, float]
    """p of a dropout, momentum of a batch norm, 1.0 for switches that are on."""
    leaf: bool
    dropout: bool = False
    """A dropout module with p over 0."""
    batchnorm: bool = False


@dataclass(frozen=True)
class Foreign:
    """A trainable module that ran inside a network's forward without being one of its modules."""

    kind: str
    uids: tuple[int, ...]
    training: bool
    """Its training flag."""
    where: Place | None


@dataclass(frozen=True)
class Network:
    """A trained network as it stood at its first forward with gradients."""

    network: int
    step: int
    kind: str
    where: Place | None
    """Where the person's code called it."""
    defined: Place | None
    """Where its class is defined."""
    parameters: tuple[Parameter, ...]
    modules: tuple[Module, ...]
    repeats: tuple[tuple[str, ...], ...]
    """Names under which one and the same module with parameters is registered more than once."""
    unregistered: tuple[tuple[str, int, Place | None], ...]
    """Trainable modules that ran inside the forward but are not among its modules: class, elements, where called."""
    compiled: bool = False
    deterministic: bool = True
    """Without gradient and in evaluation mode, the same batch gave the same output twice in a row."""
    foreign: tuple["Foreign", ...] = ()
    """The unregistered ones again, in the same order."""
    chained: tuple[str, ...] = ()
    """Modules with parameters that ran more than once in one forward, later runs on what earlier ones gave."""


@dataclass(frozen=True)
class ParameterSample:
    uid: int
    network: int
    gradient: float | None
    """Norm of the gradient that the optimiser is about to use; None without a gradient."""
    weight: float
    """Norm of the parameter."""
    update: float | None
    """Norm of the change by this step over the norm of the parameter, on up to 4096 elements."""
    stale: bool
    """It has a gradient, and at no backward since the step before of the optimiser that holds it was that cleared."""
    rows_equal: bool
    held: bool
    """Some optimiser of the run holds it."""
    finite: bool = True


@dataclass(frozen=True)
class GradientSample:
    """All parameters of the trained networks at one sampled optimiser step."""

    step: int
    optimizer: int
    norm: float
    """Global gradient norm."""
    parameters: tuple[ParameterSample, ...]
    after_backward: float | None = None
    """Global gradient norm right after the last backward, before anything else was done to the gradients."""
    where: Place | None = None
    """Where the person's code made the step."""


@dataclass(frozen=True)
class Activation:
    """One rectifier or squashing nonlinearity at a sampled training forward."""

    step: int
    network: int
    order: int
    """Its place among the activations of one forward, from 0."""
    op: str
    where: Place | None
    module: str
    units: int
    """Length of the unit axis: 1 for convolutions, the last otherwise."""
    zero_share: float
    never_active: float
    """Share of units that were zero for all examples of all sampled steps so far."""
    saturated: float
    """sigmoid, tanh: share of elements within 1 % of either end of the range."""
    examples: int
    """Examples behind `never_active`."""
    last: bool = False
    """Its result is the network's output."""
    source: str = ""
    """What its input was made by, as in Origin.op; "" if no gradient goes there."""
    saturated_low: float = 0.0
    """sigmoid, tanh: share of elements within 1 % of the lower end."""


@dataclass(frozen=True)
class NormInput:
    """A batch norm in training mode, in the probe window."""

    step: int
    network: int
    module: str
    batch: int
    per_channel: int
    """Values behind each channel's statistics."""
    biased_by: str
    """The module with a bias whose output enters it directly; "" for none."""
    momentum: float | None = None
    updates: int = -1
    """Batches that its running statistics have seen before this one; -1 if unknown."""
    frozen: bool = False
    """It has a weight and bias, and neither they nor anything in the module around it is trainable."""
    drift: float = 0.0
    """Change of its running mean since the first look, over its running deviation, in the median over channels."""
    away: float = 0.0
    """Distance of its running mean from this batch's, over the batch's deviation, in the median over channels."""
    where: Place | None = None


@dataclass(frozen=True)
class Cut:
    """A place in the graph where the gradient ends although it should not."""

    step: int
    network: int
    kind: str
    """zero-derivative: an operation whose derivative is zero everywhere stands between parameters and loss;
    no-grad: a module ran without gradients inside a forward with gradients;
    detached: a module's output had a gradient function, yet no gradient came back to its parameters;
    call: detach, .data, numpy or the like was called on a tensor with a gradient function."""
    what: str
    where: Place | None
    upstream: tuple[int, ...]
    """Parameters before it (uids)."""
    through_network: bool
    """Trained parameters stand between the cut and the loss."""


@dataclass(frozen=True)
class Prediction:
    """Outputs on one fixed small batch, in evaluation mode, as training goes on."""

    network: int
    step: int
    outputs: tuple[tuple[float, ...], ...]
    """(examples, outputs): up to 8 examples and 16 outputs each."""
    shape: tuple[int, ...]
    """Of the whole output."""
    targets: tuple[float, ...] = ()
    """The class or value that each example should give, where the loss told."""
    loss: str = ""
    """The loss function that judged these outputs; "" if unknown."""


@dataclass(frozen=True)
class NormEval:
    """Batch norms in evaluation mode in a forward without gradient, after training began."""

    network: int
    step: int
    where: Place | None
    norms: int
    fresh: int
    """Of these, such as still hold the statistics that they were made with: mean 0, variance 1."""
    module: str
    """The first of those."""
    trained: bool
    """A backward has reached the network."""


@dataclass(frozen=True)
class DropoutUse:
    """A dropout in a training forward at a sampled step."""

    step: int
    network: int
    where: Place | None
    op: str
    p: float
    on: bool
    around: bool
    """The module that holds or calls it is in training mode and has trainable parameters."""
    output: bool
    """Its result is the network's output."""


@dataclass(frozen=True)
class Latent:
    """A reparametrised sample m + s * noise in a training forward, at a sampled step."""

    step: int
    network: int
    where: Place | None
    shape: tuple[int, ...]
    divergence: float
    """From a standard normal: nats, summed over the last axis, mean over the others."""
    largest: float
    """Of the mean divergences of the single places of the last axis."""
    spread: float
    """Largest standard deviation of m over the examples."""


@dataclass(frozen=True)
class Twins:
    """Two parameters of the same values in the networks, as they were and as they are."""

    step: int
    network: int
    names: tuple[str, str]
    uids: tuple[int, int]
    shape: tuple[int, ...]
    was: str
    """object: once one and the same tensor; values: two tensors with equal values at the first forward."""
    apart: float
    """Largest difference now, over the largest value."""
    moved: bool
    """Both have changed since."""


@dataclass(frozen=True)
class Carried:
    """A recurrent layer began a training forward with exactly the state that an earlier step's forward had left."""

    step: int
    network: int
    module: str
    """Class name of the layer."""
    shape: tuple[int, ...]
    where: Place | None
    continues: bool
    """This batch's first places are what the batch before had to predict at its last: consecutive text."""


@dataclass(frozen=True)
class Recurrence:
    """Recurrent layers ran in two training forwards of successive steps."""

    network: int
    step: int
