"""Where torch code runs that is not to be watched: looking there would fail, or be felt."""

from typing import Any

import torch

_transforms = getattr(getattr(torch._C, "_functorch", None), "peek_interpreter_stack", None)
_dispatch_modes = getattr(torch._C, "_len_torch_dispatch_stack", None)


def out_of_reach() -> bool:
    """Under torch.func's transforms, tracing, a dispatch mode of the script's, or capture of a CUDA graph."""
    if torch.jit.is_tracing() or torch.compiler.is_compiling():  # type: ignore[no-untyped-call]
        return True
    if _transforms is not None and _transforms() is not None:
        return True
    if _dispatch_modes is not None and _dispatch_modes():
        return True
    return torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def without_values(tensors: Any) -> bool:
    """Whether one of them has a shape only: on the meta device, or fake."""
    return any(t.is_meta or type(t).__name__ == "FakeTensor" for t in tensors)


def several_processes() -> bool:
    """Whether a forward may talk to other processes: an extra one would take their messages."""
    distributed = torch.distributed
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1
