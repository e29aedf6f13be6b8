"""Every training step sees the first training batch: the network should be able to learn it by heart.

The batch is held where it enters the network and where its targets meet the outputs, so that it works for any loop,
with a DataLoader or without.

Source: Karpathy (2019), "A Recipe for Training Neural Networks", step 2, "overfit one batch".
"""

from collections import Counter
from typing import Any

import torch

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str = ""):
        self._inputs: dict[tuple[int, int], Any] = {}
        self._targets: dict[tuple[int, tuple[int, ...]], torch.Tensor] = {}
        self._calls: Counter[Any] = Counter()
        self._held = 0
        self._trouble = ""

    def install(self, treated: Treated) -> None:
        treated.at_door(self._change)
        treated.at_target(self._target)
        treated.hub.add(self)

    def step_end(self, optimizer: Any) -> None:
        self._calls.clear()

    def _change(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not torch.is_grad_enabled():
            return args, kwargs
        key = (id(module), self._calls[id(module)])
        self._calls[id(module)] += 1
        if key not in self._inputs:
            self._inputs[key] = _copied((args, kwargs))
            return args, kwargs
        self._held += 1
        return _copied(self._inputs[key])

    def _target(self, target: torch.Tensor) -> torch.Tensor:
        key = (self._calls["target"], tuple(target.shape[1:]))
        self._calls["target"] += 1
        first = self._targets.setdefault(key, target.detach().clone())
        if first.dtype != target.dtype:
            self._trouble = "the loss was computed in another way from step to step"
        return first.clone()

    def report(self) -> tuple[bool, str]:
        if self._trouble:
            return False, self._trouble
        return self._held > 0, f"the first batch entered {self._held + 1} training forwards"


def _copied(value: Any) -> Any:
    """The same structure with copies of its tensors; tensors that carry gradients (another network's) stay."""
    if isinstance(value, torch.Tensor):
        return value if value.requires_grad else value.detach().clone()
    if isinstance(value, (tuple, list)) and type(value) in (tuple, list):
        return type(value)(_copied(v) for v in value)
    if isinstance(value, dict):
        made = {k: _copied(v) for k, v in value.items()}
        return made if type(value) is dict else type(value)(made)
    return value
