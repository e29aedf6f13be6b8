"""Parameters that were one tensor, or held the same values, and what became of them."""

from itertools import combinations
from typing import Any

import torch

from trainloud.core.records import Twins
from trainloud.stage.hub import Hub
from trainloud.stage.visit import Visit

MOST_PARAMETERS = 2_000
LEAST_ELEMENTS = 16


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._pairs: dict[int, list[tuple[str, str, str, torch.Tensor]]] = {}
        self._tied: dict[int, set[frozenset[str]]] = {}

    def forward_start(self, visit: Visit) -> None:
        if visit.grad and visit.window and visit.network not in self._pairs:
            self._pairs[visit.network] = self._found(visit.module)

    def _found(self, module: torch.nn.Module) -> list[tuple[str, str, str, torch.Tensor]]:
        """Pairs of the same shape and values, by name."""
        groups: dict[tuple[int, ...], list[tuple[str, torch.Tensor]]] = {}
        for name, p in list(module.named_parameters(remove_duplicate=False))[:MOST_PARAMETERS]:
            if p.dim() == 2 and p.numel() >= LEAST_ELEMENTS and not torch.nn.parameter.is_lazy(p):
                groups.setdefault(tuple(p.shape), []).append((name, p))
        found = []
        for group in groups.values():
            sums: dict[float, list[tuple[str, torch.Tensor]]] = {}
            for name, p in group:
                sums.setdefault(float(p.detach().double().sum()), []).append((name, p))
            for alike in sums.values():
                for (a, p), (b, q) in combinations(alike[:8], 2):
                    if p is q:
                        found.append((a, b, "object", p.detach().clone()))
                    elif bool((p.detach() == q.detach()).all()) and bool(
                        (p.detach() != p.detach().reshape(-1)[0]).any()
                    ):
                        found.append((a, b, "values", p.detach().clone()))
        return found

    def step_end(self, optimizer: Any) -> None:
        if self._hub.window:
            self._look()

    def finish(self) -> None:
        self._look()

    def _look(self) -> None:
        for number, pairs in self._pairs.items():
            known = self._hub.trained.get(number)
            module = known() if known is not None else None
            if module is None or not pairs:
                continue
            named = dict(module.named_parameters(remove_duplicate=False))
            for a, b, was, first in pairs:
                p, q = named.get(a), named.get(b)
                if p is not None and q is not None and p.shape == q.shape == first.shape:
                    self._write(number, (a, b), was, first.to(p.device), p, q)

    def _write(
        self, number: int, names: tuple[str, str], was: str, first: torch.Tensor, p: torch.Tensor, q: torch.Tensor
    ) -> None:
        hub = self._hub
        mine, other = p.detach().double(), q.detach().double()
        apart = float((mine - other).abs().max() / mine.abs().max().clamp_min(1e-12))
        moved = bool((mine != first.double()).any()) and bool((other != first.double()).any())
        uids = (hub.tensors.of(p), hub.tensors.of(q))
        hub.write(Twins(hub.step, number, names, uids, tuple(p.shape), was, apart, moved))
