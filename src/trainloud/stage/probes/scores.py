"""Scores made by hand, in the window: what an argmax or a threshold was taken of, and what it was compared with.

Predictions have no gradient function, so they are followed from call to call, from the forward's output on.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from trainloud.core.records import Comparison, Threshold
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub
from trainloud.stage.visit import Visit, tensors_in

SAME = frozenset(
    {"view", "reshape", "squeeze", "squeeze_", "unsqueeze", "unsqueeze_", "flatten", "to", "cpu", "cuda", "float",
     "long", "int", "bool", "double", "half", "byte", "detach", "contiguous", "clone", "type", "type_as", "t",
     "transpose", "permute", "expand", "expand_as", "view_as", "reshape_as", "__getitem__", "numpy", "ravel", "T",
     "data", "detach_", "requires_grad_", "alias", "unflatten"}
)  # fmt: skip
"""Operations that change the layout or the type alone."""
COMPARED = frozenset({"eq", "__eq__", "ne", "__ne__", "equal"})
EXTREMES = {"argmax": torch.argmax, "argmin": torch.argmin, "max": torch.argmax, "min": torch.argmin}
ABOVE = frozenset({"gt", "__gt__", "ge", "__ge__", "lt", "__lt__", "le", "__le__", "greater", "greater_equal", "less"})
MOST = 12  # comparisons, and thresholds, of a step and phase
LARGEST = 2_000_000  # elements of what an argmax was taken of, kept to ask along another axis


@dataclass(frozen=True, eq=False)
class Made:
    """How a tensor was made from a forward's output."""

    visit: Visit
    slot: str
    """Which of the outputs, and which part of it."""
    how: str = "output"
    """output, argmax, extreme (the value of a max), threshold, round or topk."""
    ops: tuple[str, ...] = ()
    """What was done to the output's values, first to last; layout and type left out."""
    axis: int = -1
    """Of the argmax; -1 for all elements at once."""
    source: torch.Tensor | None = field(default=None, repr=False)
    least: bool = False
    """An argmin."""
    threshold: float | None = None
    paired: bool = False
    """The person gave it an axis of length 1 on purpose just before."""


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._made = WeakTensorKeyDictionary()
        self._paired = WeakTensorKeyDictionary()
        self._done: dict[tuple[int, str], int] = {}
        self._met: set[tuple[Any, ...]] = set()

    def forward_end(self, visit: Visit) -> None:
        if visit.window:
            for k, t in enumerate(tensors_in(visit.output)):
                self._made[t] = Made(visit, str(k))

    def loss(self, call: Any) -> None:
        """Which output reached which loss: a threshold on it means something else for logits."""
        made = self._made.get(call.input)
        if made is None or made.how != "output":
            return
        key = (made.visit.network, made.slot, made.ops, call.kind, call.grad)
        if key not in self._met and len(self._met) < 200:
            self._met.add(key)
            self._hub.write(
                Threshold(
                    made.visit.network, self._hub.step, "train" if call.grad else "eval", persons_line(), made.slot,
                    made.ops, call.kind, None, *_range(call.input), 0.0,
                )
            )  # fmt: skip

    def operation(self, name: str, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        if self._hub.stack and self._hub.visit is not None:
            return  # inside a forward
        if name in COMPARED and len(args) == 2:
            self._compare(name, args[0], args[1], result)
            return
        given = [*tensors_in(args, 2), *tensors_in(kwargs, 1)]
        first = given[0] if given else None
        made = next((m for t in given if (m := self._made.get(t)) is not None), None)
        adds_axis = name in ("unsqueeze", "unsqueeze_") or (name == "__getitem__" and _holds_none(args[1]))
        if made is None:
            if adds_axis and isinstance(result, torch.Tensor):
                self._paired[result] = True
            return
        for tensor, new in self._after(name, args, kwargs, result, made, first):
            if not tensor.requires_grad or tensor is not first:
                self._made[tensor] = replace(new, paired=adds_axis)

    def _after(
        self, name: str, args: Any, kwargs: Any, result: Any, made: Made, first: torch.Tensor | None
    ) -> list[tuple[torch.Tensor, Made]]:
        """The tensors of the result with how they were made."""
        mine = first is not None and self._made.get(first) is made
        if name in SAME and mine and isinstance(result, torch.Tensor):
            part = f"{made.slot}{_part(args[1])}" if name == "__getitem__" and len(args) > 1 else made.slot
            return [(result, replace(made, slot=part))]
        if made.how != "output":
            kept = name in ("where", "mul", "__mul__", "__rmul__") and len([*tensors_in(args)]) == 1
            return [(result, made)] if kept and isinstance(result, torch.Tensor) else []
        if mine and first is not None and not first.is_complex():
            chosen = self._chosen(name, args, kwargs, result, made, first)
            if chosen is not None:
                return chosen
        ops = (*made.ops, name.strip("_"))[-8:]
        return [(t, replace(made, ops=ops)) for t in list(tensors_in(result, 1))[:8]]

    def _chosen(
        self, name: str, args: Any, kwargs: Any, result: Any, made: Made, x: torch.Tensor
    ) -> list[tuple[torch.Tensor, Made]] | None:
        """Where an operation turns scores into predictions; None where it does not."""
        axis = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else None))
        source = x.detach() if x.numel() <= LARGEST else None
        if name in EXTREMES and (axis is None or isinstance(axis, int)):
            place = -1 if axis is None else axis % max(x.dim(), 1)
            new = replace(made, how="argmax", axis=place, source=source, least=EXTREMES[name] is torch.argmin)
            if isinstance(result, torch.Tensor):
                return [(result, new)] if name in ("argmax", "argmin") else None
            values, indices = result
            return [(indices, new), (values, replace(new, how="extreme"))]
        if name == "topk":
            one = (kwargs.get("k", args[1] if len(args) > 1 else 0)) == 1
            axis = kwargs.get("dim", args[2] if len(args) > 2 else -1)
            new = replace(made, how="argmax" if one else "topk", axis=axis % max(x.dim(), 1), source=source)
            return [(result[1], new), (result[0], replace(new, how="extreme"))]
        limit = 0.5 if name in ("round", "round_") else _number(args[1]) if name in ABOVE and len(args) > 1 else None
        if limit is None or not isinstance(result, torch.Tensor):
            return None
        low, high = _range(x)
        if self._room("threshold"):
            between = float(((x.detach() > min(limit, 0.0)) & (x.detach() <= max(limit, 0.0))).double().mean())
            self._hub.write(
                Threshold(
                    made.visit.network, self._hub.step, "train" if made.visit.grad else "eval", persons_line(),
                    made.slot, made.ops, name.strip("_"), limit, low, high, between, tuple(x.shape),
                )
            )  # fmt: skip
        return [(result, replace(made, how="threshold", threshold=limit, source=source))]

    def _room(self, kind: str) -> bool:
        key = (self._hub.step, kind)
        self._done[key] = self._done.get(key, 0) + 1
        return self._done[key] <= MOST

    def _compare(self, name: str, a: Any, b: Any, result: Any) -> None:
        """A prediction meets something by == or torch.equal."""
        if not (isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)):
            return
        ours, other = (a, b) if a in self._made else (b, a)
        made = self._made.get(ours)
        if made is None or not ours.numel() or not other.numel() or not self._room("compare"):
            return
        theirs = self._made.get(other)
        same = theirs is not None and theirs.visit is made.visit
        if theirs is not None and not same:
            return  # two networks, or two forwards, against each other
        shape = tuple(torch.broadcast_shapes(ours.shape, other.shape)) if name != "equal" else tuple(ours.shape)
        pairs = made.paired or other in self._paired or (theirs is not None and theirs.paired)
        axis, proper = _along(made, other) if made.how in ("argmax", "extreme") else (-1, None)
        flat = other.detach().reshape(-1)
        alike = same and theirs is not None and theirs.how == made.how and name != "equal"
        whole = bool((flat == flat.round()).all()) if flat.is_floating_point() else True
        self._hub.write(
            Comparison(
                made.visit.network, self._hub.step, "train" if made.visit.grad else "eval", persons_line(), made.how,
                made.axis, made.least, tuple(made.source.shape) if made.source is not None else (), made.ops,
                tuple(ours.shape), tuple(other.shape), shape, alike,
                _share(ours, other), axis, proper, pairs, int(flat[:100_000].unique().numel()), whole,
                flat.numel() > 1 and bool((flat == torch.arange(flat.numel(), device=flat.device)).all()),
                _fractions(ours), same,
            )
        )  # fmt: skip


