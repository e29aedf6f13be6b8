"""Optimiser steps: loss, rates, clipping, and gradients that were made and thrown away."""

from collections.abc import Callable
from typing import Any

import torch

from trainloud.core.place import Place
from trainloud.core.records import IdleOptimizer, Optimizer, Step
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub
from trainloud.stage.patches import Patches

SETTINGS = ("lr", "weight_decay", "momentum", "eps", "alpha", "dampening", "maximize")
OF_GROUP = ("momentum", "beta1", "beta2", "maximize")  # read from the first group, which may have its own


class Probe:
    COUNTERFACTUAL = True

    def __init__(self, hub: Hub):
        self._hub = hub
        self._made: dict[int, IdleOptimizer] = {}
        self._announced: dict[int, int] = {}  # optimiser -> parameters that it held when it was announced
        self._loss: torch.Tensor | None = None
        self._backwards = 0
        self._waiting = 0  # backwards since the last step or clearing
        self._discarded = 0
        self._clip: tuple[float, torch.Tensor] | None = None
        self._clip_value: float | None = None
        self._empty: dict[int, bool] = {}  # optimiser -> it had no state at its first step
        self._scaled = False
        self._ever_stepped = False
        self._by_hand: tuple[torch.Tensor, torch.Tensor] | None = None
        hub.changed_by_hand = self._changed_by_hand

    def install(self, patches: Patches) -> None:
        from torch.optim import optimizer as module

        module.register_optimizer_step_pre_hook(lambda o, a, k: self._hub.tell("step_start", o))
        module.register_optimizer_step_post_hook(lambda o, a, k: self._hub.stepped(o))
        patches.after(module.Optimizer, "__init__", lambda _r, o, *a, **k: self._note_made(o))
        patches.around(module.Optimizer, "zero_grad", self._clearing)
        patches.around(torch.nn.Module, "zero_grad", self._clearing)
        patches.after(torch.nn.utils, "clip_grad_norm_", self._clipped)
        patches.after(torch.nn.utils.clip_grad, "clip_grad_norm_", self._clipped)
        patches.after(torch.nn.utils, "clip_grad_value_", self._clipped_by_value)
        patches.after(torch.nn.utils.clip_grad, "clip_grad_value_", self._clipped_by_value)
        scaler = getattr(torch.amp, "GradScaler", None)
        if scaler is not None:
            patches.after(scaler, "step", self._scaler_stepped)

    def _note_made(self, optimizer: Any) -> None:
        hub = self._hub
        if not hub.busy:
            number = hub.optimizers.of(optimizer)
            uids = tuple(hub.tensors.of(p) for g in optimizer.param_groups for p in g["params"])
            self._made[number] = IdleOptimizer(number, type(optimizer).__name__, persons_line(), uids, hub.step)

    def _clearing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def zero_grad(*args: Any, **kwargs: Any) -> Any:
            if not self._hub.busy and not self._hub.elsewhere():
                self._discarded += self._waiting
                self._waiting = 0
            return original(*args, **kwargs)

        return zero_grad

    def _clipped(self, norm: Any, parameters: Any = None, max_norm: float = 0.0, *_a: Any, **_k: Any) -> None:
        if isinstance(norm, torch.Tensor) and not self._hub.busy and not self._hub.elsewhere():
            self._clip = (float(max_norm), norm.detach())

    def _clipped_by_value(self, _r: Any, _parameters: Any = None, clip_value: float = 0.0, *_: Any, **__: Any) -> None:
        if not self._hub.busy and not self._hub.elsewhere():
            self._clip_value = float(clip_value)

    def _scaler_stepped(self, *_: Any, **__: Any) -> None:
        self._scaled = self._scaled or not self._hub.elsewhere()

    def backward_start(self, loss: Any) -> None:
        self._loss = loss.detach() if isinstance(loss, torch.Tensor) and loss.numel() == 1 else None

    def backward_end(self, loss: Any) -> None:
        self._backwards += 1
        self._waiting += 1
        if not self._ever_stepped and self._hub.trained:
            self._remember_weights()

    def step_start(self, optimizer: Any) -> None:
        """From here on an optimiser is at work, also while it calls a closure."""
        self._ever_stepped = True
        number = self._hub.optimizers.of(optimizer)
        if number not in self._empty:
            self._empty[number] = not optimizer.state

    def _announce(self, number: int, optimizer: Any) -> None:
        """At its first step, and again when it has been given further parameters."""
        held = [p for g in optimizer.param_groups for p in g["params"]]
        if self._announced.get(number) == len(held):
            return
        self._announced[number] = len(held)
        hub = self._hub
        settings = numbers_of(optimizer.defaults)
        given = numbers_of(optimizer.param_groups[0]) if optimizer.param_groups else {}
        settings |= {k: v for k, v in given.items() if k in OF_GROUP and k in settings}
        plain = isinstance(optimizer, torch.optim.SGD) and not settings.get("momentum")
        uids = tuple(hub.tensors.of(p) for p in held)
        made: Place | None = self._made[number].where if number in self._made else None
        gradless = sum(p.grad is None for p in held)
        kind = type(optimizer).__name__
        empty = self._empty.get(number, False)
        hub.write(Optimizer(number, hub.step, kind, made, uids, settings, not plain, gradless, empty))

    def step_end(self, optimizer: Any) -> None:
        hub = self._hub
        rates: tuple[float, ...] = ()
        number = -1
        if optimizer is not None:
            self._ever_stepped = True
            number = hub.optimizers.of(optimizer)
            self._announce(number, optimizer)
            rates = tuple(float(g.get("lr", 0.0)) for g in optimizer.param_groups)
        self._waiting = 0
        parts = [] if self._loss is None else [self._loss.reshape(1)]
        limit = None
        if self._clip is not None:
            limit = self._clip[0]
            parts.append(self._clip[1].reshape(1))
        loss_known = self._loss is not None
        counts = self._backwards, self._discarded
        facts = (hub.step, hub.seconds(), number, *counts, rates, hub.iteration(), self._scaled, self._clip_value)

        def receive(arrived: list[torch.Tensor]) -> None:
            index, seconds, which, backwards, discarded, lr, epoch, scaled, value = facts
            loss = float(arrived[0]) if loss_known else None
            clip = (limit, float(arrived[-1])) if limit is not None else None
            hub.write(Step(index, seconds, which, loss, backwards, discarded, lr, clip, epoch, scaled, value))

        hub.deferred.put(parts, receive)
        self._backwards = self._discarded = 0
        self._clip, self._clip_value, self._loss, self._by_hand = None, None, None, None

    def _remember_weights(self) -> None:
        """Without an optimiser so far: note a few weights, to see whether the person changes them by hand."""
        if self._by_hand is not None:
            return
        for known in self._hub.trained.values():
            module = known()
            for p in module.parameters() if module is not None else ():
                if p.grad is not None:
                    self._by_hand = (p, p.detach().reshape(-1)[:64].clone())
                    return

    def _changed_by_hand(self) -> bool:
        if self._ever_stepped or self._by_hand is None:
            return False
        now, before = self._by_hand
        return not torch.equal(now.detach().reshape(-1)[:64], before)

    def finish(self) -> None:
        """Backwards after the last step, or a run in which nothing ever stepped."""
        if self._backwards and self._changed_by_hand():
            self._hub.busy = False
            self._hub.stepped(None)
            self._hub.busy = True
        for number, made in self._made.items():
            if number not in self._announced:
                self._hub.write(made)


def numbers_of(settings: Any) -> dict[str, float]:
    """The numeric settings of an optimiser or of a group of its parameters."""
    found = {k: float(v) for k, v in settings.items() if k in SETTINGS and isinstance(v, (int, float))}
    betas = settings.get("betas")
    if isinstance(betas, (tuple, list)) and len(betas) == 2:
        found |= {"beta1": float(betas[0]), "beta2": float(betas[1])}
    return found
