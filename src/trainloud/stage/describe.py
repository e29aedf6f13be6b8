"""Tensors in numbers."""

import torch
from torch.nn.modules.dropout import _DropoutNd

from trainloud.core.records import Tensor

LARGEST = 4_000_000  # elements that are looked at; beyond, every k-th


def describe(name: str, x: torch.Tensor) -> Tensor:
    """Shape, range and moments of a tensor, over its finite elements; waits for the device."""
    shape, dtype = tuple(x.shape), str(x.dtype).removeprefix("torch.")
    flat = x.detach().reshape(-1)
    if flat.numel() > LARGEST:
        flat = flat[:: flat.numel() // LARGEST + 1]
    if not flat.numel() or flat.is_complex():
        return Tensor(name, shape, dtype)
    values = flat.to(torch.float64 if flat.dtype in (torch.float64, torch.int64) else torch.float32)
    nan = int(values.isnan().sum())
    plus, minus = int((values == float("inf")).sum()), int((values == float("-inf")).sum())
    if nan or plus or minus:
        values = values[values.isfinite()]
        if not values.numel():
            return Tensor(name, shape, dtype, nan=nan, inf=plus + minus, negative_inf=minus)
    std = float(values.std()) if values.numel() > 1 else 0.0
    return Tensor(
        name,
        shape,
        dtype,
        float(values.min()),
        float(values.max()),
        float(values.mean()),
        std,
        nan,
        plus + minus,
        minus,
    )


def drops(module: torch.nn.Module) -> bool:
    """Training mode switches random zeros on: in a dropout, or inside a recurrent or an attention layer."""
    if isinstance(module, torch.nn.RNNBase):
        return module.dropout > 0 and module.num_layers > 1
    if isinstance(module, torch.nn.MultiheadAttention):
        return module.dropout > 0
    return isinstance(module, _DropoutNd) and module.p > 0
