"""Optimisers, schedules and steps."""

from dataclasses import dataclass

from trainloud.core.place import Place


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
    """Numeric defaults: lr, weight_decay, momentum, beta1, beta2, eps; maximize as 0 or 1."""
    stateful: bool
    """It keeps moments: anything but plain SGD without momentum."""
    gradless: int = 0
    """Of its parameters, those without a gradient (None) at this step."""
    empty: bool = False
    """It had no state of its own (moments, step counters) when it began its first step."""


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
    """T_max, total_steps, step_size or the last milestone, by kind; in calls."""
    first_call_step: int | None = None
    start: int = 0
    """Its count (last_epoch) when it had been made."""
    loaded: bool = False
    """A state was loaded into it."""
    early_calls: int = 0
    """Calls before the first step that any optimiser made after it was made."""
    last_call_step: int | None = None
    mode: str = ""
    """ReduceLROnPlateau: min or max."""
    measured: tuple[float, ...] = ()
    """ReduceLROnPlateau: the values that it was given, the first hundred."""


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
    clip_value: float | None = None
    """Limit of each element, where clip_grad_value_ ran."""


@dataclass(frozen=True)
class Retained:
    """Losses after whose backward the graph was kept alive."""

    step: int
    tracked: int
    alive: int
    where: Place | None


@dataclass(frozen=True)
class Reading:
    """A file with an optimiser's or a schedule's state in it, read by torch.load."""

    step: int
    where: Place | None
    parameters: int
    """Of the optimiser in the file; 0 without one."""
    steps: float
    """Largest step counter in its state; 0 if there is none."""
    elements: int
    """Of the tensors in its state."""
    settings: dict[str, float]
    """Of its first group, named as in Optimizer; lr is the rate before any schedule where that is known."""
    schedule: int
    """Count (last_epoch) of a schedule in the file; -1 without one."""


@dataclass(frozen=True)
class Rounding:
    """What a sampled step did to half-precision weights, over all that the optimiser holds."""

    step: int
    optimizer: int
    dtype: str
    elements: int
    """Looked at, with a gradient other than zero."""
    lost: int
    """Of these, whose bits are the same after the step."""
    update: float
    """Median size of the gradient over the weight among the lost."""
    where: Place | None = None
