"""A copy of a network that shares its weights: experiments on it leave the original alone."""

import contextlib
import copy
import functools
import io
import random
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import torch

from trainloud.stage.visit import tensors_in

_SET_ASIDE = ("training", "_forward_hooks", "_forward_pre_hooks")


@contextlib.contextmanager
def random_state_kept() -> Iterator[None]:
    """Random numbers drawn inside are not missed outside: Python's, NumPy's, torch's on every device in use."""
    python = random.getstate()
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy is not None else None
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        if numpy is not None and numpy_state is not None:
            numpy.random.set_state(numpy_state)


def replica(module: torch.nn.Module) -> torch.nn.Module:
    """A copy in evaluation mode. Parameters are the very same tensors, buffers and all else are copies.

    Raises whatever deepcopy raises on modules that cannot be copied.
    """
    memo: dict[int, Any] = {id(p): p for p in module.parameters()}
    for m in module.modules():
        for t in tensors_in(vars(m)):  # kept results of the last forward, which deepcopy refuses
            if t.grad_fn is not None:
                memo[id(t)] = t.detach()
    twin = copy.deepcopy(module, memo)
    for m in twin.modules():
        _without_outside_hooks(m)
    twin.eval()
    return twin


def _without_outside_hooks(module: torch.nn.Module) -> None:
    """Take off hooks that are plain functions: what they write to is not copied with the module."""
    for name in ("_forward_hooks", "_forward_pre_hooks"):
        hooks = getattr(module, name)
        for key in [k for k, h in hooks.items() if isinstance(h, (types.FunctionType, functools.partial))]:
            del hooks[key]


@contextlib.contextmanager
def undisturbed(module: torch.nn.Module) -> Iterator[None]:
    """Should the copy reach the original (through a closure), that runs in evaluation mode
    and without hooks too; nothing is printed."""
    kept = [(m, {k: m.__dict__[k] for k in _SET_ASIDE}) for m in module.modules()]
    for m, _ in kept:
        m.__dict__.update(training=False, _forward_hooks=OrderedDict(), _forward_pre_hooks=OrderedDict())
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        for m, state in kept:
            m.__dict__.update(state)


def outputs_of(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], seed: int = 0) -> torch.Tensor:
    """The first float tensor of the outputs of a fresh replica, from fixed random numbers, without gradient.

    Raises TypeError if there is none with at least one axis.
    """
    twin = replica(module)
    _seed_all(seed)
    with torch.no_grad(), undisturbed(module):
        out = twin(*args, **kwargs)
    for t in tensors_in(out):
        if t.is_floating_point() and t.dim():
            return t.detach().clone()
    raise TypeError("the network gives no tensor of floats")


def _seed_all(seed: int) -> None:
    """Fixed seeds on the devices in use; torch.manual_seed would also leave a seed for CUDA's first use."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        for generator in torch.cuda.default_generators:
            generator.manual_seed(seed)
