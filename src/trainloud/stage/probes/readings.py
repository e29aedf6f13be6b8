"""Files with the state of an optimiser or of a schedule in them, as torch.load gives them."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch

from trainloud.core.records import Reading
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub
from trainloud.stage.patches import Patches
from trainloud.stage.probes.steps import numbers_of
from trainloud.stage.visit import tensors_in

DEPTH = 4  # of dictionaries and lists in a file
MOST = 2_000  # entries looked at
MOST_TENSORS = 20_000


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._loading = False

    def install(self, patches: Patches) -> None:
        patches.after(torch, "load", self._was_read)
        if torch.serialization.load is not torch.load:
            patches.after(torch.serialization, "load", self._was_read)

    def _was_read(self, result: Any, *_: Any, **__: Any) -> None:
        if self._hub.busy or not isinstance(result, (dict, list, tuple)):
            return
        optimizers, schedules = [], []
        for entry in _dictionaries(result):
            if _is_optimizer(entry):
                optimizers.append(entry)
            elif isinstance(entry.get("last_epoch"), int) and "_step_count" in entry:
                schedules.append(entry["last_epoch"])
        if not optimizers and not schedules:
            return
        groups = [g for o in optimizers for g in o["param_groups"]]
        settings = numbers_of(groups[0]) if groups else {}
        if groups and isinstance(groups[0].get("initial_lr"), (int, float)):
            settings["lr"] = float(groups[0]["initial_lr"])
        states = [s for o in optimizers for s in o["state"].values() if isinstance(s, dict)]
        elements = sum(t.numel() for n, t in enumerate(tensors_in(states)) if n < MOST_TENSORS)
        self._hub.write(
            Reading(
                self._hub.step, persons_line(), sum(len(g["params"]) for g in groups),
                max((_number(s.get("step")) for s in states), default=0.0), elements, settings,
                max(schedules, default=-1),
            )
        )  # fmt: skip


def _dictionaries(thing: Any) -> Iterator[dict[Any, Any]]:
    """Dictionaries in a file's content, outermost first; an optimiser's own parts are not looked into."""
    queue, looked = [(thing, 0)], 0
    while queue and looked < MOST:
        at, depth = queue.pop(0)
        looked += 1
        if isinstance(at, dict):
            yield at
        if depth < DEPTH and isinstance(at, (dict, list, tuple)) and not _is_optimizer(at):
            inner = at.values() if isinstance(at, dict) else at
            queue += [(v, depth + 1) for v in islice(inner, MOST) if isinstance(v, (dict, list, tuple))]


def _is_optimizer(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("state"), dict):
        return False
    groups = entry.get("param_groups")
    return isinstance(groups, list) and all(isinstance(g, dict) and "params" in g for g in groups)


def _number(value: Any) -> float:
    """A step counter; never waits for a device."""
    if isinstance(value, torch.Tensor):
        return float(value) if value.numel() == 1 and value.device.type == "cpu" else 1.0
    return float(value) if isinstance(value, (int, float)) else 0.0
