"""Outputs of a network's copy from fixed random numbers, with some of its inputs exchanged."""

import random
import sys
from typing import Any

import torch

from trainloud.stage.replica import _seed_all, replica, undisturbed
from trainloud.stage.visit import tensors_in

Given = tuple[tuple[Any, ...], dict[str, Any]]


def substituted(given: Given, change: dict[int, torch.Tensor]) -> Given:
    """The same arguments with some tensors exchanged, by identity."""

    def swap(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return change.get(id(value), value)
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
            return type(value)(swap(v) for v in value)
        if isinstance(value, dict):
            return {k: swap(v) for k, v in value.items()}
        return value

    return tuple(swap(a) for a in given[0]), {k: swap(v) for k, v in given[1].items()}


def all_outputs(
    module: torch.nn.Module, given: Given, *, training: bool = False, seed: int = 0, prepare: Any = None
) -> list[torch.Tensor]:
    """Every tensor that a fresh replica gives; `prepare(twin)` may hook it first."""
    twin = replica(module)
    if training:
        twin.train()
    if prepare is not None:
        prepare(twin)
    _seed_all(seed)
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)
    with torch.no_grad(), undisturbed(module):
        out = twin(*given[0], **given[1])
    found = [t.detach().clone() for t in tensors_in(out)]
    if not found:
        raise TypeError("the network gives no tensor")
    return found


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    """Equal to the last bit; NaN equals NaN."""
    return len(a) == len(b) and all(
        x.shape == y.shape and bool(((x == y) | ((x != x) & (y != y))).all()) for x, y in zip(a, b, strict=True)
    )


def main_output(found: list[torch.Tensor]) -> torch.Tensor:
    """The first tensor of floats with an axis."""
    for t in found:
        if t.is_floating_point() and t.dim():
            return t
    raise TypeError("the network gives no tensor of floats")
