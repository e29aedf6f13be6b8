"""Dropouts in training, and the statistics with which batch norms evaluate."""

from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from trainloud.core.records import DropoutUse, NormEval
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub
from trainloud.stage.visit import Visit, tensors_in

EVALS = 3  # evaluation forwards of a network whose norms are looked at, at different steps
MOST_DROPOUTS = 64  # of a forward


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._looked: dict[int, set[int]] = {}

    def operation(self, name: str, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        """A dropout inside a training forward."""
        hub = self._hub
        visit = hub.visit if hub.stack else None
        if visit is None or not visit.grad or not visit.window or "dropout" not in name:
            return
        if not isinstance(result, torch.Tensor) or (name in ("dropout_",) and not isinstance(args[0], torch.Tensor)):
            return
        seen = visit.facts.setdefault("dropouts", [])
        if len(seen) >= MOST_DROPOUTS or not visit.module.training:
            return
        p = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
        on = kwargs.get("training", args[2] if len(args) > 2 else True)
        if isinstance(p, (int, float)):
            seen.append((persons_line(), name, float(p), bool(on), self._around(), result.data_ptr()))

    def _around(self) -> bool:
        """Whether the innermost module that is no dropout is in training mode and trainable."""
        inner = next((m for m in reversed(self._hub.stack) if not isinstance(m, _DropoutNd)), None)
        return inner is not None and inner.training and any(p.requires_grad for p in inner.parameters())

    def forward_end(self, visit: Visit) -> None:
        if visit.grad:
            ends = {t.data_ptr() for t in tensors_in(visit.output)}
            for where, name, p, on, around, pointer in visit.facts.pop("dropouts", ()):
                self._hub.write(DropoutUse(visit.step, visit.network, where, name, p, on, around, pointer in ends))
        elif self._hub.step and not visit.module.training:
            steps = self._looked.setdefault(visit.network, set())
            if len(steps) < EVALS and self._hub.step not in steps:
                steps.add(self._hub.step)
                self._evaluated(visit)

    def _evaluated(self, visit: Visit) -> None:
        norms = [
            (n, m) for n, m in visit.module.named_modules()
            if isinstance(m, _BatchNorm) and not m.training and m.running_mean is not None
        ]  # fmt: skip
        fresh = [n for n, m in norms if not bool(m.running_mean.any()) and bool((m.running_var == 1).all())]
        if norms:
            self._hub.write(
                NormEval(visit.network, self._hub.step, visit.where or persons_line(), len(norms), len(fresh),
                         fresh[0] if fresh else "", visit.network in self._hub.trained)
            )  # fmt: skip
