"""The targets of each training batch are dealt out anew: inputs and answers have nothing to do with each other.

Source: Zhang et al. (2017), "Understanding deep learning requires rethinking generalization", section 2.
"""

import torch

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str = ""):
        self._generator = torch.Generator().manual_seed(0)
        self._dealt = 0

    def install(self, treated: Treated) -> None:
        treated.at_target(self._target)

    def _target(self, target: torch.Tensor) -> torch.Tensor:
        if not target.dim() or len(target) < 2:
            return target
        self._dealt += 1
        return target[torch.randperm(len(target), generator=self._generator).to(target.device)]

    def report(self) -> tuple[bool, str]:
        return self._dealt > 0, f"the targets of {self._dealt} training batches were shuffled"
