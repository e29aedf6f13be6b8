"""Outputs on one fixed small batch as training goes on: their dynamics tell a rate that is too high or too low."""

import functools
from typing import Any

import torch

from trainloud.core.records import Prediction, Unseen
from trainloud.stage.hub import Hub
from trainloud.stage.replica import outputs_of
from trainloud.stage.visit import Visit, named_arguments

EXAMPLES, OUTPUTS = 8, 16
MOST_ELEMENTS = 2_000_000  # of the fixed batch


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._fixed: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self._tried: set[int] = set()
        self._targets: dict[int, tuple[tuple[float, ...], str]] = {}

    def forward_end(self, visit: Visit) -> None:
        if not visit.grad or not visit.window or visit.network in self._fixed or not visit.outer:
            return
        pairs = named_arguments(visit)
        if visit.size < 1 or sum(t.numel() for _, t in pairs) > MOST_ELEMENTS:
            return

        def few(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                sliced = value.layout is torch.strided and value.dim() and value.shape[0] == visit.size
                first = value[:EXAMPLES] if sliced else value
                return first.detach().clone()
            if isinstance(value, dict):
                return {k: few(v) for k, v in value.items()}
            if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
                return type(value)(few(v) for v in value)
            return value

        self._fixed[visit.network] = (few(visit.args), few(visit.kwargs))
        visit.facts["fixed"] = True

    def loss(self, call: Any) -> None:
        """The answers to the fixed batch."""
        visit = call.visit
        if visit is not None and visit.facts.pop("fixed", False) and call.target.numel() == visit.size:
            answers = tuple(call.target.detach().reshape(-1)[:EXAMPLES].float().tolist())
            self._targets[visit.network] = (answers, call.kind)

    def step_end(self, optimizer: Any) -> None:
        if self._hub.window:
            self._predict()

    def finish(self) -> None:
        self._predict()

    def _predict(self) -> None:
        for number, (args, kwargs) in self._fixed.items():
            known = self._hub.trained.get(number)
            module = known() if known is not None else None
            if module is None or type(module).__name__ == "OptimizedModule":
                continue
            targets, kind = self._targets.get(number, ((), ""))
            first = number not in self._tried
            self._tried.add(number)
            where = (number, self._hub.step)
            self._hub.aside.do(functools.partial(_outputs, module, args, kwargs, where, targets, kind, first))


def _outputs(
    module: torch.nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    where: tuple[int, int],
    targets: tuple[float, ...],
    kind: str,
    first: bool,
) -> list[Any]:
    """The record, or once the reason why there is none."""
    try:
        out = outputs_of(module, args, kwargs)
        rows = out.reshape(out.shape[0], -1)[:EXAMPLES, :OUTPUTS].float().tolist()
    except Exception as error:
        return [Unseen(f"predictions on a fixed batch: {type(error).__name__}: {error}"[:300])] if first else []
    outputs = tuple(tuple(round(v, 5) for v in row) for row in rows)
    return [Prediction(*where, outputs, tuple(out.shape), targets, kind)]
