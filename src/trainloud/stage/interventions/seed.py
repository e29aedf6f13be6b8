"""Random numbers: `seed=7` fixes every source before the script starts, whether or not the script does;
`seed=fresh:1` adds 1 to each seed that the script sets."""

import functools
import random
from collections.abc import Callable
from typing import Any

import torch

from trainloud.stage.imported import when_imported
from trainloud.stage.treated import Treated

_LARGEST = 2**32  # NumPy takes 32 bits


class Intervention:
    def __init__(self, value: str):
        """Raises ValueError for anything but a whole number, or `fresh:` and one."""
        self._fresh = value.startswith("fresh:")
        self._number = int(value.removeprefix("fresh:"))
        self._changed = 0

    def install(self, treated: Treated) -> None:
        if self._fresh:
            self._shift(torch, "manual_seed")
            self._shift(torch.random, "manual_seed")
            self._shift(random, "seed")
            when_imported("numpy.random", lambda module: self._shift(module, "seed"))
            when_imported("numpy.random", lambda module: self._shift(module, "default_rng"))
            when_imported("numpy.random", lambda module: self._shift(module, "RandomState"))
            return
        torch.manual_seed(self._number)
        random.seed(self._number)
        when_imported("numpy", lambda module: module.random.seed(self._number % _LARGEST))
        self._changed = 1

    def _shift(self, owner: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(original)
        def seed(value: Any = None, *args: Any, **kwargs: Any) -> Any:
            if isinstance(value, int):
                self._changed += 1
                value = (value + self._number) % _LARGEST
            return original(value, *args, **kwargs) if value is not None else original(*args, **kwargs)

        setattr(owner, name, seed)

    def report(self) -> tuple[bool, str]:
        if not self._fresh:
            return True, f"every source of random numbers began at {self._number}"
        return self._changed > 0, f"{self._changed} seeds of the script were shifted by {self._number}"
