"""The network is forced into one mode whenever it trains: `mode=eval` or `mode=train`."""

from typing import Any

import torch

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str):
        """Raises ValueError for anything but eval and train."""
        if value not in ("eval", "train"):
            raise ValueError(f"a network's mode is eval or train, not {value!r}")
        self._training = value == "train"
        self._changed = 0

    def install(self, treated: Treated) -> None:
        treated.at_door(self._change)

    def _change(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if torch.is_grad_enabled() and any(m.training is not self._training for m in module.modules()):
            module.train(self._training)
            self._changed += 1
        return args, kwargs

    def report(self) -> tuple[bool, str]:
        return self._changed > 0, f"the mode was changed before {self._changed} forwards"
