"""State dicts: whether what is kept is a copy, and whether what is loaded arrives."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from trainloud.core.place import Place
from trainloud.core.records import Checkpoint
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub
from trainloud.stage.patches import Patches
from trainloud.stage.visit import tensors_in

MOST_NAMES = 50
MOST_TENSORS = 20_000  # of one file


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._depth = 0
        self._taken = WeakTensorKeyDictionary()  # tensor of a state dict -> (step, line)
        self._read: set[int] = set()  # storages that torch.load gave
        self._loads = 0

    def install(self, patches: Patches) -> None:
        patches.around(torch.nn.Module, "state_dict", self._taking)
        patches.around(torch.nn.Module, "load_state_dict", self._loading)
        patches.around(torch, "save", self._saving)
        patches.after(torch, "load", self._was_read)
        patches.after(torch.serialization, "load", self._was_read)

    def _taking(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def state_dict(*args: Any, **kwargs: Any) -> Any:
            self._depth += 1
            try:
                state = original(*args, **kwargs)
            finally:
                self._depth -= 1
            if not self._depth and not self._hub.busy:
                taken = (self._hub.step, persons_line())
                for t in tensors_in(state):
                    self._taken[t] = taken
            return state

        return state_dict

    def _loading(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def load_state_dict(module: Any, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
            if self._hub.busy or self._depth:
                return original(module, state_dict, *args, **kwargs)
            self._depth += 1
            try:
                before = _facts(self._taken, module, state_dict) if isinstance(state_dict, dict) else None
                result = original(module, state_dict, *args, **kwargs)
            finally:
                self._depth -= 1
            if before is not None:
                self._hub.safely("load_state_dict", self._loaded, module, state_dict, before)
            return result

        return load_state_dict

    def _loaded(self, module: torch.nn.Module, state: Any, before: "_State") -> None:
        hub = self._hub
        own = _own_state(module)
        whole = sum(t.numel() for t in own.values()) or 1
        found = [n for n in own if n in state]
        uids = tuple(hub.tensors.of(p) for n, p in module.named_parameters() if n in state and n not in before.aliases)
        unread = bool(self._loads) and not any(_storage(t) in self._read for t in tensors_in(state))
        hub.write(
            Checkpoint(
                hub.step, "load", persons_line(), type(module).__name__, uids,
                sum(own[n].numel() for n in found) / whole,
                tuple(n for n in own if n not in state)[:MOST_NAMES],
                tuple(n for n in state if n not in own)[:MOST_NAMES],
                before.aliased, before.taken_step, before.taken_where, unread,
            )
        )  # fmt: skip

    def _saving(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def save(thing: Any, *args: Any, **kwargs: Any) -> Any:
            if not self._hub.busy:
                self._hub.safely("save", self._saved, thing)
            return original(thing, *args, **kwargs)

        return save

    def _saved(self, thing: Any) -> None:
        tensors = list(islice(tensors_in(thing), MOST_TENSORS))
        held = [self._taken[t] for t in tensors if t in self._taken]
        if held:
            step, where = min(held, key=lambda h: h[0])
            share = len(held) / len(tensors)
            self._hub.write(
                Checkpoint(self._hub.step, "save", persons_line(), "", (), 0.0, (), (), share, step, where)
            )  # fmt: skip

    def _was_read(self, result: Any, *_: Any, **__: Any) -> None:
        self._loads += 1
        self._read.update(_storage(t) for t in islice(tensors_in(result, 4), MOST_TENSORS))


class _State:
    """How a state dict stands to the module that is about to load it."""

    def __init__(self, aliases: set[str], aliased: float, taken_step: int, taken_where: Place | None):
        self.aliases, self.aliased, self.taken_step, self.taken_where = aliases, aliased, taken_step, taken_where


def _facts(taken: Any, module: torch.nn.Module, state: Any) -> _State:
    own = {n: _storage(p) for n, p in module.named_parameters()}
    given = {n: t for n, t in state.items() if isinstance(t, torch.Tensor)}
    aliases = {n for n, t in given.items() if n in own and _storage(t) == own[n]}
    known = [taken[given[n]] for n in aliases if given[n] in taken]
    step, where = min(known, key=lambda k: k[0]) if known else (-1, None)
    return _State(aliases, len(aliases) / max(len(own), 1), step, where)


def _own_state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and kept buffers by name; never by `state_dict`, which the person may have written."""
    own: dict[str, torch.Tensor] = {}
    for prefix, m in module.named_modules(remove_duplicate=False):
        kept = {n: b for n, b in m._buffers.items() if n not in m._non_persistent_buffers_set}
        own |= {f"{prefix}.{n}" if prefix else n: t for n, t in (m._parameters | kept).items() if t is not None}
    return own


def _storage(t: torch.Tensor) -> int:
    """What tells memory apart; the object itself where there is none to point to (meta, fake, not strided)."""
    plain = t.layout is torch.strided and not t.is_meta and not torch.nn.parameter.is_lazy(t)
    try:
        return t.untyped_storage().data_ptr() if plain else id(t)
    except (RuntimeError, NotImplementedError):
        return id(t)
