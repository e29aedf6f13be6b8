"""Whether the script fixes its random numbers."""

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
        patches.after(torch, "manual_seed", lambda _r, *a, **_k: self._note("torch", a))
        patches.after(random, "seed", lambda _r, *a, **_k: self._note("python", a))
        when_imported("numpy.random", lambda m: patches.after(m, "seed", lambda _r, *a, **_k: self._note("numpy", a)))

    def _note(self, source: str, args: tuple[Any, ...]) -> None:
        where = persons_line()
        if self._hub.busy or source in self._known or not args or not isinstance(args[0], int) or where is None:
            return
        self._known.add(source)
        self._hub.write(Seeded(source, args[0], where))
