"""Between a network's output and the backward, nothing is cut off: clamp, clip and hard bounds pass values on."""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from trainloud.stage.treated import Treated

_BOUNDS = frozenset(("clamp", "clip", "clamp_", "clip_", "clamp_min", "clamp_max", "hardtanh"))


class Intervention:
    def __init__(self, value: str = ""):
        self._mode = _Open()

    def install(self, treated: Treated) -> None:
        treated.hub.add(self)

    def forward_start(self, visit: Any) -> None:
        self._mode.off()

    def forward_end(self, visit: Any) -> None:
        if visit.grad:
            self._mode.on()

    def backward_start(self, loss: Any) -> None:
        self._mode.off()

    def step_end(self, optimizer: Any) -> None:
        self._mode.off()

    def finish(self) -> None:
        self._mode.off()

    def report(self) -> tuple[bool, str]:
        return self._mode.passed > 0, f"{self._mode.passed} bounds were lifted"


class _Open(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.passed = 0
        self._entered = False

    def on(self) -> None:
        if not self._entered:
            self._entered = True
            self.__enter__()

    def off(self) -> None:
        if self._entered:
            self._entered = False
            self.__exit__(None, None, None)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        first = args[0] if args else None
        if getattr(func, "__name__", "") in _BOUNDS and isinstance(first, torch.Tensor) and first.requires_grad:
            self.passed += 1
            return first
        return func(*args, **(kwargs or {}))
