"""Right predictions of evaluation, as the script itself counts them: `prediction == target`, whole numbers both."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from trainloud.core.records import Hits
from trainloud.stage.hub import Hub
from trainloud.stage.patches import Patches
from trainloud.stage.reach import out_of_reach
from trainloud.stage.visit import Visit

NAMES = ("eq", "__eq__")


class Probe:
    COUNTERFACTUAL = True

    def __init__(self, hub: Hub):
        self._hub = hub
        self._correct: list[torch.Tensor] = []
        self._count = 0
        self._inside = False

    def install(self, patches: Patches) -> None:
        for name in NAMES:
            patches.around(torch.Tensor, name, self._watch)
        patches.around(torch, "eq", self._watch)

    def _watch(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def eq(*args: Any, **kwargs: Any) -> Any:
            hub, inside = self._hub, self._inside
            self._inside = True  # a subclass, or a mode, comes back through the method
            try:
                result = original(*args, **kwargs)
            finally:
                self._inside = inside
            if len(args) == 2 and hub.step and not hub.busy and not hub.stack and not self._inside:
                hub.safely("hits", self._note, args[0], args[1], result)
            return result

        return eq

    def _note(self, prediction: Any, target: Any, result: Any) -> None:
        visit = self._hub.latest
        if visit is None or visit.grad or not (_classes(prediction) and _classes(target)):
            return
        if self._hub.elsewhere() or out_of_reach():
            return
        if prediction.shape == target.shape and prediction.shape[0] == visit.size and result.dtype == torch.bool:
            self._hub.busy = True
            try:
                self._correct.append(result.detach().sum().reshape(1))
            finally:
                self._hub.busy = False
            self._count += result.numel()

    def resolved(self, visits: Sequence[Visit]) -> None:
        """Forwards since the last step."""
        if not self._count:
            return
        hub, count = self._hub, self._count
        facts = (hub.passage, hub.step)
        total = torch.cat(self._correct).sum().reshape(1)
        hub.deferred.put([total], lambda arrived: hub.write(Hits(*facts, int(arrived[0]), count)))
        self._correct, self._count = [], 0


def _classes(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dim() == 1 and not value.is_floating_point()
