"""Gradients, weights and updates of every parameter at sampled steps; which parameters the graph reaches."""

import math
from typing import Any

import torch

from trainloud.core.records import GradientSample, ParameterSample, Rounding
from trainloud.stage.code import persons_line
from trainloud.stage.hub import WINDOW, Hub

ROUNDING = 1e-6  # relative difference of rows that had the same updates
MASTER = 0.9  # share of a weight's elements that are those of its copy, rounded
HALF = (torch.float16, torch.bfloat16)
LOOKED_AT = 4096  # elements of a parameter from which its update is estimated


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._holder: dict[int, int] = {}  # parameter -> the optimiser that steps it
        self._examined: set[int] = set()  # looked at at a backward since its holder's last step
        self._cleared: set[int] = set()  # of these, found without a gradient, or with zeros, at one of them
        self._before: dict[int, torch.Tensor] = {}
        self._first: dict[int, torch.Tensor] = {}
        self._after_backward: float | None = None

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
        if not self._hub.window:
            return
        for uid, _, p in self._parameters():
            self._examined.add(uid)
            if uid not in self._cleared and (p.grad is None or not bool(_values(p.grad).ne(0).any())):
                self._cleared.add(uid)

    def backward_end(self, loss: Any) -> None:
        if self._hub.window:
            norms = [_norm(p) for _, _, p in self._parameters()]
            self._after_backward = sum(n * n for n in norms if n is not None) ** 0.5

    def step_start(self, optimizer: Any) -> None:
        number = self._hub.optimizers.of(optimizer)
        for group in optimizer.param_groups:
            for p in group["params"]:
                self._holder[self._hub.tensors.of(p)] = number
        if self._hub.window:
            self._take()

    def _take(self) -> None:
        for uid, _, p in self._parameters():
            piece = _piece(p).clone()
            self._before[uid] = piece
            if uid not in self._first:
                self._first[uid] = piece

    def step_end(self, optimizer: Any) -> None:
        hub = self._hub
        number = -1 if optimizer is None else hub.optimizers.of(optimizer)
        if hub.window:
            self._round(optimizer, number)
            samples = tuple(self._sample(uid, network, p) for uid, network, p in self._parameters())
            norms = [s.gradient for s in samples if s.gradient is not None]
            if samples:
                norm = sum(n * n for n in norms) ** 0.5
                where = None if optimizer is None else persons_line()
                hub.write(GradientSample(hub.step, number, norm, samples, self._after_backward, where))
        if self._examined:
            mine = {u for u in self._examined if optimizer is None or self._holder.get(u) == number}
            self._examined -= mine
            self._cleared -= mine
        self._before, self._after_backward = {}, None
        if hub.step == WINDOW:
            self._settle()

    def _round(self, optimizer: Any, number: int) -> None:
        """Whether steps arrive in weights of half precision."""
        if optimizer is None:
            return
        lost, counted, sizes, dtype = 0, 0, [], ""
        for uid, _, p in self._parameters():
            if p.dtype not in HALF or p.grad is None or p.grad.is_sparse or self._holder.get(uid) != number:
                continue
            before = self._before.get(uid)
            if before is None or _has_master(optimizer, p):
                continue
            moving = _piece(p.grad).ne(0)
            same = moving & (_piece(p) == before)
            counted, lost = counted + int(moving.sum()), lost + int(same.sum())
            dtype = str(p.dtype).removeprefix("torch.")
            if bool(same.any()):
                sizes.append(float((_piece(p.grad)[same].float().abs() / before[same].float().abs()).median()))
        if counted:
            update = sorted(sizes)[len(sizes) // 2] if sizes else 0.0
            self._hub.write(Rounding(self._hub.step, number, dtype, counted, lost, update, persons_line()))

    def _sample(self, uid: int, network: int, p: torch.nn.Parameter) -> ParameterSample:
        norm = _norm(p)
        weight = float(p.detach().float().norm())
        update = None
        if uid in self._before and self._before[uid].numel():
            before = self._before[uid].float()
            change = float((_piece(p).float() - before).norm())
            update = change / max(float(before.norm()), 1e-12)
        finite = norm is None or math.isfinite(norm)
        stale = uid in self._examined and uid not in self._cleared
        return ParameterSample(uid, network, norm, weight, update, stale, rows_equal(p), uid in self._holder, finite)

    def _settle(self) -> None:
        """Early word on whether weights move at all, in case the run ends badly."""
        self._hub.moved = self._any_moved()

    def finish(self) -> None:
        moved = self._any_moved()
        if moved is not None:
            self._hub.moved = moved

    def _any_moved(self) -> bool | None:
        verdicts = [
            not torch.equal(_piece(p), self._first[uid]) for uid, _, p in self._parameters() if uid in self._first
        ]
        return any(verdicts) if verdicts else self._hub.moved


def _piece(p: torch.Tensor) -> torch.Tensor:
    """Up to LOOKED_AT elements, spread over the whole: rows of an embedding that no batch named stay."""
    flat = p.detach().reshape(-1)
    return flat[:: flat.numel() // LOOKED_AT + 1]


def _values(grad: torch.Tensor) -> torch.Tensor:
    return grad.detach()._values() if grad.is_sparse else grad.detach()


def _has_master(optimizer: Any, p: torch.nn.Parameter) -> bool:
    """The optimiser keeps the weight in single precision, where steps that are lost in the copy add up."""
    state = optimizer.state.get(p, {})
    copies = [v for v in state.values() if isinstance(v, torch.Tensor) and v.shape == p.shape] if state else []
    return any(
        v.dtype is torch.float32 and bool((_piece(v).to(p.dtype) == _piece(p)).double().mean() > MASTER) for v in copies
    )


def _norm(p: torch.Tensor) -> float | None:
    return None if p.grad is None else float(_values(p.grad).float().norm())


def rows_equal(p: torch.Tensor) -> bool:
    """Whether a weight of at least two rows of at least two elements repeats its first row, but for rounding."""
    if p.dim() < 2 or p.shape[0] < 2 or p[0].numel() < 2:
        return False
    rows = p.detach().reshape(p.shape[0], -1)
    return bool((rows - rows[:1]).abs().max() <= ROUNDING * rows.abs().max())
