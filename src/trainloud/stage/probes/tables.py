"""Float tables at the network's door: the statistics of their columns over the distinct rows of each phase."""

from collections.abc import Sequence
from typing import Any

import torch

from trainloud.core.records import Table
from trainloud.stage.fingerprint import fingerprints
from trainloud.stage.hub import Hub
from trainloud.stage.visit import Visit, named_arguments

LARGEST = 4_000_000  # elements that are kept, a network and phase
MOST_COLUMNS, LEAST_COLUMNS = 1024, 2
LARGE = 10_000  # elements of a batch that may be a whole table
PARTS = 256  # batches that are put together
LEVELS = 64  # rows whose different values are counted


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._kept: dict[tuple[int, str], list[torch.Tensor]] = {}
        self._loose: dict[tuple[int, str], list[torch.Tensor]] = {}
        self._size: dict[tuple[int, str], int] = {}
        self._full: set[tuple[int, str]] = set()
        self._whole: set[tuple[int, str]] = set()
        self._seen: dict[tuple[int, str], set[tuple[int, int]]] = {}

    def forward_end(self, visit: Visit) -> None:
        """A reference to what entered, or a copy of a batch: no arithmetic on the hot path."""
        phase = "train" if visit.grad else "eval"
        key = (visit.network, phase)
        if key in self._full or not visit.outer:
            return
        tensors = [t for _, t in named_arguments(visit) if t.is_floating_point() and t.shape[0] == visit.size]
        if len(tensors) != 1 or tensors[0].dim() != 2 or not LEAST_COLUMNS <= tensors[0].shape[1] <= MOST_COLUMNS:
            self._full.add(key)
            self._kept.pop(key, None)
            self._loose.pop(key, None)
            return
        x = tensors[0].detach()
        if x.device.type == "cpu" and x.numel() > LARGE:
            same = (x.data_ptr(), 0 if x.is_inference() else x._version)
            if same in self._seen.setdefault(key, set()):
                return  # the whole table again
            self._seen[key].add(same)
        self._size[key] = self._size.get(key, 0) + x.numel()
        if self._size[key] > LARGEST:
            self._close(key)
            return
        visit.facts["table"] = x.clone()
        if not visit.grad:
            self._keep(key, visit.facts.pop("table"))

    def _close(self, key: tuple[int, str]) -> None:
        """No more is kept; where each row came twice on average, all rows were there."""
        self._full.add(key)
        self._gather(key)
        parts = self._kept[key]
        if len({p.shape[1] for p in parts}) == 1:
            rows = _distinct(torch.cat(parts))
            self._kept[key] = [rows]
            if 2 * rows.numel() <= LARGEST:
                self._whole.add(key)

    def resolved(self, visits: Sequence[Visit]) -> None:
        for visit in visits:
            table = visit.facts.pop("table", None)
            if table is not None:
                phase = "train" if visit.used else "eval"
                self._keep((visit.network, phase), table)

    def _keep(self, key: tuple[int, str], table: torch.Tensor) -> None:
        self._loose.setdefault(key, []).append(table)
        if len(self._loose[key]) >= PARTS:
            self._gather(key)

    def _gather(self, key: tuple[int, str]) -> None:
        """Many small parts become one: a tensor of four numbers takes a hundred times their room."""
        loose = self._loose.pop(key, [])
        alike = len({(p.shape[1], p.dtype, p.device) for p in loose}) == 1
        self._kept.setdefault(key, []).extend([torch.cat(loose)] if alike else loose)

    def finish(self) -> None:
        for key in list(self._loose):
            self._gather(key)
        for (network, phase), parts in self._kept.items():
            if network in self._hub.trained and len({p.shape[1] for p in parts}) == 1:
                self._hub.write(
                    _table(network, phase, torch.cat(parts), (network, phase) not in self._full - self._whole)
                )


def _distinct(rows: torch.Tensor) -> torch.Tensor:
    prints = fingerprints([rows])
    order = prints.argsort()
    first = torch.ones_like(order, dtype=torch.bool)
    first[1:] = prints[order][1:] != prints[order][:-1]
    return rows[order[first]]


def _table(network: int, phase: str, rows: torch.Tensor, complete: bool) -> Table:
    x = _distinct(rows).double()
    some = x[:LEVELS]
    return Table(
        network, phase, x.shape[0], _numbers(x.mean(0)), _numbers((x * x).mean(0)), _numbers(x.amin(0)),
        _numbers(x.amax(0)), tuple(int(some[:, k].unique().numel()) for k in range(x.shape[1])), complete,
    )  # fmt: skip


def _numbers(x: Any) -> tuple[float, ...]:
    return tuple(x.tolist())
