"""Gradients, weights and updates of every parameter at sampled steps; which parameters the graph reaches."""

from typing import Any

import torch

from trainloud.core.records import GradientSample, ParameterSample
from trainloud.stage.hub import WINDOW, Hub

LOOKED_AT = 4096  # elements of a parameter from which its update is estimated


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._held: dict[int, int] = {}
        self._stale: set[int] = set()
        self._fresh = True  # no backward since the last step
        self._before: dict[int, torch.Tensor] = {}
        self._first: dict[int, torch.Tensor] = {}
        self._samples: list[tuple[int, int, torch.Tensor]] = []

    def _parameters(self) -> list[tuple[int, int, torch.nn.Parameter]]:
        """(uid, network, parameter) of every trainable parameter of the trained networks."""
        found: dict[int, tuple[int, int, torch.nn.Parameter]] = {}
        for number, known in self._hub.trained.items():
            module = known()
            for p in module.parameters() if module is not None else ():
                uid = self._hub.tensors.of(p)
                if p.requires_grad and uid not in found:
                    found[uid] = (uid, number, p)
        return list(found.values())

    def backward_start(self, loss: Any) -> None:
        if not self._fresh or not self._hub.window:
            return
        self._fresh = False
        self._stale = {
            uid for uid, _, p in self._parameters() if p.grad is not None and bool(p.grad.detach().ne(0).any())
        }

    def step_start(self, optimizer: Any) -> None:
        for group in optimizer.param_groups:
            for p in group["params"]:
                self._held[self._hub.tensors.of(p)] = 1
        if self._hub.window:
            self._take()

    def _take(self) -> None:
        for uid, _, p in self._parameters():
            piece = p.detach().reshape(-1)[:LOOKED_AT].clone()
            self._before[uid] = piece
            if uid not in self._first:
                self._first[uid] = piece[:64].clone()

    def step_end(self, optimizer: Any) -> None:
        hub = self._hub
        if hub.window:
            samples = tuple(self._sample(uid, network, p) for uid, network, p in self._parameters())
            norms = [s.gradient for s in samples if s.gradient is not None]
            if samples:
                norm = sum(n * n for n in norms) ** 0.5
                hub.write(GradientSample(hub.step, 0 if optimizer is None else id(optimizer) % 997, norm, samples))
        self._fresh, self._stale, self._before = True, set(), {}
        if hub.step == WINDOW:
            self._settle()

    def _sample(self, uid: int, network: int, p: torch.nn.Parameter) -> ParameterSample:
        grad = p.grad.detach() if p.grad is not None and not p.grad.is_sparse else None
        norm = None if grad is None else float(grad.float().norm())
        weight = float(p.detach().float().norm())
        update = None
        if uid in self._before and self._before[uid].numel():
            before = self._before[uid].float()
            change = float((p.detach().reshape(-1)[:LOOKED_AT].float() - before).norm())
            update = change / max(float(before.norm()), 1e-12)
        finite = norm is None or bool(torch.isfinite(torch.tensor(norm)))
        return ParameterSample(
            uid, network, norm, weight, update, uid in self._stale, rows_equal(p), uid in self._held, finite
        )

    def _settle(self) -> None:
        """Early word on whether weights move at all, in case the run ends badly."""
        self._hub.moved = self._any_moved()

    def finish(self) -> None:
        moved = self._any_moved()
        if moved is not None:
            self._hub.moved = moved

    def _any_moved(self) -> bool | None:
        verdicts = [
            not torch.equal(p.detach().reshape(-1)[:64], self._first[uid])
            for uid, _, p in self._parameters()
            if uid in self._first
        ]
        return any(verdicts) if verdicts else self._hub.moved


def rows_equal(p: torch.Tensor) -> bool:
    """Whether a weight of at least two rows of at least two elements repeats its first row."""
    if p.dim() < 2 or p.shape[0] < 2 or p[0].numel() < 2:
        return False
    rows = p.detach().reshape(p.shape[0], -1)
    return bool((rows == rows[:1]).all())
