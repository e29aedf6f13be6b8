"""Uniform random numbers that are drawn one at a time while training goes on are all the same: `random-draws=0.999`.

`if random() < p: augment(...)` then never augments (near 1) or always does (at 0). Shuffling, initial weights, dropout
and whatever is drawn before the first training forward stay random.
"""

import random
from collections.abc import Callable
from typing import Any

import torch

from trainloud.stage.imported import when_imported
from trainloud.stage.treated import Treated

_NUMPY = ("rand", "random", "random_sample", "uniform")


class Intervention:
    def __init__(self, value: str):
        """Raises ValueError for a value outside 0 to 1."""
        self._value = float(value)
        if not 0 <= self._value <= 1:
            raise ValueError(f"a uniform random number lies in 0 to 1, not at {value!r}")
        self._training = False
        self._fixed = 0

    def install(self, treated: Treated) -> None:
        treated.at_door(self._note)
        self._inside = treated
        random.random = self._single(random.random)  # type: ignore[assignment]
        random.uniform = self._single(random.uniform, ranged=True)  # type: ignore[assignment]
        torch.rand = self._tensor(torch.rand)  # type: ignore[assignment]
        when_imported("numpy", self._numpy)

    def _note(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._training |= torch.is_grad_enabled()
        return args, kwargs

    def _numpy(self, numpy: Any) -> None:
        for name in _NUMPY:
            setattr(numpy.random, name, self._single(getattr(numpy.random, name), ranged=name == "uniform"))
        intervention = self

        class Generator(numpy.random.Generator):  # type: ignore[misc, name-defined]
            def random(self, *args: Any, **kwargs: Any) -> Any:
                return intervention._single(super().random)(*args, **kwargs)

            def uniform(self, *args: Any, **kwargs: Any) -> Any:
                return intervention._single(super().uniform, ranged=True)(*args, **kwargs)

        original = numpy.random.default_rng
        numpy.random.default_rng = lambda *a, **k: Generator(original(*a, **k).bit_generator)

    def _single(self, original: Callable[..., Any], ranged: bool = False) -> Callable[..., Any]:
        def draw(*args: Any, **kwargs: Any) -> Any:
            drawn = original(*args, **kwargs)  # other draws stay what they would have been
            if not self._training or not isinstance(drawn, float):
                return drawn
            self._fixed += 1
            if not ranged:
                return self._value
            low = args[0] if args else kwargs.get("low", kwargs.get("a", 0.0))
            high = args[1] if len(args) > 1 else kwargs.get("high", kwargs.get("b", 1.0))
            return low + (high - low) * self._value

        return draw

    def _tensor(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def rand(*args: Any, **kwargs: Any) -> Any:
            drawn = original(*args, **kwargs)
            if self._training and not self._inside._inside and drawn.numel() == 1:
                self._fixed += 1
                drawn.fill_(self._value)
            return drawn

        return rand

    def report(self) -> tuple[bool, str]:
        return self._fixed > 0, f"{self._fixed} random draws of training gave {self._value}"
