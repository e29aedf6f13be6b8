"""Which of its inputs a network depends on at all, early in training and late."""

import functools
from collections.abc import Sequence
from typing import Any

import torch

from trainloud.core.records import Argument, Dependence
from trainloud.stage.direction import directions
from trainloud.stage.hub import Hub
from trainloud.stage.padding import padding
from trainloud.stage.perturb import Given, all_outputs, same, substituted
from trainloud.stage.visit import Visit, named_arguments

MOST_ELEMENTS = 2_000_000  # of the inputs that are held
ANSWERS = ("label", "target")  # keywords
SEEDS = (0, 1, 2, 3)  # random numbers under which a training forward is tried (teacher forcing is drawn)
MIDDLE = 24  # the second look is at the first sampled step from here on; the third at the end


class _Held:
    """A batch that entered a network in training."""

    def __init__(self, visit: Visit, given: Given):
        self.network, self.ref, self.given, self.size = visit.network, visit.ref, given, visit.size
        self.answers: set[str] = set()
        self.looks: set[str] = set()


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._held: dict[int, _Held] = {}

    def forward_end(self, visit: Visit) -> None:
        """Keep a copy of the first training batch of a network."""
        if not visit.grad or not visit.window or not visit.outer or visit.network in self._held:
            return
        pairs = named_arguments(visit)
        if not pairs or sum(t.numel() for _, t in pairs) > MOST_ELEMENTS:
            return
        held = _Held(visit, _copied((visit.args, visit.kwargs)))
        held.answers = {n for n, _ in pairs if any(w in n for w in ANSWERS)}
        self._held[visit.network] = held
        visit.facts["dependence"] = held

    def loss(self, call: Any) -> None:
        """What the loss compares with is no input."""
        held = call.visit.facts.get("dependence") if call.visit is not None else None
        if held is None:
            return
        target = call.target.detach().reshape(-1)
        for name, t in _arguments(held.given):
            if t.numel() == target.numel() and bool((t.reshape(-1) == target).all()):
                held.answers.add(name)

    def resolved(self, visits: Sequence[Visit]) -> None:
        for held in self._held.values():
            if held.network in self._hub.trained and "first" not in held.looks:
                self._look(held, "first")

    def step_end(self, optimizer: Any) -> None:
        if self._hub.window and self._hub.step >= MIDDLE:
            for held in self._held.values():
                if held.network in self._hub.trained and "middle" not in held.looks:
                    self._look(held, "middle")

    def finish(self) -> None:
        for held in self._held.values():
            if held.network in self._hub.trained:
                self._look(held, "last")

    def _look(self, held: _Held, when: str) -> None:
        held.looks.add(when)
        module = held.ref()
        if module is None or isinstance(module, torch.jit.ScriptModule):
            return
        module = module._orig_mod if type(module).__name__ == "OptimizedModule" else module  # type: ignore[assignment]
        self._hub.aside.do(functools.partial(_examine, module, held, self._hub.step))


def _copied(given: Given) -> Given:
    held: dict[int, torch.Tensor] = {}
    for t in (t for _, t in _arguments(given)):
        held[id(t)] = t.detach().clone()
    return substituted(given, held)


def _arguments(given: Given) -> list[tuple[str, torch.Tensor]]:
    return named_arguments(Visit(torch.nn.Identity(), 0, 0, given[0], False, False, kwargs=given[1]))


def _examine(module: torch.nn.Module, held: _Held, step: int) -> list[Any]:
    """The records of one look."""
    found: list[Any] = []
    try:
        found.append(dependence(module, held, step))
    except Exception as error:
        reason = f"the network's copy did not run: {type(error).__name__}: {error}"[:300]
        return [Dependence(held.network, step, (), False, 0, reason)]
    if not found[0].reason:
        for chart in (padding, directions):
            try:
                found.extend(chart(module, held.given, held.network, step))
            except Exception:
                continue
    return found


def dependence(module: torch.nn.Module, held: _Held, step: int) -> Dependence:
    """Exchange each argument, and all at once."""
    given, pairs = held.given, _arguments(held.given)
    base = all_outputs(module, given)
    if not same(base, all_outputs(module, given)):
        return Dependence(held.network, step, (), False, len(base), "two runs on the same batch differ")
    if not all(bool(t.isfinite().all()) for t in base if t.is_floating_point()):
        return Dependence(held.network, step, (), False, len(base), "its output is not finite")
    rolled = {id(t): _exchanged(t) for _, t in pairs}
    everything = _inert(module, given, base, [rolled, {id(t): torch.zeros_like(t) for _, t in pairs}])
    arguments = tuple(_argument(module, held, base, name, t) for name, t in pairs)
    return Dependence(held.network, step, arguments, everything, len(base))


def _argument(module: torch.nn.Module, held: _Held, base: list[torch.Tensor], name: str, t: torch.Tensor) -> Argument:
    exchanged = _exchanged(t)
    varied = t.shape[0] > 1 and not bool((exchanged == t).all())
    square = t.dim() == 2 and (t.shape[0] == t.shape[1] or (t.shape[0] == 2 and not t.is_floating_point()))
    zero = torch.zeros_like(t)
    if varied and name not in held.answers:
        ignored = _inert(module, held.given, base, [{id(t): exchanged}, {id(t): zero}])
    else:
        ignored = False
    return Argument(
        name, tuple(t.shape), str(t.dtype).removeprefix("torch."), any(t is v for v in _direct(held.given)), varied,
        t.shape[0] == held.size, name in held.answers, ignored, square,
    )  # fmt: skip


def _direct(given: Given) -> list[Any]:
    return [*given[0], *given[1].values()]


def _exchanged(t: torch.Tensor) -> torch.Tensor:
    return t.roll(1, 0) if t.shape[0] > 1 else t.flip(-1)


def _inert(
    module: torch.nn.Module, given: Given, base: list[torch.Tensor], changes: list[dict[int, torch.Tensor]]
) -> bool:
    """Whether the outputs stay under each of these changes, in evaluation and in training."""
    for change in changes:
        other = substituted(given, change)
        try:
            if not same(base, all_outputs(module, other)):
                return False
        except Exception:  # it was looked at, and refused
            return False
    for seed in SEEDS:
        try:
            trained = all_outputs(module, given, training=True, seed=seed)
            for change in changes:
                if not same(trained, all_outputs(module, substituted(given, change), training=True, seed=seed)):
                    return False
        except Exception:
            return False
    return True
