"""Padding: finding it in a batch, and asking whether outputs depend on it."""

from typing import Any, NamedTuple

import torch
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

from trainloud.core.records import Padding
from trainloud.stage.perturb import Given, all_outputs, main_output, substituted
from trainloud.stage.visit import Visit, named_arguments

LEAST_PLACES, LEAST_ROWS, LEAST_LENGTHS = 4, 4, 3  # places of a sequence, examples, different lengths
MOST_ROWS = 16  # examples that are cut


class Padded(NamedTuple):
    """Where a batch of sequences is padded at the end."""

    value: float
    lengths: torch.Tensor
    """Of each example, without padding."""
    places: int


def padded(t: torch.Tensor) -> Padded | None:
    """Trailing runs of one value (or of all-zero steps) of different lengths that occurs nowhere else; (batch, "
    "time)."""
    if t.dim() < 2 or t.shape[0] < LEAST_ROWS or t.shape[1] < LEAST_PLACES:
        return None
    if t.is_floating_point():
        if t.dim() != 3:
            return None
        empty, value = (t == 0).all(2), 0.0
    elif t.dim() == 2 and t.dtype is not torch.bool:
        lasts = t[:, -1]
        value = float(lasts.mode().values)
        empty = t == lasts.mode().values
    else:
        return None
    lengths = _lengths(empty)
    if lengths is None or len(lengths.unique()) < LEAST_LENGTHS or int(lengths.min()) < 1:
        return None
    return Padded(value, lengths, t.shape[1])


def _lengths(empty: torch.Tensor) -> torch.Tensor | None:
    """Length of each row before its trailing run of empty places; None if there are others."""
    lengths = (~empty).long().flip(1).argmax(1)
    lengths = torch.where((~empty).any(1), empty.shape[1] - lengths, torch.zeros_like(lengths))
    places = torch.arange(empty.shape[1], device=empty.device)
    return lengths if bool((empty == (places >= lengths[:, None])).all()) else None


def tells(t: torch.Tensor, found: Padded) -> bool:
    """Whether an argument says which places are real: a mask, or lengths."""
    if t.dim() == 1:
        return not t.is_floating_point() and t.shape == found.lengths.shape and bool((t == found.lengths).all())
    if t.dim() != 2 or t.shape[0] != len(found.lengths):
        return False
    real = torch.arange(t.shape[1], device=t.device) < found.lengths[:, None].to(t.device)
    return bool(((t != 0) == real).all()) or bool(((t != 0) == ~real).all())


class _Watch(TorchFunctionMode):
    """Sees an attention over the places of the sequence."""

    def __init__(self, places: int):
        super().__init__()
        self.places, self.attention = places, False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        result = func(*args, **(kwargs or {}))
        if name in ("scaled_dot_product_attention", "multi_head_attention_forward"):
            self.attention = True
        elif name == "softmax" and isinstance(result, torch.Tensor) and result.dim() >= 2:
            self.attention |= result.shape[-1] == self.places or result.shape[1] == self.places
        return result


def padding(module: torch.nn.Module, given: Given, network: int, step: int) -> list[Padding]:
    """Cut the padding off the shorter examples: what stands at their real places must not change."""
    pairs = named_arguments(Visit(module, 0, 0, given[0], False, False, kwargs=given[1]))
    sources = [(n, t, p) for n, t in pairs if (p := padded(t)) is not None]
    inputs = [s for s in sources if s[1].dim() == 3 or not bool(((s[1] == 0) | (s[1] == 1)).all())]  # no masks
    if len(inputs) != 1 or _get_current_function_mode_stack():
        return []  # none, or a source and a target sequence
    name, source, found = inputs[0]
    total, size = source.shape[1], source.shape[0]
    with _Watch(total) as watch:
        base = main_output(all_outputs(module, given))
    kinds = list(module.modules())
    recurrent = any(isinstance(m, torch.nn.RNNBase) for m in kinds)
    attention = watch.attention or any(isinstance(m, torch.nn.MultiheadAttention) for m in kinds)
    convolution = any(isinstance(m, _ConvNd) for m in kinds)
    masked = any(tells(t, found) for _, t in pairs if t is not source)
    if base.shape[0] != size:
        return []
    order = found.lengths.sort().indices[: min(MOST_ROWS, max(2, size // 2))]
    length = int(found.lengths[order].max())
    if length >= total:
        return []
    longer, shorter = {}, {}
    for _, t in pairs:
        if t.shape[0] == size:
            longer[id(t)] = t[order]
            shorter[id(t)] = t[order][:, :length] if t.dim() > 1 and t.shape[1] == total else t[order]
    whole = main_output(all_outputs(module, substituted(given, longer)))
    cut = main_output(all_outputs(module, substituted(given, shorter)))
    pooled = not (whole.dim() >= 3 and whole.shape[1] == total)
    change = _change(whole, cut, found.lengths[order], pooled)
    pools = recurrent and _reads_places(module, substituted(given, longer), int(found.lengths.min()))
    return [
        Padding(
            network, step, name, tuple(source.shape), found.value, int(found.lengths.min()), int(found.lengths.max()),
            change, "cut", masked, recurrent, attention, convolution, pooled, pools,
        )
    ]  # fmt: skip


def _change(whole: torch.Tensor, cut: torch.Tensor, lengths: torch.Tensor, pooled: bool) -> float:
    """Largest change at real places, over the spread of the outputs there."""
    if pooled:
        if whole.shape != cut.shape:
            return 0.0
        return float((whole - cut).abs().max() / (whole - whole.mean(0)).abs().max().clamp_min(1e-12))
    whole = whole[:, : cut.shape[1]]
    if whole.shape != cut.shape:
        return 0.0
    real = torch.arange(cut.shape[1], device=cut.device) < lengths[:, None].to(cut.device)
    values = whole[real]
    return float((values - cut[real]).abs().max() / (values - values.mean(0)).abs().max().clamp_min(1e-12))


def _reads_places(module: torch.nn.Module, given: Given, shortest: int) -> bool:
    """Whether the output moves with the recurrent layers' outputs at places that are no example's last."""

    def moved(layer: Any, _args: Any, output: Any) -> Any:
        out, state = output
        if not isinstance(out, torch.Tensor) or out.dim() != 3:
            return None
        out = out.clone()
        (out.transpose(0, 1) if layer.batch_first else out)[1 : shortest - 1] += 1
        return out, state

    def prepare(twin: torch.nn.Module) -> None:
        last = [m for m in twin.modules() if isinstance(m, torch.nn.RNNBase)][-1]
        last.register_forward_hook(moved)

    base, other = main_output(all_outputs(module, given)), main_output(all_outputs(module, given, prepare=prepare))
    return base.shape == other.shape and not bool((base == other).all())
