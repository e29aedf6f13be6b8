"""Recurrent state that goes from one training step's forward into the next one's."""

from typing import Any

import torch

from trainloud.core.place import Place
from trainloud.core.records import Carried, Recurrence
from trainloud.stage.code import persons_line
from trainloud.stage.hub import WINDOW, Hub
from trainloud.stage.visit import Visit, named_arguments, tensors_in

LAYERS = (torch.nn.RNNBase, torch.nn.RNNCellBase)
SAME = 0.9  # share of first places that continue the batch before


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._left: dict[tuple[int, int], tuple[int, list[torch.Tensor]]] = {}  # (step, state) by network and layer
        self._ends: dict[int, list[torch.Tensor]] = {}  # what the last batch had to predict at its last places

    def forward_start(self, visit: Visit) -> None:
        if isinstance(visit.module, LAYERS):
            self.inner_start(visit.module, visit.args)

    def inner_start(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        visit = self._hub.visit
        if (
            visit is None
            or not visit.grad
            or not visit.window
            or visit.step >= WINDOW
            or not isinstance(module, LAYERS)
        ):
            return
        begun = visit.facts.setdefault("recurrent", set())
        if id(module) in begun:
            return
        begun.add(id(module))
        known = self._left.get((visit.network, id(module)))
        given = list(tensors_in(args[1], 1)) if len(args) > 1 else []
        if known is None or known[0] >= visit.step:
            return
        if not given or not _equal(given, known[1]):
            visit.facts["recurrence"] = True
            return
        found = (type(module).__name__, tuple(given[0].shape), persons_line())
        visit.facts.setdefault("carried", []).append(found)

    def inner_end(self, module: torch.nn.Module, args: tuple[Any, ...], output: Any) -> None:
        visit = self._hub.visit
        if visit is None or not visit.grad or visit.step >= WINDOW or not isinstance(module, LAYERS):
            return
        state = output[1] if isinstance(module, torch.nn.RNNBase) else output
        kept = [t.detach().clone() for t in tensors_in(state, 1)]
        self._left[visit.network, id(module)] = (visit.step, kept)

    def forward_end(self, visit: Visit) -> None:
        if isinstance(visit.module, LAYERS):
            self.inner_end(visit.module, visit.args, visit.output)
        for kind, shape, where in visit.facts.pop("carried", ()):
            self._write(visit, kind, shape, where)
        if visit.facts.pop("recurrence", False):
            self._hub.write(Recurrence(visit.network, visit.step))
        if visit.facts.pop("recurrent", None):
            self._ends[visit.network] = []

    def _write(self, visit: Visit, kind: str, shape: tuple[int, ...], where: Place | None) -> None:
        continues = any(
            _continues(end, t) for _, t in named_arguments(visit) for end in self._ends.get(visit.network, ())
        )
        self._hub.write(Carried(visit.step, visit.network, kind, shape, where, continues))

    def loss(self, call: Any) -> None:
        visit = call.visit
        if visit is None or visit.step >= WINDOW or visit.network not in self._ends:
            return
        if call.target.numel() <= 1_000_000:
            self._ends[visit.network] = [call.target.detach().clone()]


def _equal(given: list[torch.Tensor], left: list[torch.Tensor]) -> bool:
    return len(given) == len(left) and all(
        a.shape == b.shape and bool((a.detach() == b).all()) and bool(a.detach().any())
        for a, b in zip(given, left, strict=True)
    )


def _continues(target: torch.Tensor, source: torch.Tensor) -> bool:
    """Whether the source's first places are the target's last, along either axis."""
    if source.dim() < 2 or source.is_floating_point() != target.is_floating_point():
        return False
    if target.numel() != source.numel():
        return False
    shaped = target.reshape(source.shape).to(source.device)
    return any(float((shaped.select(axis, -1) == source.select(axis, 0)).double().mean()) >= SAME for axis in (0, 1))
