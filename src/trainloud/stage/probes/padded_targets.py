"""Whether a loss counts targets at padded places."""

from typing import Any

import torch

from trainloud.core.records import PaddedTargets
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub
from trainloud.stage.padding import LEAST_LENGTHS, Padded, padded
from trainloud.stage.visit import Visit, named_arguments

KEY = "padded"  # in a visit's facts: what is known of its padded arguments
GIVEN = "given_sequences"
MOST_ELEMENTS = 2_000_000


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub

    def forward_start(self, visit: Visit) -> None:
        if visit.window and visit.grad:
            visit.facts[KEY] = _paddings(visit)
            visit.facts[GIVEN] = [t for _, t in named_arguments(visit) if not t.is_floating_point() and t.dim() == 2]

    def loss(self, call: Any) -> None:
        visit = call.visit
        if visit is None or not visit.window or not call.grad or not call.by_class or call.reduction == "none":
            return
        if KEY in visit.facts and call.target.numel() <= MOST_ELEMENTS:
            known = visit.facts[KEY] or _paddings(visit)  # keyword arguments are known after the forward only
            for target in _layouts(call.target.detach(), known):
                if self._write(call, target, known):
                    break

    def _write(self, call: Any, target: torch.Tensor, known: list[Padded]) -> bool:
        found = padded(target)
        if found is None or not any(_alike(found, k) for k in known):
            return False
        weight = call.options.get("weight")
        value = int(found.value)
        left_out = value == call.options.get("ignore_index", -100)
        if isinstance(weight, torch.Tensor) and 0 <= value < weight.numel():
            left_out = left_out or float(weight[value]) == 0
        count = target.numel() - int(found.lengths.sum())
        shape = tuple(target.shape)
        given = any(t.shape == target.shape and bool((t == target).all()) for t in call.visit.facts.get(GIVEN, ()))
        self._hub.write(PaddedTargets(self._hub.step, call.kind, persons_line(), shape, value, count, left_out, given))
        return True


def _paddings(visit: Visit) -> list[Padded]:
    found = []
    for _, t in named_arguments(visit):
        if t.numel() <= MOST_ELEMENTS:
            for layout in (t, t.transpose(0, 1)) if t.dim() == 2 else (t,):
                known = padded(layout.detach())
                if known is not None:
                    found.append(known)
    return found


def _layouts(target: torch.Tensor, known: list[Padded]) -> list[torch.Tensor]:
    """The target as (examples, places), in each way that fits."""
    if target.dim() == 2:
        return [target, target.transpose(0, 1)]
    sizes = {len(k.lengths) for k in known}
    found = []
    for n in sizes:
        if target.dim() == 1 and target.numel() % n == 0:
            found += [target.reshape(n, -1), target.reshape(-1, n).transpose(0, 1)]
    return found


def _alike(ours: Padded, theirs: Padded) -> bool:
    """The same lengths, up to one place for all: an input and what follows each of its places."""
    if ours.lengths.shape != theirs.lengths.shape:
        return False
    full = theirs.lengths == theirs.places  # how far these went on was cut off
    apart = (ours.lengths.to(theirs.lengths.device) - theirs.lengths)[~full]
    return len(apart) >= LEAST_LENGTHS and bool((apart == apart[0]).all()) and abs(int(apart[0])) <= 1
