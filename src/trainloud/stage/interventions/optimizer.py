"""Another optimiser over the same parameters: `optimizer=adam` steps with Adam at 3e-4, `=adam:1e-3` with 1e-3.

Source: Karpathy (2019), "A Recipe for Training Neural Networks", step 3, "adam is safe".
"""

import functools
import types
from typing import Any

import torch

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str = "adam"):
        """Raises ValueError for another optimiser or a rate that is no number."""
        kind, _, rate = value.partition(":")
        if kind != "adam":
            raise ValueError(f"only adam can take an optimiser's place, not {kind!r}")
        self._rate = float(rate or 3e-4)
        self._twins: dict[int, torch.optim.Optimizer] = {}
        self._steps = 0

    def install(self, treated: Treated) -> None:
        from torch.optim.optimizer import Optimizer

        original = Optimizer.__init__
        intervention = self

        @functools.wraps(original)
        def made(optimizer: Any, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            if not isinstance(optimizer, torch.optim.Adam) or not getattr(optimizer, "_takes_a_place", False):
                optimizer.step = types.MethodType(intervention._step, optimizer)  # schedules look for a method

        Optimizer.__init__ = made  # type: ignore[method-assign, assignment]

    @property
    def _step(self) -> Any:
        """Takes the place of an optimiser's `step`."""

        def step(optimizer: Any, closure: Any = None) -> Any:
            return self._made(optimizer).step(closure)

        return step

    def _made(self, optimizer: Any) -> torch.optim.Optimizer:
        """The Adam that steps in an optimiser's place, over the parameters that this holds now."""
        held = [p for g in optimizer.param_groups for p in g["params"]]
        twin = self._twins.get(id(optimizer))
        if twin is None:
            twin = self._twins[id(optimizer)] = _Twin(held, lr=self._rate)
        known = {id(p) for g in twin.param_groups for p in g["params"]}
        if new := [p for p in held if id(p) not in known]:
            twin.add_param_group({"params": new})
        self._steps += 1
        return twin

    def report(self) -> tuple[bool, str]:
        return self._steps > 0, f"{self._steps} steps were made by Adam at {self._rate:.3g}"


class _Twin(torch.optim.Adam):
    _takes_a_place = True
