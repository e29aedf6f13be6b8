"""DataLoaders: which indices were drawn, by which loop, and whether it went to the end."""

from array import array
from collections.abc import Callable
from typing import Any

from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data import dataloader as module

from trainloud.core.records import Iteration
from trainloud.stage.code import persons_line
from trainloud.stage.fingerprint import packed
from trainloud.stage.hub import Hub
from trainloud.stage.patches import Ids, Patches
from trainloud.stage.writer import EXAMPLE_CAP


class _Running:
    """One iteration under way. Holds neither the loader nor its data, which the script may be done with."""

    def __init__(self, number: int, loader: Any, step: int, backwards: int):
        self.number, self.step, self.backwards = number, step, backwards
        self.where = persons_line()
        self.loader = self.dataset = -1
        self.size = loader.batch_size or getattr(loader.batch_sampler, "batch_size", 0) or 0
        self.drop_last = bool(loader.drop_last)
        self.examples = self.batches = None
        if not isinstance(loader.dataset, IterableDataset):  # asked for its length, such a loader would warn later
            self.examples, self.batches = _length(loader.dataset), _length(loader)
        self.drawn = 0
        self.exhausted = False
        self.indices = array("q")
        self.written = False
        self.stepped = step
        """Optimiser steps so far when it was last drawn from."""
        self.until: int | None = None
        """Backwards so far when another iteration was drawn from after this one; None while it is the latest."""


class Probe:
    COUNTERFACTUAL = True

    def __init__(self, hub: Hub):
        self._hub = hub
        self._iterators = Ids()
        self._loaders, self._datasets = Ids(), Ids()
        self._made: dict[int, Any] = {}
        self._running: dict[int, _Running] = {}
        self._current = -1
        self._latest: _Running | None = None
        self._size = 0
        self._count = 0
        hub.iteration = lambda: self._current
        hub.batch_size = lambda: self._size

    def install(self, patches: Patches) -> None:
        base = module._BaseDataLoaderIter
        patches.after(DataLoader, "__init__", lambda _r, loader, *a, **k: self._note_made(loader))
        patches.after(base, "__init__", lambda _r, it, loader, *a, **k: self._started(it, loader))
        patches.after(base, "_reset", lambda _r, it, loader, first_iter=False: self._restarted(it, loader, first_iter))
        patches.after(base, "_next_index", self._index)
        patches.around(base, "__next__", self._drawing)

    def _note_made(self, loader: Any) -> None:
        self._made[self._loaders.of(loader)] = persons_line()

    def _started(self, iterator: Any, loader: Any) -> None:
        number = self._iterators.of(iterator)
        if number in self._running:
            return
        running = _Running(self._count, loader, self._hub.step, self._hub.counts["backwards"])
        running.loader, running.dataset = self._loaders.of(loader), self._datasets.of(loader.dataset)
        self._running[number] = running
        self._count += 1

    def _restarted(self, iterator: Any, loader: Any, first: bool) -> None:
        """Persistent workers use one iterator object for many iterations."""
        if not first and (number := self._iterators.get(iterator)) is not None:
            self._close(self._running.pop(number, None))
            self._started(iterator, loader)

    def _index(self, indices: Any, iterator: Any) -> None:
        running = self._of(iterator)
        if running is None or len(running.indices) > EXAMPLE_CAP:  # more are not kept
            return
        if isinstance(indices, list) and all(isinstance(i, int) for i in indices):
            running.indices.extend(indices)
        elif isinstance(indices, int):
            running.indices.append(indices)

    def _of(self, iterator: Any) -> _Running | None:
        return self._running.get(self._iterators.of(iterator))

    def _drawing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def __next__(iterator: Any) -> Any:
            running = self._of(iterator)
            try:
                batch = original(iterator)
            except StopIteration:
                if running is not None:
                    running.exhausted, running.stepped = True, self._hub.step
                    self._hub.safely("loader", self._close, running)
                raise
            if running is not None:
                running.drawn += 1
                running.stepped = self._hub.step
                if self._latest is not None and self._latest is not running:
                    self._latest.until = self._hub.counts["backwards"]
                self._latest, running.until = running, None
                self._current = running.number
                self._size = running.size
            return batch

        return __next__

    def _close(self, running: _Running | None) -> None:
        """Write what is known of an iteration that is over."""
        if running is None or running.written or not running.drawn or self._hub.busy:
            return
        running.written = True
        hub = self._hub
        backwards = hub.counts["backwards"]
        if not running.exhausted and running.until is not None:
            backwards = running.until  # a loop that was left early is over when another draws
        kept = running.indices and hub.writer.keep("prints", len(running.indices))
        hub.write(
            Iteration(
                running.number, running.loader, running.where, running.step, self._made.get(running.loader),
                running.dataset, running.examples, running.batches, running.drawn, running.exhausted,
                "train" if backwards > running.backwards else "eval",
                running.drop_last, packed(running.indices, "q") if kept else "",
                backwards - running.backwards, running.stepped - running.step,
            )
        )  # fmt: skip

    def resolved(self, visits: Any) -> None:
        """Iterations that a loop left early: another one has begun since."""
        for number, running in list(self._running.items()):
            if running.written:
                del self._running[number]

    def finish(self) -> None:
        self._hub.busy = False
        for running in self._running.values():
            self._close(running)
        self._hub.busy = True


def _length(sized: Any) -> int | None:
    try:
        return len(sized)
    except Exception:  # the person's own code
        return None
