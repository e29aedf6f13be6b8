"""Gradients are measured but not clipped."""

from collections.abc import Callable
from typing import Any

import torch

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str = ""):
        self._calls = 0

    def install(self, treated: Treated) -> None:
        for owner in (torch.nn.utils, torch.nn.utils.clip_grad):
            treated.patches.around(owner, "clip_grad_norm_", self._norm)
            treated.patches.around(owner, "clip_grad_value_", self._value)

    def _norm(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def clip_grad_norm_(parameters: Any, max_norm: float, *args: Any, **kwargs: Any) -> Any:
            self._calls += 1
            return original(parameters, float("inf"), *args, **kwargs)

        return clip_grad_norm_

    def _value(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def clip_grad_value_(*args: Any, **kwargs: Any) -> None:
            self._calls += 1

        return clip_grad_value_

    def report(self) -> tuple[bool, str]:
        return self._calls > 0, f"{self._calls} calls did not clip"
