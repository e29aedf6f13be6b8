"""Training sees a part of its data: `data-fraction=0.5` keeps half of what each shuffling DataLoader draws from.

Loaders that do not shuffle (usually validation) are left as they are.
"""

import functools
from typing import Any

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str):
        """Raises ValueError for anything but a fraction above 0 and up to 1."""
        self._fraction = float(value)
        if not 0 < self._fraction <= 1:
            raise ValueError(f"a fraction lies above 0 and up to 1, not at {value!r}")
        self._cuts: list[str] = []

    def install(self, treated: Treated) -> None:
        from torch.utils.data import DataLoader, Subset

        original = DataLoader.__init__
        fraction, cuts = self._fraction, self._cuts

        @functools.wraps(original)
        def made(loader: Any, dataset: Any, *args: Any, **kwargs: Any) -> None:
            shuffles = kwargs.get("shuffle") or (len(args) > 1 and args[1])
            if shuffles and hasattr(dataset, "__len__"):
                kept = max(1, int(len(dataset) * fraction))
                cuts.append(f"{len(dataset)} to {kept}")
                dataset = Subset(dataset, range(kept))
            original(loader, dataset, *args, **kwargs)

        DataLoader.__init__ = made  # type: ignore[method-assign]

    def report(self) -> tuple[bool, str]:
        return bool(self._cuts), "examples: " + (", ".join(self._cuts) or "no shuffling DataLoader was made")
