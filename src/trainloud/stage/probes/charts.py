"""The gradient dependency chart, by perturbation: which inputs an output depends on.

The network's copy runs in evaluation mode from fixed random numbers on a real batch, and again with a part
of the input exchanged; outputs that may not depend on that part must stay. Perturbing sees what gradients
miss (integer inputs, argmax, all-zero gradients) and needs no differentiable input.
"""

from collections.abc import Sequence
from typing import Any

import torch

from trainloud.core.records import Foresight, Independence, Linearity
from trainloud.stage.hub import Hub
from trainloud.stage.replica import outputs_of, random_state_kept

from trainloud.stage.visit import Visit, named_arguments

MOST_ELEMENTS = 8_000_000  # of the inputs, after that
TOLERANCE = 1e-4  # relative change of an output that rounding can explain in single precision


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._held: dict[int, Visit] = {}
        self._done: set[int] = set()
        self._wholes: dict[int, list[Any]] = {}

    def forward_end(self, visit: Visit) -> None:
        """Hold the arguments of the first training forward of a network."""
        if not visit.grad or visit.network in self._done or not visit.outer or not visit.window:
            return
        if visit.prints is not None:
            self._wholes.setdefault(visit.network, []).append(visit.prints.sum())
        if visit.network not in self._held:
            kept = Visit(visit.module, visit.network, visit.step, visit.args, True, True, kwargs=dict(visit.kwargs))
            kept.size, kept.iteration, kept.facts = visit.size, visit.iteration, visit.facts
            self._held[visit.network] = kept

    def resolved(self, visits: Sequence[Visit]) -> None:
        for number in [n for n in self._held if n in self._hub.trained]:
            if self._held[number].step < self._hub.step or len(self._wholes.get(number, ())) >= 2:
                self._make(self._held.pop(number))
                self._done.add(number)

    def finish(self) -> None:
        """A run of a single step."""
        for number in [n for n in self._held if n in self._hub.trained]:
            self._make(self._held.pop(number))

    def _make(self, visit: Visit) -> None:
        wholes = self._wholes.pop(visit.network, [])
        full_batch = len(wholes) >= 2 and all(bool(w == wholes[0]) for w in wholes)
        if type(visit.module).__name__ == "OptimizedModule":
            visit.module = visit.module._orig_mod  # type: ignore[assignment, union-attr]
        with random_state_kept():
            try:
                self._hub.write(independence(visit, full_batch))
            except Exception as error:
                reason = f"the network's copy did not run: {type(error).__name__}: {error}"[:300]
                self._hub.write(_no_chart(visit, full_batch, reason))
                return
            for chart in (foresight, linearity):
                try:
                    found = chart(visit)
                except Exception as error:
                    self._hub.unseen(f"{chart.__name__}: {type(error).__name__}: {error}")
                    continue
                if found is not None:
                    self._hub.write(found)


def _no_chart(visit: Visit, full_batch: bool, reason: str) -> Independence:
    return Independence(visit.network, visit.step, (), -1, 0.0, False, -1, None, full_batch, False, reason)


def _float_spread(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.double() - b.double()).abs()


def _exchange(t: torch.Tensor, axis: int, keep: torch.Tensor) -> torch.Tensor:
    """The tensor with every slice along `axis` outside `keep` replaced by its neighbour's neighbour."""
    moved = t.roll(1, axis).flip([a for a in range(1, t.dim()) if a != axis] or [0] if axis else [])
    if t.is_floating_point():
        moved = moved * 0.5 + t.roll(2, axis) * 0.7
    shape = [1] * t.dim()
    shape[axis] = t.shape[axis]
    return torch.where(keep.reshape(shape).to(t.device), t, moved.to(t.dtype))