def _share(a: torch.Tensor, b: torch.Tensor) -> float:
    """Share of equal elements, after broadcasting."""
    return float((a.detach() == b.detach()).double().mean())


def _fractions(x: torch.Tensor) -> float:
    """Share of elements that are no whole numbers."""
    return float((x.detach() != x.detach().round()).double().mean()) if x.is_floating_point() else 0.0


def _along(made: Made, other: torch.Tensor) -> tuple[int, float | None]:
    """(another axis whose argmax has a prediction for each compared value, its agreement), the best such."""
    x, found = made.source, []
    if x is None:
        return -1, None
    wanted, flat = [n for n in other.shape if n != 1], other.detach().reshape(-1)
    for axis in range(x.dim()):
        rest = [n for k, n in enumerate(x.shape) if k != axis and n != 1]
        if (axis != made.axis or made.how == "extreme") and x.shape[axis] > 1 and rest == wanted:
            guess = (torch.argmin if made.least else torch.argmax)(x, axis).reshape(-1)
            found.append((float((guess == flat).double().mean()), axis))
    best = max(found, default=None)
    return (best[1], best[0]) if best is not None else (-1, None)


def _range(x: torch.Tensor) -> tuple[float, float]:
    x = x.detach()
    return (float(x.min()), float(x.max())) if x.numel() else (0.0, 0.0)


def _number(value: Any) -> float | None:
    """A Python number, or a tensor with one element."""
    if isinstance(value, torch.Tensor):
        return float(value) if value.dim() == 0 else None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _holds_none(index: Any) -> bool:
    return index is None or (isinstance(index, tuple) and any(i is None for i in index))


def _part(index: Any) -> str:
    """The part of an output that an index takes; "" for all of it."""
    whole = (None, Ellipsis, slice(None))
    parts = index if isinstance(index, tuple) else (index,)
    if all(any(p is w or (isinstance(p, slice) and p == slice(None)) for w in whole) for p in parts):
        return ""
    return "[" + ",".join("tensor" if isinstance(p, torch.Tensor) else repr(p)[:40] for p in parts) + "]"
