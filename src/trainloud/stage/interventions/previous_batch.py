"""Every other training forward sees its examples in another order: the forwards between them should not notice.

With the weights held (`learning-rate=0` beside it) the losses of the untouched forwards are those of the plain run
unless something flows from one batch to the next, such as a recurrent state that is kept.
"""

from typing import Any

import torch

from trainloud.stage.treated import Treated, is_answer


class Intervention:
    def __init__(self, value: str = ""):
        self._forwards: dict[int, int] = {}
        self._changed = 0

    def install(self, treated: Treated) -> None:
        treated.at_door(self._change)

    def _change(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not torch.is_grad_enabled():
            return args, kwargs
        count = self._forwards[id(module)] = self._forwards.get(id(module), -1) + 1
        if count % 2:
            return args, kwargs
        self._changed += 1
        return tuple(_rolled(a) for a in args), {k: v if is_answer(k) else _rolled(v) for k, v in kwargs.items()}

    def report(self) -> tuple[bool, str]:
        return self._changed > 0, f"the examples of {self._changed} training forwards came in another order"


def _rolled(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.dim() > 1 and not value.requires_grad:
        return value.roll(1, 0)
    return value
