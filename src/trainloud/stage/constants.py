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
        return float((rows - rows.sort(0).values[(len(rows) - 1) // 2]).abs().mean())
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


def recentred(kind: str, given: torch.Tensor, target: torch.Tensor, options: dict[str, Any]) -> float | None:
    """The loss of these outputs with only their constant part put right: what another last bias could have given.

    None where that is not known for this kind of loss, or where classes are weighted, smoothed or shares.
    """
    if not target.numel() or options.get("weight") is not None or options.get("label_smoothing"):
        return None
    if kind in ("mse_loss", "l1_loss") and given.shape == target.shape:
        off = _outputs(given, target.double() - given.double())
        if kind == "mse_loss":
            return float((off - off.mean(0)).square().mean())
        return float((off - off.sort(0).values[(len(off) - 1) // 2]).abs().mean())
    if kind in ("cross_entropy", "nll_loss") and given.dim() > 1 and not target.is_floating_point():
        rows, answers = given.double().movedim(1, -1).reshape(-1, given.shape[1]), target.reshape(-1)
        kept = (answers != options.get("ignore_index", -100)) & (answers >= 0) & (answers < rows.shape[1])
        rows, answers = rows[kept], answers[kept]
        if not len(rows):
            return None
        shares = torch.bincount(answers, minlength=rows.shape[1]).double() / len(rows)
        logs = (rows - rows.mean(0) + shares.clamp_min(0.5 / len(rows)).log()).log_softmax(1)
        value = float(-logs.gather(1, answers[:, None]).mean())
        return value if math.isfinite(value) else None
    return None
