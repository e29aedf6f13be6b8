"""Gradients are cleared before every backward, whatever the script does."""

from typing import Any

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str = ""):
        self._cleared = 0

    def install(self, treated: Treated) -> None:
        self._hub = treated.hub
        treated.hub.add(self)

    def backward_start(self, loss: Any) -> None:
        """A probe's event."""
        for known in self._hub.trained.values():
            module = known()
            for p in module.parameters() if module is not None else ():
                if p.grad is not None:
                    p.grad = None
                    self._cleared += 1

    def report(self) -> tuple[bool, str]:
        return self._cleared > 0, f"{self._cleared} gradients were cleared before a backward"
