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
class Retained:
    """Losses after whose backward the graph was kept alive."""

    step: int
    tracked: int
    alive: int
    where: Place | None
