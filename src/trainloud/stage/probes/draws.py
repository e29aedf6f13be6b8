"""Random numbers drawn while examples are fetched: the state of each source before and after a first fetch."""

import hashlib
import random
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import dataloader, get_worker_info

from trainloud.core.records import Draws
from trainloud.stage.hub import Hub
from trainloud.stage.patches import Patches, unseen_by_warnings

ITERATIONS = 10  # of the run, whose first fetch in each process is looked at


class Probe:
    """The state before is taken where the fetch is prepared, the state after where its examples are put together.

    So nothing of ours stands on the stack while the person's data set is at work.
    """

    def __init__(self, hub: Hub):
        self._hub = hub
        self._writer = hub.writer
        self._iteration = -1
        self._before: dict[str, int] = {}
        self._wrapper: Any = None

    def install(self, patches: Patches) -> None:
        base = dataloader._BaseDataLoaderIter
        patches.after(base, "__init__", lambda _r, *a, **k: self._begin())
        patches.after(base, "_reset", lambda _r, it, loader, first_iter=False: None if first_iter else self._begin())
        patches.after(dataloader._DatasetKind, "create_fetcher", self._made)
        patches.after(base, "_next_index", self._next_index)

    def _begin(self) -> None:
        if not self._hub.busy:
            self._iteration += 1

    def _made(self, fetcher: Any, *_: Any, **__: Any) -> None:
        """In the process that fetches: a worker after its seeds were set, or the main process."""
        if self._hub.busy or self._iteration >= ITERATIONS:
            return
        original = fetcher.collate_fn
        self._before = _states(fetcher.dataset)
        dataset, iteration = fetcher.dataset, self._iteration

        def collate(batch: Any) -> Any:
            fetcher.collate_fn = original
            self._hub.safely("draws", self._note, dataset, iteration)
            return original(batch)

        fetcher.collate_fn = self._wrapper = unseen_by_warnings(collate)

    def _next_index(self, _index: Any, iterator: Any) -> None:
        """In the main process the sampler has drawn by now."""
        fetcher = getattr(iterator, "_dataset_fetcher", None)
        if fetcher is not None and fetcher.collate_fn is self._wrapper and not self._hub.busy:
            self._before = _states(fetcher.dataset)

    def _note(self, dataset: Any, iteration: int) -> None:
        """Workers write into the trace of the process that they were forked from: each line is written whole."""
        worker = get_worker_info()
        if not self._writer.open and worker is not None:
            return
        number = worker.id if worker is not None else -1
        after = _states(dataset)
        for source, state in self._before.items():
            if source in after:
                self._writer.write(Draws(iteration, number, source, state, after[source]))


def _digest(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=6).digest(), "big")


def _states(dataset: Any) -> dict[str, int]:
    found = {
        "torch": _digest(torch.get_rng_state().numpy().tobytes()),
        "random": _digest(repr(random.getstate()).encode()),
    }
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        state = numpy.random.get_state()
        found["numpy"] = _digest(state[1].tobytes() + repr(state[2:]).encode())
    for name, generator in _generators(dataset):
        found[name] = generator
    return found


def _generators(thing: Any, path: str = "", depth: int = 3) -> Iterator[tuple[str, int]]:
    """Generators that a data set, or what it wraps, holds as plain attributes."""
    held = getattr(thing, "__dict__", None)
    if not isinstance(held, dict) or depth == 0:
        return
    numpy = sys.modules.get("numpy")
    for name, value in list(held.items())[:40]:
        where = f"{path}.{name}"
        if isinstance(value, torch.Generator):
            yield where, _digest(value.get_state().numpy().tobytes())
        elif isinstance(value, random.Random):
            yield where, _digest(repr(value.getstate()).encode())
        elif numpy is not None and isinstance(value, numpy.random.Generator):
            yield where, _digest(repr(value.bit_generator.state).encode())
        elif numpy is not None and isinstance(value, numpy.random.RandomState):
            state = value.get_state()
            yield where, _digest(state[1].tobytes() + repr(state[2:]).encode())
        elif isinstance(value, (list, tuple)) and len(value) <= 16:
            for k, part in enumerate(value):
                yield from _generators(part, f"{where}[{k}]", depth - 1)
        elif not isinstance(value, torch.Tensor):
            yield from _generators(value, where, depth - 1)
