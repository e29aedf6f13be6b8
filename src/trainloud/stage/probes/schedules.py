"""Learning-rate schedules: when they are stepped, against the horizon that they were given."""

import weakref
from typing import Any

from torch.optim import lr_scheduler as module

from trainloud.core.place import Place
from trainloud.core.records import Scheduler
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub
from trainloud.stage.patches import Ids, Patches

MOST_VALUES = 100  # given to a schedule that follows a measurement
HORIZONS = ("T_max", "total_steps", "step_size", "T_0", "total_iters")


class _Known:
    def __init__(self, scheduler: Any, where: Place | None, step: int, optimizer: int):
        self.ref = weakref.ref(scheduler)
        self.optimizer = optimizer
        self.kind = type(scheduler).__name__
        self.where, self.step = where, step
        self.calls = 0
        self.first: int | None = None
        self.last: int | None = None
        self.early = 0
        self.loaded = False
        self.mode = str(getattr(scheduler, "mode", "")) if self.kind == "ReduceLROnPlateau" else ""
        self.measured: list[float] = []
        count = getattr(scheduler, "last_epoch", 0)
        self.start = int(count) if isinstance(count, (int, float)) else 0
        self.horizon = next(
            (float(v) for h in HORIZONS if isinstance(v := getattr(scheduler, h, None), (int, float))), None
        )
        milestones = getattr(scheduler, "milestones", None)
        if self.horizon is None and milestones and self.kind == "MultiStepLR":
            self.horizon = float(max(milestones))


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._ids = Ids()
        self._known: dict[int, _Known] = {}
        self._depth = 0

    def install(self, patches: Patches) -> None:
        for kind in {v for v in vars(module).values() if isinstance(v, type) and issubclass(v, module.LRScheduler)}:
            if "__init__" in vars(kind):
                patches.around(kind, "__init__", self._making)
            if "step" in vars(kind):
                patches.around(kind, "step", self._stepping)
            if "load_state_dict" in vars(kind):
                patches.around(kind, "load_state_dict", self._loading)

    def _making(self, original: Any) -> Any:
        def __init__(scheduler: Any, *args: Any, **kwargs: Any) -> None:
            self._depth += 1
            try:
                original(scheduler, *args, **kwargs)
            finally:
                self._depth -= 1
            if not self._depth:
                self._note(scheduler)

        return __init__

    def _note(self, scheduler: Any) -> None:
        """Schedules that this one drives are its parts, not the person's to step."""
        for part in getattr(scheduler, "_schedulers", ()):
            self._known.pop(self._ids.of(part), None)
        optimizer = getattr(scheduler, "optimizer", None)
        number = -1 if optimizer is None else self._hub.optimizers.of(optimizer)
        self._known[self._ids.of(scheduler)] = _Known(scheduler, persons_line(), self._hub.step, number)

    def _stepping(self, original: Any) -> Any:
        def step(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            self._depth += 1
            try:
                return original(scheduler, *args, **kwargs)
            finally:
                self._depth -= 1
                known = self._known.get(self._ids.of(scheduler))
                if known is not None and not self._depth:
                    known.calls += 1
                    known.last = self._hub.step
                    known.early += self._hub.step == known.step
                    if known.first is None:
                        known.first = self._hub.step
                    if known.mode and len(known.measured) < MOST_VALUES:
                        self._hub.safely("schedules", _measure, known, *args, *kwargs.values())

        return step

    def _loading(self, original: Any) -> Any:
        def load_state_dict(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            known = self._known.get(self._ids.of(scheduler))
            if known is not None:
                known.loaded = True
            return original(scheduler, *args, **kwargs)

        return load_state_dict

    def step_end(self, optimizer: Any) -> None:
        if self._hub.step and self._hub.step & (self._hub.step - 1) == 0:
            self.finish()

    def finish(self) -> None:
        for number, k in self._known.items():
            self._hub.write(
                Scheduler(number, k.kind, k.where, k.optimizer, k.calls, k.step, k.horizon, k.first, k.start, k.loaded,
                          k.early, k.last, k.mode, tuple(k.measured))
            )  # fmt: skip


def _measure(known: _Known, value: Any, *_: Any) -> None:
    """The schedule has just read the value itself, so that reading it waits for nothing."""
    known.measured.append(float(value))