def _substituted(visit: Visit, change: dict[int, torch.Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    def swap(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return change.get(id(value), value)
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
            return type(value)(swap(v) for v in value)
        if isinstance(value, dict):
            return {k: swap(v) for k, v in value.items()}
        return value

    return tuple(swap(a) for a in visit.args), {k: swap(v) for k, v in visit.kwargs.items()}


def _related(visit: Visit, pairs: list[tuple[str, torch.Tensor]], size: int) -> bool:
    """Whether an argument or a buffer relates examples to one another."""
    for _, t in pairs:
        if t.dim() == 2 and (t.shape == (size, size) or (t.shape[0] == 2 and not t.is_floating_point())):
            return True
        if t.dim() and t.shape[0] != size:
            return True
    values = [*visit.args, *visit.kwargs.values()]
    if any(isinstance(v, torch.Tensor) and v.layout is not torch.strided for v in values):
        return True
    held = [*visit.module.buffers(), *(v for m in visit.module.modules() for v in vars(m).values())]
    return any(isinstance(b, torch.Tensor) and b.dim() == 2 and b.shape == (size, size) for b in held)


def independence(visit: Visit, full_batch: bool) -> Independence:
    """Find the axes along which the network treats its examples apart."""
    pairs = named_arguments(visit)
    if not pairs:
        return _no_chart(visit, full_batch, "it takes no tensor")
    main = next((t for _, t in pairs if t.is_floating_point()), pairs[0][1])
    if main.shape[0] < 2:
        return _no_chart(visit, full_batch, "a batch of one example")
    if sum(t.numel() for _, t in pairs) > MOST_ELEMENTS:
        return _no_chart(visit, full_batch, "the inputs are too large")
    related = _related(visit, pairs, main.shape[0])
    args, kwargs = _substituted(visit, {})
    base = outputs_of(visit.module, args, kwargs)
    if not bool(_float_spread(base, outputs_of(visit.module, args, kwargs)).max() == 0):
        return _no_chart(visit, full_batch, "two runs on the same batch from the same random numbers differ")
    found, worst, ordered = [], 0.0, False
    for axis in range(min(main.dim(), 2)):
        for out_axis in range(min(base.dim(), 2)):
            if base.shape[out_axis] == main.shape[axis] and main.shape[axis] > 1:
                spread, before, after = _mixing(visit, pairs, main, base, axis, out_axis)
                found.append((axis, out_axis, spread <= TOLERANCE))
                if axis == out_axis == 0:
                    worst, ordered = spread, before > TOLERANCE >= after
    softmax = next(
        ((a, where) for a, shape, where in visit.facts.get("softmaxes", ()) if a == 0 and len(shape) <= 3), (-1, None)
    )
    batch_axis = 0 if visit.iteration >= 0 else -1
    return Independence(
        visit.network, visit.step, tuple(found), batch_axis, worst, ordered, softmax[0], softmax[1], full_batch,
        related, "" if found else "no axis of the output has the length of the batch",
    )  # fmt: skip


def _mixing(
    visit: Visit, pairs: list[tuple[str, torch.Tensor]], main: torch.Tensor, base: torch.Tensor, axis: int, out_axis: int
) -> tuple[float, float, float]:
    """Change of one output slice by all others, by those before and by those after, over the change by its own."""
    n = main.shape[axis]
    middle = n // 2
    index = torch.arange(n)

    def change(keep: torch.Tensor) -> torch.Tensor:
        swaps = {
            id(t): _exchange(t, axis, keep) for _, t in pairs if t.dim() > axis and t.shape[axis] == n
        }
        out = outputs_of(visit.module, *_substituted(visit, swaps))
        if out.shape != base.shape:
            return torch.full_like(base.select(out_axis, middle).double(), float("nan"))
        return _float_spread(base.select(out_axis, middle), out.select(out_axis, middle))

    own = float(change(index != middle).max())
    scale = max(own, float(base.double().std()) * 1e-2, 1e-12)
    by_all = float(change(index == middle).max()) / scale
    if not by_all > TOLERANCE:
        return by_all, 0.0, 0.0
    return by_all, float(change(index >= middle).max()) / scale, float(change(index <= middle).max()) / scale


def foresight(visit: Visit) -> Foresight | None:
    """For a network that predicts its own next input: do outputs up to t see inputs after t?"""
    shifts = visit.facts.get("shifts", {})
    shift = next((s for s in (1, 2) if s in shifts and shifts[s][2] >= 0.9), None)
    if shift is None or shifts.get(0, ("", 0, 0.0))[2] >= 0.9:
        return None
    argument, axis, share = shifts[shift]
    pairs = dict(named_arguments(visit))
    source = pairs.get(argument)
    if source is None or source.dim() <= axis or source.shape[axis] < 4:
        return None
    n = source.shape[axis]
    cut = n // 2
    index = torch.arange(n)
    base = outputs_of(visit.module, *_substituted(visit, {}))
    out_axis = _time_axis(base, source, axis)
    if out_axis is None:
        return Foresight(visit.network, visit.step, argument, shift, share, 0.0, 0, "no output axis of the input's length")

    def change(keep: torch.Tensor) -> float:
        swapped = {id(source): _exchange(source, axis, keep)}
        out = outputs_of(visit.module, *_substituted(visit, swapped))
        return float(_float_spread(base, out).narrow(out_axis, 0, cut + 1).max())

    past = change(index > cut)
    future = change(index <= cut)
    lag = 0
    if past > 0 and future > TOLERANCE * past:
        lag = next((k for k in range(1, n - cut) if change(index != cut + k) > TOLERANCE * past), 0)
    return Foresight(visit.network, visit.step, argument, shift, share, future / max(past, 1e-12), lag)


def _time_axis(out: torch.Tensor, source: torch.Tensor, axis: int) -> int | None:
    if out.dim() > axis and out.shape[axis] == source.shape[axis]:
        return axis
    fits = [a for a in range(out.dim()) if out.shape[a] == source.shape[axis]]
    return fits[0] if len(fits) == 1 else None


def linearity(visit: Visit) -> Linearity | None:
    """f(a) + f(b) - f(a+b) - f(0) of a network with one float input, over the spread of f."""
    pairs = named_arguments(visit)
    floats = [t for _, t in pairs if t.is_floating_point()]
    if len(pairs) != 1 or len(floats) != 1 or floats[0].shape[0] < 2:
        return None
    x = floats[0]
    a, b = x, x.roll(1, 0) * 1.5

    def f(value: torch.Tensor) -> torch.Tensor:
        return outputs_of(visit.module, *_substituted(visit, {id(x): value})).double()

    fa, fb = f(a), f(b)
    rest = fa + fb - f(a + b) - f(torch.zeros_like(x))
    spread = max(float((fa - fb).abs().max()), 1e-12)
    weights = [m.weight for m in visit.module.modules() if _has_matrix(m)]  # type: ignore[union-attr]
    inner = [int(w.shape[0]) for w in weights[:-1]]  # type: ignore[union-attr]
    return Linearity(
        visit.network, visit.step, float(rest.abs().max()) / spread, len(weights), min(inner, default=0),
        int(x[0].numel()), int(fa[0].numel()) if fa.dim() > 1 else 1,
    )  # fmt: skip


def _has_matrix(module: torch.nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    return isinstance(weight, torch.Tensor) and weight.dim() >= 2


