"""Class n of the targets becomes the n-th of the list: `labels=2,0,1` puts labels back by an assignment."""

import torch

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str):
        """Raises ValueError for anything but a permutation of the classes from 0."""
        self._map = [int(v) for v in value.split(",")]
        if sorted(self._map) != list(range(len(self._map))):
            raise ValueError(f"{value!r} is no permutation of the classes from 0")
        self._changed = 0

    def install(self, treated: Treated) -> None:
        treated.at_target(self._target, by_hand=False)

    def _target(self, target: torch.Tensor) -> torch.Tensor:
        if target.is_floating_point():
            return target
        table = torch.tensor(self._map, device=target.device)
        known = (target >= 0) & (target < len(table))
        self._changed += 1
        return torch.where(known, table[target.clamp(0, len(table) - 1)].to(target.dtype), target)

    def report(self) -> tuple[bool, str]:
        return self._changed > 0, f"the classes of {self._changed} batches were renumbered"
