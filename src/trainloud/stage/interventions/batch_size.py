"""The batch size of every DataLoader, times a factor: `batch-size=x2`.

Loops that cut their own batches have their size changed through the script's options.
"""

import functools
from typing import Any

from trainloud.stage.treated import Treated


class Intervention:
    def __init__(self, value: str):
        """Raises ValueError for anything but `x` and a factor."""
        if not value.startswith("x"):
            raise ValueError(f"a batch size is changed by a factor such as x2, not {value!r}")
        self._factor = float(value[1:])
        self._sizes: list[tuple[int, int]] = []

    def install(self, treated: Treated) -> None:
        from torch.utils.data import DataLoader

        original = DataLoader.__init__
        sizes = self._sizes
        factor = self._factor

        @functools.wraps(original)
        def made(loader: Any, dataset: Any, batch_size: Any = 1, *args: Any, **kwargs: Any) -> None:
            if isinstance(batch_size, int) and kwargs.get("batch_sampler") is None:
                new = max(1, round(batch_size * factor))
                sizes.append((batch_size, new))
                batch_size = new
            original(loader, dataset, batch_size, *args, **kwargs)

        DataLoader.__init__ = made  # type: ignore[method-assign]

    def report(self) -> tuple[bool, str]:
        changed = [f"{a} to {b}" for a, b in self._sizes if a != b]
        return bool(changed), "batch sizes: " + (", ".join(changed) or "none was changed")
