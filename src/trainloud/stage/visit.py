"""One forward of a network from outside any other module."""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from trainloud.core.place import Place


@dataclass(eq=False)
class Visit:
    """What the hub knows of one forward. `used` turns true when a backward reaches its output."""

    module: torch.nn.Module
    network: int
    step: int
    args: tuple[Any, ...]
    grad: bool
    window: bool
    """A closer look is taken."""
    kwargs: dict[str, Any] = field(default_factory=dict)
    output: Any = None
    used: bool = False
    outer: bool = True
    """No argument came out of another network with its gradient function."""
    training: bool = True
    live_dropout: bool = False
    live_batchnorm: bool = False
    size: int = 0
    prints: torch.Tensor | None = None
    iteration: int = -1
    where: Place | None = None
    losses: list[Any] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """Where probes leave what they need at a later event of the same forward."""

    def __post_init__(self) -> None:
        self.ref = weakref.ref(self.module)

    def forget(self) -> None:
        """Let go of the tensors and of the network once the forward is over: the script may be done with them."""
        self.args, self.kwargs, self.output = (), {}, None
        self.module = None  # type: ignore[assignment]


def tensors_in(value: Any, depth: int = 3) -> Iterator[torch.Tensor]:
    """Tensors in nested tuples, lists, dicts (a ModelOutput is one) and simple containers, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif depth and isinstance(value, dict):
        for v in value.values():
            yield from tensors_in(v, depth - 1)
    elif depth and isinstance(value, (tuple, list)):
        for v in value:
            yield from tensors_in(v, depth - 1)
    elif depth and hasattr(value, "__dict__") and type(value).__module__ not in ("builtins", "torch"):
        for v in list(vars(value).values())[:32]:
            if isinstance(v, torch.Tensor):
                yield v


def named_arguments(visit: Visit) -> list[tuple[str, torch.Tensor]]:
    """(position or keyword, tensor) of each argument with at least one axis and one element."""
    pairs = [(str(i), a) for i, a in enumerate(visit.args)] + list(visit.kwargs.items())
    found = []
    for name, value in pairs:
        for k, t in enumerate(tensors_in(value)):
            if t.dim() and t.numel() and t.layout is torch.strided:
                found.append((name if k == 0 else f"{name}[{k}]", t))
    return found


def own_parameter(module: torch.nn.Module, name: str) -> torch.Tensor | None:
    """A module's parameter, or one that it is computed from under a parametrization.

    Never reads the attribute itself: under spectral norm that computes, and moves buffers.
    """
    if isinstance(module, torch.jit.ScriptModule):  # its tables are no dictionaries
        return dict(module.named_parameters(recurse=False)).get(name)
    own = module._parameters
    for candidate in (name, f"{name}_orig", f"{name}_v"):
        found = own.get(candidate)
        if found is not None:
            return None if torch.nn.parameter.is_lazy(found) else found
    rewritten = module._modules.get("parametrizations")
    if rewritten is not None and name in rewritten._modules:
        return next(iter(rewritten._modules[name].parameters(recurse=False)), None)  # type: ignore[union-attr]
    return None
