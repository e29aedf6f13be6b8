"""Trailing padding of token inputs becomes other tokens: `padding=0` says which token pads.

A network that leaves padding alone computes what it did before.
"""

from typing import Any

import torch

from trainloud.stage.treated import Treated, is_answer


class Intervention:
    def __init__(self, value: str):
        """Raises ValueError for a value that is no whole number."""
        self._pad = int(value)
        self._changed = 0

    def install(self, treated: Treated) -> None:
        treated.at_door(self._change)

    def _change(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        named = {k: v if is_answer(k) else self._other(v) for k, v in kwargs.items()}
        return tuple(self._other(a) for a in args), named

    def _other(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.is_floating_point() or value.dim() != 2:
            return value
        if value.dtype == torch.bool or int(value.max()) < 2:  # a mask
            return value
        real = (value != self._pad).flip(1).cumsum(1).flip(1) > 0  # some token follows, or it is one
        self._changed += int((~real).sum())
        return torch.where(real, value, value[:, :1])

    def report(self) -> tuple[bool, str]:
        return self._changed > 0, f"{self._changed} padded places were changed"
