"""Parameters that were one tensor, or held the same values, and what became of them."""

from itertools import combinations
from typing import Any

import torch

from trainloud.core.records import Twins
from trainloud.stage.hub import Hub
from trainloud.stage.visit import Visit

MOST_PARAMETERS = 2_000
LEAST_ELEMENTS = 16
LOOKED_AT = 65_536  # elements of a parameter, evenly spread, that are kept and compared


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
            if not torch.nn.parameter.is_lazy(p) and p.dim() == 2 and p.numel() >= LEAST_ELEMENTS:
                groups.setdefault(tuple(p.shape), []).append((name, p))
        found = []
        for group in groups.values():
            sums: dict[float, list[tuple[str, torch.Tensor]]] = {}
            for name, p in group:
                sums.setdefault(float(p.detach().sum(dtype=torch.float64)), []).append((name, p))
            for alike in sums.values():
                for (a, p), (b, q) in combinations(alike[:8], 2):
                    if p is q:
                        found.append((a, b, "object", _some(p)))
                    elif bool((p.detach() == q.detach()).all()) and bool(
                        (p.detach() != p.detach().reshape(-1)[0]).any()
                    ):
                        found.append((a, b, "values", _some(p)))
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
                if p is not None and q is not None and p.shape == q.shape and _count(p) == len(first):
                    self._write(number, (a, b), was, first.to(p.device), p, q)

    def _write(
        self, number: int, names: tuple[str, str], was: str, first: torch.Tensor, p: torch.Tensor, q: torch.Tensor
    ) -> None:
        hub = self._hub
        mine, other, first = _some(p).double(), _some(q).double(), first.double()
        apart = float((mine - other).abs().max() / mine.abs().max().clamp_min(1e-12))
        moved = bool((mine != first).any()) and bool((other != first).any())
        uids = (hub.tensors.of(p), hub.tensors.of(q))
        hub.write(Twins(hub.step, number, names, uids, tuple(p.shape), was, apart, moved))


def _spacing(p: torch.Tensor) -> int:
    return max(1, p.numel() // LOOKED_AT)


def _count(p: torch.Tensor) -> int:
    return -(-p.numel() // _spacing(p))


def _some(p: torch.Tensor) -> torch.Tensor:
    return p.detach().reshape(-1)[:: _spacing(p)].clone()
