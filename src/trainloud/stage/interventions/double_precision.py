"""Everything in 64 bits: new tensors, the network's weights, its inputs and the targets of its losses."""

from typing import Any

import torch

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str = ""):
        self._networks: set[int] = set()
        self._outputs = 0

    def install(self, treated: Treated) -> None:
        torch.set_default_dtype(torch.float64)
        treated.at_door(self._change)
        treated.at_target(lambda t: t.double() if t.is_floating_point() else t)
        treated.patches.around(torch, "autocast", lambda original: lambda *a, **k: original("cpu", enabled=False))
        treated.hub.add(self)

    def _change(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if id(module) not in self._networks:
            self._networks.add(id(module))
            module.double()
        return _double(args), _double(kwargs)

    def loss(self, call: Any) -> None:
        """A probe's event."""
        self._outputs += call.input.dtype == torch.float64

    def report(self) -> tuple[bool, str]:
        return bool(
            self._networks
        ), f"{len(self._networks)} networks and {self._outputs} losses were computed in 64 bits"


def _double(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.double() if value.is_floating_point() else value
    if type(value) in (tuple, list):
        return type(value)(_double(v) for v in value)
    if type(value) is dict:
        return {k: _double(v) for k, v in value.items()}
    return value
