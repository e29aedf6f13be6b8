"""Autograd's graph, in the window: where the gradient ends, and what keeps graphs alive."""

import weakref
from typing import Any

import torch

from trainloud.core.place import Place
from trainloud.core.records import Cut, Retained
from trainloud.stage.code import persons_line
from trainloud.stage.hub import WINDOW, Hub
from trainloud.stage.origin import KEY, leaves, node_name
from trainloud.stage.visit import Visit

FLAT = frozenset({"normal", "round", "floor", "ceil", "trunc", "sign", "fix"})
"""Operations whose derivative autograd takes as zero everywhere although a gradient function exists."""
DETACHING = frozenset({"detach", "detach_", "__get__", "numpy", "tolist", "item", "argmax", "as_tensor", "tensor"})
"""Calls whose result carries no gradient; "__get__" is the attribute `data`."""
WALKED = 20_000  # nodes
MOST_CALLS = 64  # places where such a call is noted
TRACKED = 64  # losses whose graphs are followed


class _Token:
    """Lives exactly as long as the graph node that holds it."""


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._calls: set[tuple[str, Place | None]] = set()
        self._tokens: list[weakref.ref[_Token]] = []
        self._last: Any = None
        self._where: Place | None = None
        self._gradless: dict[int, tuple[torch.nn.Module, Place | None]] = {}
        self._ran: dict[int, tuple[torch.nn.Module, Place | None]] = {}

    def operation(self, name: str, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        """A value was taken out of the graph: which parameters had made it?"""
        hub = self._hub
        if name not in DETACHING or hub.step >= WINDOW or not torch.is_grad_enabled() or len(self._calls) >= MOST_CALLS:
            return
        x = args[0] if args else None
        if not isinstance(x, torch.Tensor) or x.grad_fn is None:
            return
        where = persons_line()
        if (name, where) in self._calls:
            return
        self._calls.add((name, where))
        upstream = self._trained_before(x.grad_fn)
        if upstream:
            shown = "data" if name == "__get__" else name
            number = -1 if hub.latest is None else hub.latest.network
            hub.write(Cut(hub.step, number, "call", shown, where, upstream, bool(hub.stack)))

    def inner_start(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        visit = self._hub.visit
        if visit is None or not visit.grad or self._hub.step >= WINDOW:
            return
        if next(module.parameters(recurse=False), None) is None:
            return
        known = self._ran if torch.is_grad_enabled() else self._gradless
        if id(module) not in known:
            known[id(module)] = (module, persons_line())

    def backward_start(self, loss: Any) -> None:
        self._last = loss.grad_fn if isinstance(loss, torch.Tensor) else None
        if self._hub.step < WINDOW:
            self._where = persons_line()
            if self._last is not None:
                self._look_for_flat(self._last)

    def backward_end(self, loss: Any) -> None:
        """Follow this loss's graph: after backward nothing should need it for long."""
        if self._last is not None:
            token = _Token()
            try:
                self._last.metadata["trainloud_token"] = token
            except (AttributeError, RuntimeError):
                return
            self._tokens = [*self._tokens[-TRACKED + 1 :], weakref.ref(token)]
        self._last = None

    def _look_for_flat(self, root: Any) -> None:
        """Operations with a zero derivative between parameters and the loss."""
        parameters: dict[Any, bool] = {}
        order: list[tuple[Any, bool]] = []
        stack, seen = [(root, False)], set[tuple[Any, bool]]()
        while stack and len(order) < WALKED:
            node, learned = stack.pop()
            if (node, learned) in seen or (node, True) in seen:
                continue
            seen.add((node, learned))
            children = [n for n, _ in node.next_functions if n is not None]
            learned = learned or any(_is_weight(n) for n in children)
            order.append((node, learned))
            stack.extend((n, learned) for n in children)
        for node, learned in order:
            if node_name(node) in FLAT and node not in parameters:
                parameters[node] = True
                self._report_flat(node, learned)

    def _report_flat(self, node: Any, learned: bool) -> None:
        upstream = self._trained_before(node)
        if upstream:
            where = node.metadata.get(KEY) or self._where
            network = self._hub.visits[-1].network if self._hub.visits else -1
            self._hub.write(Cut(self._hub.step, network, "zero-derivative", node_name(node), where, upstream, learned))

    def _trained_before(self, node: Any) -> tuple[int, ...]:
        """Trained parameters before a node of the graph."""
        return tuple(self._hub.tensors.of(t) for t in leaves(node) if isinstance(t, torch.nn.Parameter))

    def step_start(self, optimizer: Any) -> None:
        """Modules that ran, trainable, and got no gradient at all."""
        if self._hub.step >= WINDOW:
            return
        number = next(iter(self._hub.trained), -1)
        for kind, group in (("no-grad", self._gradless), ("detached", self._ran)):
            for module, where in group.values():
                mine = [p for p in module.parameters(recurse=False) if p.requires_grad]
                if mine and all(p.grad is None for p in mine):
                    uids = tuple(self._hub.tensors.of(p) for p in mine)
                    what = type(module).__name__
                    self._hub.write(Cut(self._hub.step, number, kind, what, where, uids, True))
        self._gradless, self._ran = {}, {}

    def step_end(self, optimizer: Any) -> None:
        step = self._hub.step
        if step in (16, TRACKED) or (step > TRACKED and self._hub.window):
            self._count()

    def _count(self) -> None:
        older = self._tokens[:-3]  # the newest may still be in use
        alive = sum(t() is not None for t in older)
        if older:
            self._hub.write(Retained(self._hub.step, len(older), alive, self._where))

    def finish(self) -> None:
        self._count()

    def forward_end(self, visit: Visit) -> None:
        """Nothing kept between forwards of different steps."""
        if self._hub.step >= WINDOW and (self._ran or self._gradless):
            self._ran, self._gradless = {}, {}


def _is_trained(node: Any) -> bool:
    variable = getattr(node, "variable", None)
    return isinstance(variable, torch.nn.Parameter) and variable.requires_grad


def _is_weight(node: Any) -> bool:
    """A trained matrix or kernel, or its transpose: what stands in a linear or convolutional layer."""
    if not hasattr(node, "variable") and len(node.next_functions) == 1:
        node = node.next_functions[0][0]
    return _is_trained(node) and node.variable.dim() >= 2
