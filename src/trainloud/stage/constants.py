"""The loss of the best constant output: what a network reaches that never looks at its input."""

import math
from typing import Any

import torch


def best_constant(kind: str, given: torch.Tensor, target: torch.Tensor, options: dict[str, Any]) -> float | None:
    """The least mean loss that one constant output for every example reaches on these targets.

    Classification: the (weighted) entropy of the class frequencies, with label smoothing applied to them;
    binary: the mean entropy of each output's rate; squared error: the variance of each output; absolute
    error: the mean distance from the median. None where it is not known for this kind of loss.
    """
    if not target.numel():
        return None
    if kind in ("cross_entropy", "nll_loss"):
        return _classes(given, target, options)
    if kind in ("binary_cross_entropy", "binary_cross_entropy_with_logits"):
        if options.get("weight") is not None or options.get("pos_weight") is not None:
            return None
        rate = _outputs(given, target).mean(0).clamp(1e-12, 1 - 1e-12)
        return float(-(rate * rate.log() + (1 - rate) * (1 - rate).log()).mean())
    if kind == "mse_loss":
        rows = _outputs(given, target)
        return float((rows - rows.mean(0)).square().mean())
    if kind == "l1_loss":
        rows = _outputs(given, target)
        return float((rows - rows.median(0).values).abs().mean())
    return None


def _outputs(given: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Targets as (examples, outputs), outputs being what a bias of the last layer could tell apart."""
    target = target.double()
    if target.dim() <= 1:
        return target.reshape(-1, 1)
    if target.dim() == 2:
        return target
    return target.movedim(1, -1).reshape(-1, target.shape[1])


def _classes(given: torch.Tensor, target: torch.Tensor, options: dict[str, Any]) -> float | None:
    axis = 1 if given.dim() > 1 else 0
    classes = given.shape[axis]
    if target.is_floating_point():
        shares = target.double().movedim(axis, -1).reshape(-1, classes).mean(0)
    else:
        kept = target[(target != options.get("ignore_index", -100)) & (target >= 0) & (target < classes)]
        if not kept.numel():
            return None
        shares = torch.bincount(kept.reshape(-1), minlength=classes).double() / kept.numel()
    weight = options.get("weight")
    if isinstance(weight, torch.Tensor):
        shares = shares * weight.double().to(shares.device)
    shares = shares / shares.sum().clamp_min(1e-300)
    smoothing = float(options.get("label_smoothing") or 0.0)
    shares = shares * (1 - smoothing) + smoothing / classes
    entropy = -(shares * shares.clamp_min(1e-300).log()).sum()
    value = float(entropy)
    return value if math.isfinite(value) else None
