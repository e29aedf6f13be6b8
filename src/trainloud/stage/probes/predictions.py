"""Outputs on one fixed small batch as training goes on: their dynamics tell a rate that is too high or too low."""

from typing import Any

import torch

from trainloud.core.records import Prediction
from trainloud.stage.hub import Hub
from trainloud.stage.replica import outputs_of, random_state_kept
from trainloud.stage.visit import Visit, named_arguments

EXAMPLES, OUTPUTS = 8, 16
MOST_ELEMENTS = 2_000_000  # of the fixed batch


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._fixed: dict[int, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self._off: set[int] = set()

    def forward_end(self, visit: Visit) -> None:
        if not visit.grad or not visit.window or visit.network in self._fixed or not visit.outer:
            return
        pairs = named_arguments(visit)
        if visit.size < 1 or sum(t.numel() for _, t in pairs) > MOST_ELEMENTS:
            return

        def few(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                first = value[:EXAMPLES] if value.dim() and value.shape[0] == visit.size else value
                return first.detach().clone()
            if isinstance(value, dict):
                return {k: few(v) for k, v in value.items()}
            if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
                return type(value)(few(v) for v in value)
            return value

        self._fixed[visit.network] = (few(visit.args), few(visit.kwargs))

    def step_end(self, optimizer: Any) -> None:
        if self._hub.window:
            self._predict()

    def finish(self) -> None:
        self._predict()

    def _predict(self) -> None:
        for number, (args, kwargs) in self._fixed.items():
            known = self._hub.trained.get(number)
            module = known() if known is not None else None
            if module is None or number in self._off or type(module).__name__ == "OptimizedModule":
                continue
            with random_state_kept():
                try:
                    out = outputs_of(module, args, kwargs)
                except Exception as error:
                    self._off.add(number)
                    self._hub.unseen(f"predictions on a fixed batch: {type(error).__name__}: {error}")
                    continue
            rows = out.reshape(out.shape[0], -1)[:EXAMPLES, :OUTPUTS].float().tolist()
            outputs = tuple(tuple(round(v, 5) for v in row) for row in rows)
            self._hub.write(Prediction(number, self._hub.step, outputs, tuple(out.shape)))
