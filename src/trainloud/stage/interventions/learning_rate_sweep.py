"""The learning rate grows exponentially from step to step: `learning-rate-sweep=1e-7..1/200`, over 200 steps.

Source: Smith (2017), "Cyclical Learning Rates for Training Neural Networks", section 3.3.
"""

from typing import Any

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str):
        """Raises ValueError for a value of another form."""
        ends, _, steps = value.partition("/")
        low, _, high = ends.partition("..")
        self._low, self._high, self._steps = float(low), float(high), int(steps)
        if not 0 < self._low < self._high or self._steps < 2:
            raise ValueError(f"a sweep rises from a rate above zero over two steps or more, not {value!r}")
        self._step = 0

    def install(self, treated: Treated) -> None:
        treated.before_step(self._before)

    def rate(self, step: int) -> float:
        part: float = min(step / (self._steps - 1), 1.0)
        return float(self._low * (self._high / self._low) ** part)

    def _before(self, optimizer: Any) -> None:
        for group in optimizer.param_groups:
            group["lr"] = self.rate(self._step)
        self._step += 1

    def report(self) -> tuple[bool, str]:
        reached = self.rate(max(self._step - 1, 0))
        return self._step > 1, f"the rate rose from {self._low:.3g} to {reached:.3g} over {self._step} steps"
