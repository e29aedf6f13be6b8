"""Networks written as plain functions of tensors, without a module: their parameters are found in the graph."""

import weakref
from collections.abc import Iterator
from typing import Any

import torch

from trainloud.core.records import Network, Parameter
from trainloud.stage.code import persons_line
from trainloud.stage.hub import WINDOW, Hub
from trainloud.stage.origin import leaves


class Functions(torch.nn.Module):
    """Stands for a network without a module, and gives its tensors as parameters."""

    def __init__(self, tensors: list[torch.Tensor]):
        super().__init__()
        self.held = tensors

    def named_parameters(self, *_: Any, **__: Any) -> Iterator[tuple[str, Any]]:
        yield from ((f"parameter {i}", t) for i, t in enumerate(self.held))

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        yield from self.held


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._network: Functions | None = None

    def backward_start(self, loss: Any) -> None:
        hub = self._hub
        if self._network is not None or hub.visits or hub.trained or hub.step >= WINDOW:
            return
        tensors = leaves(loss.grad_fn) if isinstance(loss, torch.Tensor) else []
        if not tensors:
            return
        self._network = Functions(tensors)
        number = hub.networks.of(self._network)
        hub.trained[number] = weakref.ref(self._network)
        parameters = tuple(
            Parameter(
                hub.tensors.of(t), name, tuple(t.shape), True, "function", float(t.detach().float().std(correction=0)),
                not bool(t.detach().any()), False,
            )
            for name, t in self._network.named_parameters()
        )  # fmt: skip
        hub.write(Network(number, hub.step, "functions", persons_line(), None, parameters, (), (), ()))
        hub.unseen("the network is not a torch.nn.Module: which examples entered it was not observed")
