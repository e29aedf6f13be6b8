"""No weight decay in any parameter group of any optimiser."""

from typing import Any

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str = ""):
        self._off = 0.0

    def install(self, treated: Treated) -> None:
        treated.before_step(self._before)

    def _before(self, optimizer: Any) -> None:
        for group in optimizer.param_groups:
            if group.get("weight_decay"):
                self._off = max(self._off, float(group["weight_decay"]))
                group["weight_decay"] = 0.0

    def report(self) -> tuple[bool, str]:
        return self._off > 0, f"a weight decay of {self._off:.3g} was switched off"
