"""What a run leaves behind: one frozen dataclass a kind of observation, one JSON line each in a trace.

Conventions: `step` is the index of the optimiser step that the observation precedes (from 0, over all
optimisers of the run); `phase` is "train" where gradients were on and "eval" where they were off;
`network` numbers the trained networks in the order of their first forward, a network being a module
called from outside any other module; tensors are described, never stored whole.
"""

from dataclasses import dataclass

from trainloud.core.place import Place


@dataclass(frozen=True)
class Start:
    """The first line of a trace."""

    command: tuple[str, ...]
    """The script and its arguments as typed."""
    directory: str
    python: str
    torch: str
    device: str
    """The accelerator's name, or "cpu"."""
    process: int
    rank: int = 0


@dataclass(frozen=True)
class Tensor:
    """A description of one tensor; the numbers are over its finite elements."""

    name: str
    """The argument's position or keyword, or what it is."""
    shape: tuple[int, ...]
    dtype: str
    """Without the leading "torch."."""
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    std: float | None = None
    nan: int = 0
    inf: int = 0
    """Elements that are +inf or -inf."""
    negative_inf: int = 0


@dataclass(frozen=True)
class Origin:
    """One operation through which a tensor was made, nearest first in a provenance; shape changes are left out."""

    op: str
    """Autograd's name in lower case without "Backward0": softmax, relu, sigmoid, addmm, convolution ..."""
    where: Place | None = None


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
class Optimizer:
    optimizer: int
    step: int
    kind: str
    where: Place | None
    """Where it was made."""
    uids: tuple[int, ...]
    """Parameters that it holds."""
    settings: dict[str, float]
    """Numeric defaults: lr, weight_decay, momentum, beta1, beta2, eps."""
    stateful: bool
    """It keeps moments: anything but plain SGD without momentum."""
    gradless: int = 0
    """Of its parameters, those without a gradient (None) at this step."""


@dataclass(frozen=True)
class IdleOptimizer:
    """An optimiser that was made and never stepped; written at the end."""

    optimizer: int
    kind: str
    where: Place | None
    uids: tuple[int, ...]
    made: int
    """The step before which it was made."""


@dataclass(frozen=True)
class Scheduler:
    """A learning-rate schedule; written when made and again at the end."""

    scheduler: int
    kind: str
    where: Place | None
    optimizer: int
    calls: int
    """Calls of step() by the person's code so far."""
    step: int
    horizon: float | None
    """T_max, total_steps or step_size, by kind; in calls."""
    first_call_step: int | None = None


@dataclass(frozen=True)
class Step:
    """One optimiser step."""

    index: int
    seconds: float
    """Since the start of the process."""
    optimizer: int
    loss: float | None
    """Value at the last backward before this step, as the script computed it."""
    backwards: int
    """Calls of backward since the step before."""
    discarded: int
    """Of these, calls whose gradients were cleared before any optimiser used them."""
    rates: tuple[float, ...]
    """Learning rate of each parameter group."""
    clip: tuple[float, float] | None = None
    """(limit, total gradient norm before clipping), where clip_grad_norm_ ran."""
    epoch: int = -1
    """Count of the training loader's iterations; -1 without a loader."""
    scaled: bool = False
    """A GradScaler drove this step."""


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


@dataclass(frozen=True)
class Frames:
    """Fingerprints of the single time steps of a batch of float sequences; for the first batches of each phase."""

    network: int
    phase: str
    passage: int
    iteration: int
    axis: int
    """The axis along which the frames were cut: 1 or 2."""
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
class Retained:
    """Losses after whose backward the graph was kept alive."""

    step: int
    tracked: int
    alive: int
    where: Place | None


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
class Unseen:
    """Something that could not be observed, and why."""

    what: str
    where: Place | None = None


@dataclass(frozen=True)
class End:
    """The last line of a trace of a process that ended by itself."""

    seconds: float
    steps: int
    exception: str = ""
    forwards: int = 0
    backwards: int = 0
    moved: bool | None = None
    """Some trainable parameter changed its value during the run; None if none was seen."""
