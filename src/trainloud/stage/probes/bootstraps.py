"""Targets made of a network's own predictions: r + g * V(next), as in temporal-difference learning."""

import weakref
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from trainloud.core.place import Place
from trainloud.core.records import Bootstrap, Refresh
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub
from trainloud.stage.visit import Visit, tensors_in

PRODUCTS = frozenset({"mul", "__mul__", "__rmul__", "mul_", "div", "__truediv__", "multiply"})
DIFFERENCES = frozenset({"sub", "__sub__", "__rsub__", "rsub", "subtract"})
SUMS = frozenset({"add", "__add__", "__radd__", "add_"})
KEEPING = frozenset(
    {"max", "min", "amax", "amin", "gather", "squeeze", "unsqueeze", "view", "reshape", "__getitem__", "select",
     "detach", "clone", "minimum", "maximum", "float", "to", "flatten", "index_select", "__get__", "squeeze_", "values"}
)  # fmt: skip
LOSSES = ("mse_loss", "smooth_l1_loss", "huber_loss", "l1_loss")
MOST = 2  # of a step
PIECE, PIECES = 64, 64  # elements of a parameter, and parameters, that are compared


@dataclass(frozen=True)
class _Line:
    """Where a tensor comes from."""

    visit: int
    network: int
    scaled: bool = False
    shifted: bool = False

    @property
    def bootstrapped(self) -> bool:
        return self.scaled and self.shifted


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._lines = WeakTensorKeyDictionary()
        self._count = self._seen = 0
        self._modules: dict[int, weakref.ref[torch.nn.Module]] = {}
        self._followed: dict[tuple[int, int], tuple[int, Place | None, list[torch.Tensor], list[torch.Tensor]]] = {}

    def forward_end(self, visit: Visit) -> None:
        if not self._hub.window:
            return
        self._count += 1
        self._modules[visit.network] = visit.ref
        for t in tensors_in(visit.output):
            if t.is_floating_point():
                self._lines[t] = _Line(self._count, visit.network)

    def operation(self, name: str, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        if self._hub.stack and self._hub.visit is not None:
            return
        given = [*tensors_in(args), *tensors_in(kwargs)]
        known = [t for t in given if t in self._lines]
        if not known:
            return
        line = self._lines[known[0]]
        if name in PRODUCTS or name in SUMS or name in DIFFERENCES:
            free = not any(t.requires_grad for t in given if t not in self._lines)
            if len(known) == 2:
                other = self._lines[known[1]]
                if name in DIFFERENCES:
                    self._meet(known[0], known[1])
                line = other if line.scaled and not other.scaled else line
            elif not free:
                return
            elif name in PRODUCTS:
                line = replace(line, scaled=True)
            else:
                line = replace(line, shifted=line.shifted or line.scaled)
        elif name not in KEEPING:
            return
        for t in tensors_in(result, 1):
            if t.is_floating_point() and t not in self._lines:
                self._lines[t] = line

    def loss(self, call: Any) -> None:
        if call.kind in LOSSES and call.grad and call.input in self._lines and call.target in self._lines:
            self._meet(call.input, call.target)

    def _meet(self, a: torch.Tensor, b: torch.Tensor) -> None:
        """A plain prediction and one that stands in a target, of different forwards."""
        hub = self._hub
        pair = [(a, self._lines[a]), (b, self._lines[b])]
        pair.sort(key=lambda item: item[1].bootstrapped)
        (plain, ours), (target, theirs) = pair
        if not theirs.bootstrapped or ours.scaled or ours.shifted or ours.visit == theirs.visit or self._seen >= MOST:
            return
        if not plain.requires_grad or not hub.window:
            return
        self._seen += 1
        where = persons_line()
        hub.write(Bootstrap(hub.step, where, ours.network, theirs.network, target.requires_grad, tuple(target.shape)))
        key = (ours.network, theirs.network)
        if ours.network != theirs.network and key not in self._followed:
            pieces = [_pieces(self._modules[n]()) for n in key]
            if all(pieces):
                self._followed[key] = (hub.step, where, *pieces)  # type: ignore[assignment]

    def step_end(self, optimizer: Any) -> None:
        self._seen = 0
        if self._hub.window:
            self._compare()

    def finish(self) -> None:
        self._compare()

    def _compare(self) -> None:
        for (ours, theirs), (since, where, mine, target) in self._followed.items():
            now = [_pieces(self._modules[n]()) for n in (ours, theirs)]
            if all(now) and self._hub.step > since:
                changed = [_differ(a, b) for a, b in ((mine, now[0]), (target, now[1]))]
                self._hub.write(Refresh(self._hub.step, since, ours, theirs, changed[1], changed[0], where))


def _pieces(module: torch.nn.Module | None) -> list[torch.Tensor]:
    if module is None:
        return []
    return [p.detach().reshape(-1)[:PIECE].clone() for p in list(module.parameters())[:PIECES]]


def _differ(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return len(a) != len(b) or any(x.shape != y.shape or bool((x != y).any()) for x, y in zip(a, b, strict=True))
