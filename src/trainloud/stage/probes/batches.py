"""Which examples entered which network, in what mode."""

import math
import weakref
from collections.abc import Sequence

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from trainloud.core.records import Batch, Frames
from trainloud.core.records.examples import UNFOLDED
from trainloud.stage.code import persons_line
from trainloud.stage.describe import drops
from trainloud.stage.fingerprint import fingerprints, packed
from trainloud.stage.hub import Hub
from trainloud.stage.visit import Visit, named_arguments

LABEL_NAMES = ("label", "target")  # keywords that are answers, not inputs, and so no part of an example's identity
MOST_FRAMES = 60_000  # single time steps that are fingerprinted, a network, phase and axis
LEAST_VALUES = 4  # of a time step: fewer coincide by chance
SPAN = 4  # steps of a narrow sequence that are fingerprinted together
LONGEST = 4096  # numbers of a narrow sequence


class Probe:
    COUNTERFACTUAL = True

    def __init__(self, hub: Hub):
        self._hub = hub
        self._switches: dict[int, tuple[list[weakref.ref], list[weakref.ref]]] = {}
        self._place_known = (-1, -1)  # network and step
        self._frames: dict[tuple[int, bool, int], int] = {}

    def forward_start(self, visit: Visit) -> None:
        dropouts, norms = self._switching(visit)
        visit.live_dropout = any((m := r()) is not None and m.training for r in dropouts)
        visit.live_batchnorm = any((m := r()) is not None and m.training for r in norms)
        key = (visit.network, visit.step)
        if visit.window or (not visit.grad and self._place_known != key):
            self._place_known = key
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
                visit.facts["sums"] = [t.detach().sum(dtype=torch.float32) for t in alike if t.is_floating_point()]
                visit.facts["frames"] = self._cut(visit, alike)
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
            totals = [float(t) for t in arrived[1:]]
            finite = all(math.isfinite(t) or t == -math.inf for t in totals)
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
                    finite,
                )
            )

        visit.facts["prints"] = visit.prints if not visit.grad else None
        sums = visit.facts.pop("sums", [])
        hub.deferred.put([] if visit.prints is None else [visit.prints, *sums], receive)
        for axis, per, cut in visit.facts.pop("frames", ()):
            self._write_frames(visit, phase, passage, axis, per, cut)

    def _cut(self, visit: Visit, tensors: list[torch.Tensor]) -> list[tuple[int, int, torch.Tensor]]:
        """(axis, frames an example, fingerprints) of the first float sequence, along either axis that may be time.

        Sequences of a few numbers a step, and plain rows, are also cut into SPAN steps at a time (axis UNFOLDED).
        """
        found: list[tuple[int, int, torch.Tensor]] = []
        x = next((t.detach() for t in tensors if t.is_floating_point() and t.dim() in (2, 3)), None)
        if x is None:
            return found
        for axis in (1, 2, UNFOLDED):
            if axis == UNFOLDED:
                rows = _unfolded(x)
                if rows is None:
                    continue
            elif x.dim() == 3:
                rows = x.movedim(axis, 1)
            else:
                continue
            count, key = rows.shape[0] * rows.shape[1], (visit.network, visit.grad, axis)
            if rows.shape[1] < 2 or rows.shape[2] < LEAST_VALUES or self._frames.get(key, 0) + count > MOST_FRAMES:
                continue
            self._frames[key] = self._frames.get(key, 0) + count
            flat = rows.reshape(count, rows.shape[2])
            varied = (flat != flat[:, :1]).any(1)
            found.append((axis, rows.shape[1], fingerprints([flat]) * varied))
        return found

    def _write_frames(self, visit: Visit, phase: str, passage: int, axis: int, per: int, cut: torch.Tensor) -> None:
        def receive(arrived: list[torch.Tensor]) -> None:
            text = packed(arrived[0].tolist(), "q")
            self._hub.write(Frames(visit.network, phase, passage, visit.iteration, axis, per, text))

        self._hub.deferred.put([cut], receive)

    def _switching(self, visit: Visit) -> tuple[list[weakref.ref], list[weakref.ref]]:
        """The dropouts and batch norms of a network, found once."""
        if visit.network not in self._switches:
            modules = list(visit.module.modules())
            self._switches[visit.network] = (
                [weakref.ref(m) for m in modules if drops(m)],
                [weakref.ref(m) for m in modules if isinstance(m, _BatchNorm)],
            )
        return self._switches[visit.network]


def _unfolded(x: torch.Tensor) -> torch.Tensor | None:
    """(examples, places, values): the numbers of each example, SPAN at a time; None for wide sequences."""
    if x.dim() == 3 and min(x.shape[1:]) != 1:
        return None
    flat = x.reshape(x.shape[0], -1)
    return flat.unfold(1, SPAN, 1) if 2 * SPAN <= flat.shape[1] <= LONGEST else None
