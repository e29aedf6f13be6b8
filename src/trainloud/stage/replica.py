"""A copy of a network that shares its weights: experiments on it leave the original alone."""

import contextlib
import copy
import random
import sys
from collections.abc import Iterator
from typing import Any

import torch

from trainloud.stage.visit import tensors_in


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
    shared = {id(p): p for p in module.parameters()}
    twin = copy.deepcopy(module, dict(shared))
    twin.eval()
    return twin


def outputs_of(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
    """The first float tensor of the outputs of a fresh replica, from fixed random numbers, without gradient.

    Raises TypeError if there is none with at least one axis.
    """
    twin = replica(module)
    _seed_all()
    with torch.no_grad():
        out = twin(*args, **kwargs)
    for t in tensors_in(out):
        if t.is_floating_point() and t.dim():
            return t.detach().clone()
    raise TypeError("the network gives no tensor of floats")


def _seed_all() -> None:
    """Fixed seeds on the devices in use; torch.manual_seed would also leave a seed for CUDA's first use."""
    torch.default_generator.manual_seed(0)
    if torch.cuda.is_initialized():
        for generator in torch.cuda.default_generators:
            generator.manual_seed(0)
