"""Which examples entered which network, in what mode."""

import weakref
from collections.abc import Sequence

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from trainloud.core.records import Batch
from trainloud.stage.code import persons_line
from trainloud.stage.fingerprint import fingerprints, packed
from trainloud.stage.hub import Hub
from trainloud.stage.visit import Visit, named_arguments

LABEL_NAMES = ("label", "target")  # keywords that are answers, not inputs, and so no part of an example's identity


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._switches: dict[int, tuple[list[weakref.ref], list[weakref.ref]]] = {}
        self._place_known: set[tuple[int, int]] = set()

    def forward_start(self, visit: Visit) -> None:
        dropouts, norms = self._switching(visit)
        visit.live_dropout = any((m := r()) is not None and m.training for r in dropouts)
        visit.live_batchnorm = any((m := r()) is not None and m.training for r in norms)
        key = (visit.network, visit.step)
        if visit.window or (not visit.grad and key not in self._place_known):
            self._place_known.add(key)
            visit.where = persons_line()

    def forward_end(self, visit: Visit) -> None:
        tensors = [(n, t) for n, t in named_arguments(visit) if not any(w in n for w in LABEL_NAMES)]
        if not tensors:
            tensors = named_arguments(visit)
        visit.outer = not any(t.requires_grad and t.grad_fn is not None for _, t in tensors)
        visit.iteration = self._hub.iteration()
        if tensors:
            visit.size = tensors[0][1].shape[0]
            alike = [t for _, t in tensors if t.shape[0] == visit.size and t.layout is torch.strided]
            if visit.outer and self._hub.writer.keep("prints", visit.size):
                visit.prints = fingerprints(alike)
        if not visit.grad:
            self._write(visit, "eval")

    def resolved(self, visits: Sequence[Visit]) -> None:
        for visit in visits:
            if visit.grad:
                self._write(visit, "train" if visit.used else "eval")

    def _write(self, visit: Visit, phase: str) -> None:
        hub = self._hub
        passage = hub.passage if phase == "eval" else -1

        def receive(arrived: list[torch.Tensor]) -> None:
            prints = packed(arrived[0].tolist(), "q") if arrived else ""
            hub.write(
                Batch(
                    visit.network,
                    visit.step,
                    phase,
                    visit.training,
                    visit.size,
                    prints,
                    passage,
                    visit.iteration,
                    visit.live_dropout or visit.live_batchnorm,
                    visit.live_dropout,
                    visit.live_batchnorm,
                )
            )

        visit.facts["prints"] = visit.prints if not visit.grad else None
        hub.deferred.put([] if visit.prints is None else [visit.prints], receive)

    def _switching(self, visit: Visit) -> tuple[list[weakref.ref], list[weakref.ref]]:
        """The dropouts and batch norms of a network, found once."""
        if visit.network not in self._switches:
            modules = list(visit.module.modules())
            self._switches[visit.network] = (
                [weakref.ref(m) for m in modules if isinstance(m, _DropoutNd) and m.p > 0],
                [weakref.ref(m) for m in modules if isinstance(m, _BatchNorm)],
            )
        return self._switches[visit.network]
