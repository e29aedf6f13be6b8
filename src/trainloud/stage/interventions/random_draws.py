"""Random numbers that are drawn one at a time while training goes on are all the same: `random-draws=0.999`.

Whole numbers become the one at that share of their range, so that 0 gives the least.

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
        random.randint = self._whole(random.randint, last=True)  # type: ignore[assignment]
        torch.rand = self._tensor(torch.rand)  # type: ignore[assignment]
        when_imported("numpy", self._numpy)

    def _note(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._training |= torch.is_grad_enabled()
        return args, kwargs

    def _numpy(self, numpy: Any) -> None:
        for name in _NUMPY:
            setattr(numpy.random, name, self._single(getattr(numpy.random, name), ranged=name == "uniform"))
        numpy.random.randint = self._whole(numpy.random.randint)
        intervention = self

        class Generator(numpy.random.Generator):  # type: ignore[misc, name-defined]
            def random(self, *args: Any, **kwargs: Any) -> Any:
                return intervention._single(super().random)(*args, **kwargs)

            def uniform(self, *args: Any, **kwargs: Any) -> Any:
                return intervention._single(super().uniform, ranged=True)(*args, **kwargs)

            def integers(self, *args: Any, **kwargs: Any) -> Any:
                return intervention._whole(super().integers, last=bool(kwargs.get("endpoint")))(*args, **kwargs)

        original = numpy.random.default_rng
        numpy.random.default_rng = lambda *a, **k: Generator(original(*a, **k).bit_generator)

    def _active(self) -> bool:
        """Training has begun; what is drawn for an evaluation without gradients is left alone."""
        return self._training and torch.is_grad_enabled()

    def _whole(self, original: Callable[..., Any], last: bool = False) -> Callable[..., Any]:
        """A whole number from a range, given as (stop) or (start, stop); `last`: the end is one of them."""

        def draw(*args: Any, **kwargs: Any) -> Any:
            drawn = original(*args, **kwargs)
            bounds = [a for a in args[:2] if a is not None]
            bounds += [v for k in ("low", "a", "high", "b") if (v := kwargs.get(k)) is not None]
            usable = len(bounds) in (1, 2) and all(hasattr(b, "__index__") for b in bounds)
            if not self._active() or getattr(drawn, "shape", None) or not usable:
                return drawn
            self._fixed += 1
            low, high = (0, bounds[0]) if len(bounds) == 1 else bounds
            one = min(low + int((high - low + last) * self._value), high - (not last))
            return type(drawn)(one)

        return draw

    def _single(self, original: Callable[..., Any], ranged: bool = False) -> Callable[..., Any]:
        def draw(*args: Any, **kwargs: Any) -> Any:
            drawn = original(*args, **kwargs)  # other draws stay what they would have been
            if not self._active() or not isinstance(drawn, float):
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
            if self._active() and not self._inside._inside and drawn.numel() == 1:
                self._fixed += 1
                drawn.fill_(self._value)
            return drawn

        return rand

    def report(self) -> tuple[bool, str]:
        return self._fixed > 0, f"{self._fixed} random draws of training gave {self._value}"
