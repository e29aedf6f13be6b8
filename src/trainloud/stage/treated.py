"""The doors through which an intervention reaches a run: the network's, the loss's, the optimiser's, the loader's."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from trainloud.core.records import Treatment
from trainloud.stage.hub import Hub
from trainloud.stage.patches import Patches
from trainloud.stage.probes.losses import KINDS
from trainloud.stage.reach import without_values
from trainloud.stage.visit import tensors_in

DoorChange = Callable[[torch.nn.Module, tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]
TargetChange = Callable[[torch.Tensor], torch.Tensor]
ANSWERS = ("label", "target")  # keywords of a network that computes its own loss


class Treated:
    """A run under treatment. Interventions are told in the order in which they were asked for."""

    def __init__(self, hub: Hub, patches: Patches):
        self.hub = hub
        self.patches = patches
        self._doors: list[DoorChange] = []
        self._targets: list[TargetChange] = []
        self._interventions: list[tuple[str, Any]] = []
        self._inside = 0
        self._mode: _Outside | None = None

    def add(self, name: str, intervention: Any) -> None:
        self._interventions.append((name, intervention))
        intervention.install(self)

    def finish(self) -> None:
        """A probe's event: at the end of the run, each intervention says whether it took effect."""
        for name, intervention in self._interventions:
            took, measured = intervention.report()
            self.hub.write(Treatment(name, bool(took), measured))

    def at_door(self, change: DoorChange) -> None:
        """Change what enters a network that is called from outside any other module."""
        if not self._doors:
            self._watch_doors()
        self._doors.append(change)

    def _watch_doors(self) -> None:
        original = torch.nn.Module.__call__
        treated = self

        @functools.wraps(original)
        def call(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
            if treated._inside or not _a_network(module, args):
                return original(module, *args, **kwargs)
            treated._inside += 1
            try:
                for change in treated._doors:
                    args, kwargs = change(module, args, kwargs)
                return original(module, *args, **kwargs)
            finally:
                treated._inside -= 1

        torch.nn.Module.__call__ = call  # type: ignore[method-assign, assignment]

    def at_target(self, change: TargetChange, by_hand: bool = True) -> None:
        """Change the targets of training: of the known loss functions, and (`by_hand`) of losses that the script
        computes itself from a network's output and another tensor with as many examples."""
        if not self._targets:
            self._watch_losses()
            if by_hand:
                self._watch_arithmetic()
        self._targets.append(change)

    def _watch_losses(self) -> None:
        for kind in KINDS:
            original = getattr(F, kind, None)
            if original is not None:
                self.patches.around(F, kind, functools.partial(self._at_loss, inspect.signature(original)))

    def _at_loss(self, signature: inspect.Signature, original: Callable[..., Any]) -> Callable[..., Any]:
        def loss(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            given, target = bound.arguments.get("input"), bound.arguments.get("target")
            wanted = isinstance(given, torch.Tensor) and given.requires_grad and isinstance(target, torch.Tensor)
            if wanted and not target.requires_grad:  # type: ignore[union-attr]
                bound.arguments["target"] = self.changed(target)  # type: ignore[arg-type]
            with _paused(self._mode):
                return original(*bound.args, **bound.kwargs)

        return loss

    def changed(self, target: torch.Tensor) -> torch.Tensor:
        for change in self._targets:
            target = change(target)
        return target

    def _watch_arithmetic(self) -> None:
        self._mode = _Outside(self)
        self.hub.add(self._mode)

    def before_step(self, do: Callable[[Any], None]) -> None:
        """Before an optimiser's step, ahead of the probes."""
        from torch.optim import optimizer as module

        handle = module.register_optimizer_step_pre_hook(lambda o, a, k: do(o))
        module._global_optimizer_pre_hooks.move_to_end(handle.id, last=False)

    def after_step(self, do: Callable[[Any], None]) -> None:
        """After it, behind the probes."""
        from torch.optim import optimizer as module

        module.register_optimizer_step_post_hook(lambda o, a, k: do(o))


def _a_network(module: torch.nn.Module, args: tuple[Any, ...]) -> bool:
    return any(True for _ in module.parameters()) and not without_values(tensors_in(args))


def is_answer(name: str) -> bool:
    """Whether a keyword argument of a network is what it is to predict."""
    return any(word in name for word in ANSWERS)


_ARITHMETIC = ("add", "sub", "mul", "truediv", "pow")
_PAIRWISE = frozenset(
    [*_ARITHMETIC, *(f"__{n}__" for n in _ARITHMETIC), *(f"__r{n}__" for n in _ARITHMETIC)]
    + ["rsub", "div", "true_divide", "gather", "where", "maximum", "minimum", "dist", "logical_and"]
    + ["lt", "gt", "le", "ge", "eq", "ne"]
)


class _Outside(TorchFunctionMode):
    """Between a network's forward and the backward: plain tensors that meet its output are targets (or masks)."""

    def __init__(self, treated: Treated):
        super().__init__()
        self._treated = treated
        self._on = False

    def forward_start(self, visit: Any) -> None:
        self._off()

    def forward_end(self, visit: Any) -> None:
        if visit.grad and not self._on:
            self.__enter__()
            self._on = True

    def backward_start(self, loss: Any) -> None:
        self._off()

    def step_end(self, optimizer: Any) -> None:
        self._off()

    def finish(self) -> None:
        self._off()

    def _off(self) -> None:
        if self._on:
            self.__exit__(None, None, None)
            self._on = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _PAIRWISE and not self._treated.hub.busy:
            args = self._treated_pair(args)
        return func(*args, **(kwargs or {}))

    def _treated_pair(self, args: Any) -> Any:
        outputs = [a for a in args if isinstance(a, torch.Tensor) and a.requires_grad and a.dim()]
        if not outputs:
            return args
        size = outputs[0].shape[0]
        return tuple(self._treated.changed(a) if isinstance(a, torch.Tensor) and _is_data(a, size) else a for a in args)


def _is_data(tensor: torch.Tensor, size: int) -> bool:
    return not tensor.requires_grad and tensor.dim() > 0 and tensor.shape[0] == size and size > 1


class _paused:
    """The mode stands aside in a known loss function, which has had its target changed already."""

    def __init__(self, mode: _Outside | None):
        self._mode = mode if mode is not None and mode._on else None

    def __enter__(self) -> None:
        self._guard = torch._C.DisableTorchFunction() if self._mode else None
        if self._guard is not None:
            self._guard.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._guard is not None:
            self._guard.__exit__(None, None, None)
