"""The learning rate stays what it was at the optimiser's making, or the value given: no schedule has any effect."""

from typing import Any

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str = ""):
        """Raises ValueError for a value that is no number."""
        self._value = float(value) if value else None
        self._steps = self._changed = 0

    def install(self, treated: Treated) -> None:
        treated.before_step(self._before)

    def _before(self, optimizer: Any) -> None:
        self._steps += 1
        for group in optimizer.param_groups:
            rate = self._value
            if rate is None:
                rate = float(group.get("initial_lr", optimizer.defaults.get("lr", group["lr"])))
            self._changed += float(group["lr"]) != rate
            group["lr"] = rate

    def report(self) -> tuple[bool, str]:
        return self._changed > 0, f"the schedule's rate was overruled at {self._changed} of {self._steps} steps"
