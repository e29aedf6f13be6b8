"""Installs the watch in a process that has just imported torch."""

import atexit
import inspect
import itertools
import os
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from trainloud.stage.hub import Hub
from trainloud.stage.mode import ModeSwitch
from trainloud.stage.patches import Patches
from trainloud.stage.probes import discover

# In evaluation these run fused kernels, but not under a function mode: the last digits would differ.
_FUSED = (torch.nn.MultiheadAttention, torch.nn.TransformerEncoderLayer, torch.nn.TransformerEncoder)
_HERE = str(Path(__file__).resolve().parent.parent) + os.sep


def install(counterfactual: bool = False) -> Hub:
    """Hook torch, make the probes, and see to a clean end of the trace.

    A counterfactual run has only the probes that call themselves so: they see what an experiment is judged by.
    """
    # torch.compile warns of global module hooks, which are trainloud's and not the person's.
    warnings.filterwarnings("ignore", message=".*there are global hooks on modules")
    hub = Hub(Path(os.environ["TRAINLOUD_RUN"]), sys.orig_argv[1:])
    hub.counterfactual = counterfactual
    hub.last_step = int(os.environ.get("TRAINLOUD_STOP_AFTER", "0")) or None
    patches = Patches(hub.failed)
    try:
        return _installed(hub, patches)
    except Exception:
        patches.restore()
        raise


def _installed(hub: Hub, patches: Patches) -> Hub:
    _hook_modules(hub)
    _hook_backward(hub, patches)
    switch = ModeSwitch(hub)
    if not hub.counterfactual:
        hub.add(_ModeTimes(hub, switch))
    for probe in discover(hub):
        if hub.counterfactual and not getattr(probe, "COUNTERFACTUAL", False):
            continue
        if hasattr(probe, "install"):
            probe.install(patches)
        hub.add(probe)
    _hook_exceptions(hub)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=hub.after_fork)
        os.register_at_fork(after_in_child=switch.off)
    atexit.register(hub.safely, "finish", hub.finish)
    return hub


class _ModeTimes:
    """When the function mode is on: from a forward that is looked at until its backward, step or next forward."""

    def __init__(self, hub: Hub, switch: ModeSwitch):
        self._hub, self._switch = hub, switch
        self._evaluated: dict[tuple[int, int], int] = {}

    def forward_start(self, visit: Any) -> None:
        wanted = visit.window
        if not visit.grad:
            key = (visit.network, visit.step)
            visit.window = key in self._evaluated or len(self._evaluated) < 4
            if visit.window:
                self._evaluated[key] = self._evaluated.get(key, 0) + 1
                visit.window = self._evaluated[key] <= 2
            wanted = visit.window and not any(isinstance(m, _FUSED) for m in visit.module.modules())
        (self._switch.on if wanted else self._switch.off)()

    def forward_end(self, visit: Any) -> None:
        if visit.window:
            self._switch.on()

    def backward_start(self, loss: Any) -> None:
        self._switch.off()

    def step_end(self, optimizer: Any) -> None:
        self._switch.off()

    def finish(self) -> None:
        self._switch.off()


def _hook_modules(hub: Hub) -> None:
    from torch.nn.modules import module as modules

    def before(module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        if not torch.compiler.is_compiling():
            hub.enter(module, args)

    def after(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if not torch.compiler.is_compiling():
            hub.leave(module, args, kwargs, output)

    modules.register_module_forward_pre_hook(before)
    if "with_kwargs" in inspect.signature(modules.register_module_forward_hook).parameters:
        modules.register_module_forward_hook(after, with_kwargs=True)
    else:
        modules.register_module_forward_hook(lambda m, a, o: after(m, a, {}, o))


def _hook_backward(hub: Hub, patches: Patches) -> None:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def backward(*args: Any, **kwargs: Any) -> Any:
            if hub.busy:
                return original(*args, **kwargs)
            loss = args[0] if args else kwargs.get("tensors")
            hub.backward_starts(loss)
            well = False
            try:
                result = original(*args, **kwargs)
                well = True
            finally:
                hub.backward_ended(loss, well)
            return result

        return backward

    patches.around(torch.Tensor, "backward", make)
    patches.around(torch.autograd, "backward", make)  # called by the one above too: the hub counts the outer one

    def compiling(original: Callable[..., Any]) -> Callable[..., Any]:
        def compile(*args: Any, **kwargs: Any) -> Any:
            hub.compiled = True
            patches.restore_builtins()
            return original(*args, **kwargs)

        return compile

    patches.around(torch, "compile", compiling)
    patches.around(torch.nn.Module, "compile", compiling)


def _hook_exceptions(hub: Hub) -> None:
    """Uncaught exceptions are noted in the trace and shown without trainloud's frames."""
    shown = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        hub.safely("finish", lambda: hub.finish(f"{kind.__name__}: {error}"[:500]))
        atexit.unregister(hub.safely)
        _strip(error, set())
        shown(kind, error, error.__traceback__)

    sys.excepthook = excepthook
    in_thread = threading.excepthook

    def thread_hook(args: Any) -> None:
        if args.exc_value is not None:
            _strip(args.exc_value, set())
        in_thread(args)

    threading.excepthook = thread_hook


def _strip(error: BaseException | None, seen: set[int]) -> None:
    """Take trainloud's own frames out of a traceback and out of those it was caused by."""
    waiting = [error]
    while waiting:
        at = waiting.pop()
        if at is not None and id(at) not in seen:
            seen.add(id(at))
            at.__traceback__ = _without_ours(at.__traceback__)
            waiting += [at.__cause__, at.__context__, *getattr(at, "exceptions", ())]


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    kept = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_HERE):
            kept.append(trace)
        trace = trace.tb_next
    for above, below in itertools.pairwise([*kept, None]):
        above.tb_next = below  # type: ignore[union-attr]
    return kept[0] if kept else None
