"""The function mode: sees every torch call while a closer look is taken."""

import contextlib
from typing import Any

import torch
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

from trainloud.stage.hub import Hub

_UNTOUCHED = frozenset({"__get__", "__set__", "size", "dim", "is_floating_point", "stride", "numel", "shape"})
_DATA = torch.Tensor.data.__get__  # type: ignore[attr-defined]  # takes a value out of the graph


class Watching(TorchFunctionMode):
    """Passes each call on unchanged and tells the hub of its result."""

    def __init__(self, hub: Hub):
        super().__init__()
        self._hub = hub

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        hub = self._hub
        if not hub.busy:
            name = getattr(func, "__name__", "")
            if name not in _UNTOUCHED or func == _DATA:
                hub.tell("operation", name, func, args, kwargs or {}, result)
        return result


def function_mode_off(args: tuple[Any, ...]) -> contextlib.AbstractContextManager[None]:
    """Our mode, if it is the only one, stands aside: a warning of the function then names the person's line."""
    stack = _get_current_function_mode_stack()
    plain = all(type(a) in (torch.Tensor, torch.nn.Parameter) for a in args if isinstance(a, torch.Tensor))
    if plain and len(stack) == 1 and isinstance(stack[0], Watching):
        return torch._C.DisableTorchFunction()  # type: ignore[no-any-return]
    return contextlib.nullcontext()


class ModeSwitch:
    """Turns the mode on and off without getting between the script and its own modes.

    Modes form a stack and a script pops its own blindly, so ours is only pushed onto an empty stack, and
    only popped while it is on top; else that waits for the next occasion.
    """

    def __init__(self, hub: Hub):
        self._hub = hub
        self._mode: Watching | None = None

    def on(self) -> None:
        if self._mode is not None or self._hub.compiled or not self._hub.listens("operation"):
            return
        if _get_current_function_mode_stack():
            return
        mode = Watching(self._hub)
        mode.__enter__()
        self._mode = mode

    def off(self) -> None:
        if self._mode is None:
            return
        stack = _get_current_function_mode_stack()
        if stack and stack[-1] is self._mode:
            self._mode.__exit__(None, None, None)
            self._mode = None
        elif self._mode not in stack:
            self._mode = None
