"""The learning rate of every parameter group: times a factor (`learning-rate=x0.1`), or one value (`=0.001`).

The rate is changed for the time of the step only, so that a schedule goes on as it would.
"""

from typing import Any

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str):
        """Raises ValueError for a value that is no number."""
        self._times = value.startswith("x")
        self._number = float(value.removeprefix("x"))
        self._kept: dict[int, list[Any]] = {}
        self._steps = 0
        self._rates: tuple[float, float] = (0.0, 0.0)

    def install(self, treated: Treated) -> None:
        treated.before_step(self._before)
        treated.after_step(self._after)

    def _before(self, optimizer: Any) -> None:
        kept = self._kept[id(optimizer)] = [g["lr"] for g in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["lr"] = group["lr"] * self._number if self._times else group["lr"] * 0 + self._number
        self._steps += 1
        self._rates = (float(kept[0]), float(optimizer.param_groups[0]["lr"]))

    def _after(self, optimizer: Any) -> None:
        for group, rate in zip(optimizer.param_groups, self._kept.pop(id(optimizer), []), strict=False):
            group["lr"] = rate

    def report(self) -> tuple[bool, str]:
        before, after = self._rates
        return self._steps > 0, f"the rate of {self._steps} steps was changed, last from {before:.3g} to {after:.3g}"
