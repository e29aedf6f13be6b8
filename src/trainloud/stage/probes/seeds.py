"""Whether the script fixes its random numbers."""

import functools
import random
from typing import Any

import torch

from trainloud.core.records import Seeded
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub
from trainloud.stage.imported import when_imported
from trainloud.stage.patches import Patches


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._known: set[str] = set()

    def install(self, patches: Patches) -> None:
        patches.after(torch, "manual_seed", functools.partial(self._note, "torch", "seed"))
        patches.after(random, "seed", functools.partial(self._note, "python", "a"))
        when_imported(
            "numpy.random", lambda m: patches.after(m, "seed", functools.partial(self._note, "numpy", "seed"))
        )

    def _note(self, source: str, name: str, _result: Any, *args: Any, **kwargs: Any) -> None:
        seed: Any = args[0] if args else kwargs.get(name)
        if self._hub.busy or source in self._known or not hasattr(seed, "__index__"):
            return
        where = persons_line()
        if where is not None:
            self._known.add(source)
            self._hub.write(Seeded(source, int(seed), where))
