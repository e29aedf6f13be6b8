"""Whether targets are a network's own inputs, some places later."""

import torch

from trainloud.stage.visit import Visit

ANSWERS = ("label", "target")  # keywords
SHIFTS = (-2, -1, 0, 1, 2)
KEPT = "token_inputs"  # in a visit's facts: (name, copy) of each argument that may be a sequence


def keep_inputs(visit: Visit, pairs: list[tuple[str, torch.Tensor]]) -> None:
    """Hold copies of arguments of at least two axes until the loss is seen; only in the window.

    Answers that are handed to the forward, which then computes the loss itself, are no inputs.
    """
    kept = [
        (n, t.detach().clone())
        for n, t in pairs
        if t.dim() >= 2 and 4 <= t.numel() <= 2_000_000 and not any(w in n for w in ANSWERS) and not _has_ignored(t)
    ]
    visit.facts[KEPT] = kept


def _has_ignored(t: torch.Tensor) -> bool:
    """Integers with -100 or the like among them are targets: no embedding takes a negative index."""
    return not t.is_floating_point() and not t.is_complex() and bool((t < 0).any())


def agreement(source: torch.Tensor, target: torch.Tensor, shift: int, axis: int) -> tuple[float, int]:
    """(share of targets with target[t] == source[t + shift] along `axis`, targets compared)."""
    source, target = source.movedim(axis, -1), target.movedim(axis, -1)
    n = source.shape[-1]
    if target.shape[-1] == n:
        low, high = max(0, -shift), n - max(0, shift)
        ours, theirs = target[..., low:high], source[..., low + shift : high + shift]
    elif target.shape[-1] == n - 1 and shift in (0, 1):
        ours, theirs = target, source[..., shift : shift + n - 1]
    else:
        return 0.0, 0
    counted = ours >= 0 if not ours.is_floating_point() else torch.ones_like(ours, dtype=torch.bool)
    total = int(counted.sum())
    return (float(((ours == theirs) & counted).sum() / total), total) if total else (0.0, 0)


def unflatten(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor | None:
    """The target in the layout of the source, or one place shorter along an axis; None if it does not fit."""
    if target.dim() == source.dim() and target.shape[:1] == source.shape[:1]:
        return target
    if target.numel() == source.numel():
        return target.reshape(source.shape)
    if source.dim() == 2:
        rows, columns = source.shape
        if target.numel() == rows * (columns - 1):
            return target.reshape(rows, columns - 1)
        if target.numel() == (rows - 1) * columns:
            return target.reshape(rows - 1, columns)
    return None


def copies(visit: Visit | None, target: torch.Tensor) -> dict[str, float]:
    """Shift -> share of targets equal to an input that many places later, best over arguments and axes."""
    best: dict[str, float] = {}
    if visit is None:
        return best
    for name, source in visit.facts.get(KEPT, ()):
        if source.is_floating_point() != target.is_floating_point():
            continue
        shaped = unflatten(source, target)
        if shaped is None:
            continue
        for axis in range(source.dim()):
            if shaped.shape[:axis] != source.shape[:axis] or shaped.shape[axis + 1 :] != source.shape[axis + 1 :]:
                continue
            for shift in SHIFTS:
                share, total = agreement(source, shaped, shift, axis)
                if total >= 8 and share > best.get(str(shift), 0.0):
                    best[str(shift)] = share
                    visit.facts.setdefault("shifts", {})[shift] = (name, axis, share)
    return best
