"""Wrapping library functions so that they still look like themselves."""

import functools
import sys
import types
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

# Python's `warnings` passes over frames whose file name holds both words when it counts up to the caller, so a
# warning raised below a wrapper names the person's line, as it would without trainloud.
UNSEEN_FILE = str(Path(__file__).with_name("importlib_bootstrap_of_trainloud.py"))


def unseen_by_warnings(function: Any) -> Any:
    """The same function, passed over by `warnings`."""
    if isinstance(function, types.FunctionType):
        function.__code__ = function.__code__.replace(co_filename=UNSEEN_FILE)
    return function


def _known_to_script(wrapper: Any, original: Any) -> None:
    """torch.jit.script knows torch's functions in C by their identity: have it take the wrapper for the original."""
    builtins: Any = getattr(torch.jit, "_builtins", None)
    if builtins is not None and (name := builtins._find_builtin(original)) is not None:
        builtins._register_builtin(wrapper, name)


class Patches:
    """Replaces attributes by wrappers and can put every one back."""

    def __init__(self, failed: Callable[[str, Exception], None]) -> None:
        self._failed = failed
        self._undo: list[tuple[Any, str, Any]] = []

    def around(self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Replace `owner.name` by `make(original)`.

        Under torch.compile's tracing the original runs alone. Does nothing if there is no such attribute.
        """
        original = getattr(owner, name, None)
        if original is None:
            return
        watched = unseen_by_warnings(make(original))

        @functools.wraps(original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if torch.compiler.is_compiling():
                return original(*args, **kwargs)
            return watched(*args, **kwargs)

        # what torch.jit.script is to compile in the wrapper's place
        setattr(wrapper, "__script_if_tracing_wrapper", True)
        setattr(wrapper, "__original_fn", original)
        if isinstance(original, types.BuiltinFunctionType):
            _known_to_script(wrapper, original)
        self._undo.append((owner, name, original))
        setattr(owner, name, unseen_by_warnings(wrapper))

    def after(self, owner: Any, name: str, tell: Callable[..., None]) -> None:
        """Call `tell(result, *args, **kwargs)` after each successful call of `owner.name`.

        What `tell` raises is noted and does not reach the script.
        """

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                result = original(*args, **kwargs)
                try:
                    tell(result, *args, **kwargs)
                except Exception as error:
                    self._failed(f"trainloud.{name}", error)
                return result

            return call

        self.around(owner, name, make)

    def restore_builtins(self) -> None:
        """Put torch's functions in C back: torch.compile knows them by their identity alone."""
        for owner, name, original in self._undo:
            if isinstance(original, types.BuiltinFunctionType) and isinstance(owner, types.ModuleType):
                setattr(owner, name, original)
        rules = sys.modules.get("torch._dynamo.trace_rules")
        if rules is not None:  # it may have looked while the wrappers were there
            getattr(rules.get_torch_obj_rule_map, "cache_clear", lambda: None)()

    def restore(self) -> None:
        while self._undo:
            setattr(*self._undo.pop())


class Ids:
    """Small numbers for objects, held weakly: a number is never given to a second object.

    Objects that allow no weak reference (lists) go by their address, which a later one may take over.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Any] | None, int]] = {}
        self._next = 0

    def get(self, thing: Any) -> int | None:
        """The object's number; None if it has none yet."""
        entry = self._known.get(id(thing))
        if entry is None or (entry[0] is not None and entry[0]() is not thing):
            return None
        return entry[1]

    def of(self, thing: Any) -> int:
        """The object's number, given at the first call."""
        number = self.get(thing)
        if number is None:
            number, self._next = self._next, self._next + 1
            try:
                self._known[id(thing)] = (weakref.ref(thing), number)
            except TypeError:
                self._known[id(thing)] = (None, number)
        return number
