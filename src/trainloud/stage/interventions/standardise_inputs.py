"""The first input of numbers enters the network with mean 0 and standard deviation 1: by column for tables, by
channel for images and the like, with the statistics of the first training batch.

Source: LeCun et al. (1998), "Efficient BackProp", section 4.3.
"""

from typing import Any

import torch

from trainloud.stage.treated import Treated, is_answer

_LEAST = 1e-8  # a constant column is left at zero


class Intervention:
    def __init__(self, value: str = ""):
        self._statistics: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._changed = 0

    def install(self, treated: Treated) -> None:
        treated.at_door(self._change)

    def _change(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for place, value in enumerate(args):
            if _numbers(value):
                return (*args[:place], self._standard(module, value), *args[place + 1 :]), kwargs
        for name, value in kwargs.items():
            if _numbers(value) and not is_answer(name):
                return args, {**kwargs, name: self._standard(module, value)}
        return args, kwargs

    def _standard(self, module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        if id(module) not in self._statistics:
            if not torch.is_grad_enabled():
                return x
            axes = [a for a in range(x.dim()) if a != (1 if x.dim() != 3 else 2)]
            mean, std = x.mean(axes, keepdim=True), x.std(axes, keepdim=True)
            self._statistics[id(module)] = (mean, std.clamp_min(_LEAST))
        mean, std = self._statistics[id(module)]
        self._changed += 1
        return (x - mean) / std

    def report(self) -> tuple[bool, str]:
        facts = [(float(m.mean()), float(s.mean())) for m, s in self._statistics.values()]
        said = "; ".join(f"mean {m:.3g}, standard deviation {s:.3g} before" for m, s in facts)
        return self._changed > 0, f"{self._changed} batches were standardised ({said})"


def _numbers(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.dim() > 1 and not value.requires_grad
