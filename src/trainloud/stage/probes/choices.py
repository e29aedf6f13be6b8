"""Values drawn from probabilities that are new each time, as a policy's actions are from its network's output."""

import functools
from typing import Any

import torch

from trainloud.core.records import Choices
from trainloud.stage.hub import Hub
from trainloud.stage.imported import when_imported
from trainloud.stage.patches import Patches


class Probe:
    """Weights of a sampler or of negative examples are drawn from as well, but they stay the same tensor."""

    def __init__(self, hub: Hub):
        self._hub = hub
        self._held: dict[str, Any] = {}  # kept alive, so that a new tensor lies at another address
        self._at = -1
        self._gaps = 0

    def install(self, patches: Patches) -> None:
        for owner in (torch, torch.Tensor):
            patches.after(owner, "multinomial", functools.partial(self._drawn, "multinomial"))
        patches.after(torch, "normal", functools.partial(self._drawn, "normal"))
        when_imported("numpy.random", lambda module: patches.after(module, "choice", self._chosen))

    def _drawn(self, name: str, _result: Any, given: Any = None, *_: Any, **__: Any) -> None:
        if self._hub.busy or not isinstance(given, torch.Tensor):
            return
        before, self._held[name] = self._held.get(name), given.detach()
        if before is not None and before.data_ptr() != given.data_ptr():
            self._count()

    def _chosen(self, _result: Any, *args: Any, **kwargs: Any) -> None:
        given = kwargs.get("p", args[3] if len(args) > 3 else None)
        if self._hub.busy or given is None:
            return
        before, self._held["choice"] = self._held.get("choice"), given
        if before is not None and before is not given:
            self._count()

    def _count(self) -> None:
        if self._at != self._hub.step:
            self._at = self._hub.step
            self._gaps += 1

    def finish(self) -> None:
        if self._gaps:
            self._hub.write(Choices(self._gaps))
