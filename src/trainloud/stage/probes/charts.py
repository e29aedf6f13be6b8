"""The gradient dependency chart, by perturbation: which inputs an output depends on.

The network's copy runs in evaluation mode from fixed random numbers on a real batch, and again with a part
of the input exchanged; outputs that may not depend on that part must stay. Perturbing sees what gradients
miss (integer inputs, argmax, all-zero gradients) and needs no differentiable input.
"""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

from trainloud.core.place import Place
from trainloud.core.records import Copying, Foresight, Independence, Linearity, Stochastic, Unseen
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub
from trainloud.stage.linear import linearity
from trainloud.stage.replica import outputs_of
from trainloud.stage.visit import Visit, named_arguments

MOST_ELEMENTS = 8_000_000  # of the inputs
EXAMPLES = (12, 11, 13, 10)  # of a batch that are enough; the first that is no other axis's length
FEW_EXAMPLES = 8
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
            kept.module = None  # type: ignore[assignment]
            visit.facts["loaded"] = self._hub.batch_size()
            self._held[visit.network] = kept

    def inner_start(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        """A recurrent or attention layer that takes time first: does the batch stand on that axis?"""
        visit = self._hub.visit
        if visit is None or not visit.grad or visit.network in self._done or "sequence" in visit.facts:
            return
        x = args[0] if args else None
        if getattr(module, "batch_first", True) is not False or not isinstance(x, torch.Tensor) or x.dim() != 3:
            return
        size = next((t.shape[0] for _, t in named_arguments(visit)), 0)
        if x.shape[0] == size != x.shape[1]:
            visit.facts["sequence"] = (type(module).__name__, persons_line())

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
        module = visit.ref()
        if module is None:
            return
        visit.module = module._orig_mod if type(module).__name__ == "OptimizedModule" else module  # type: ignore[assignment]
        self._hub.aside.do(functools.partial(_charts, visit, full_batch))


def _charts(visit: Visit, full_batch: bool) -> list[Any]:
    """All charts of one network that can be made, as records."""
    try:
        made: list[Any] = [independence(visit, full_batch)]
    except Exception as error:
        reason = f"the network's copy did not run: {type(error).__name__}: {error}"[:300]
        return [_no_chart(visit, full_batch, reason)]
    for chart in (foresight, copying, _linearity, stochastic):
        try:
            found: Any = chart(visit)
        except Exception as error:
            found = Unseen(f"{chart.__name__}: {type(error).__name__}: {error}"[:300])
        if found is not None:
            made.append(found)
    return made


def _no_chart(visit: Visit, full_batch: bool, reason: str) -> Independence:
    return Independence(visit.network, visit.step, (), -1, 0.0, False, -1, None, full_batch, False, reason)


def _float_spread(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.double() - b.double()).abs()


def _exchange(t: torch.Tensor, axis: int, keep: torch.Tensor) -> torch.Tensor:
    """The tensor with every slice along `axis` outside `keep` taken from other examples.

    Each column keeps to its own values (or between them): an index out of range would end a CUDA process.
    """
    along = 0 if t.shape[0] > 1 else axis
    moved = t.roll(1, along)
    if t.is_floating_point():
        moved = moved * 0.6 + t.roll(2, along) * 0.4
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
        if t.dim() == 1 and not t.is_floating_point() and _names_groups(t):
            return True
    values = [*visit.args, *visit.kwargs.values()]
    if any(isinstance(v, torch.Tensor) and v.layout is not torch.strided for v in values):
        return True
    held = [*visit.module.buffers(), *(v for m in visit.module.modules() for v in vars(m).values())]
    return any(isinstance(b, torch.Tensor) and b.dim() == 2 and b.shape == (size, size) for b in held)


def _names_groups(t: torch.Tensor) -> bool:
    """Ascending with repetitions from 0: which graph or point cloud each row belongs to."""
    return int(t[0]) == 0 and bool((t[1:] >= t[:-1]).all()) and 1 <= int(t[-1]) < t.shape[0] - 1


def independence(visit: Visit, full_batch: bool) -> Independence:
    """Find the axes along which the network treats its examples apart."""
    pairs = named_arguments(visit)
    if not pairs:
        return _no_chart(visit, full_batch, "it takes no tensor")
    main = next((t for _, t in pairs if t.is_floating_point()), pairs[0][1])
    if main.shape[0] < 2:
        return _no_chart(visit, full_batch, "a batch of one example")
    if _related(visit, pairs, main.shape[0]):
        return replace(_no_chart(visit, full_batch, "its inputs relate the examples to each other"), related=True)
    if sum(t.numel() for _, t in pairs) > MOST_ELEMENTS:
        return _no_chart(visit, full_batch, "the inputs are too large")
    try:
        found = _apart(_few(visit, main), full_batch)
    except (RuntimeError, ValueError, IndexError):  # a network built for one size of batch
        found = _apart(visit, full_batch)
    sizes = [a for a in range(min(main.dim(), 2)) if main.shape[a] == visit.facts.get("loaded")]
    sequence, place = visit.facts.get("sequence", ("", None))
    softmaxes = visit.facts.get("softmaxes", ())
    softmax = next(((a, place) for a, shape, place in softmaxes if _over_batch(a, shape, main)), (-1, None))
    return replace(
        found, batch_axis=sizes[0] if len(sizes) == 1 else -1, softmax_axis=softmax[0], softmax_where=softmax[1],
        shape=tuple(main.shape), sequence=sequence, sequence_where=place,
    )  # fmt: skip


def _over_batch(axis: int, shape: tuple[int, ...], main: torch.Tensor) -> bool:
    return axis == 0 and len(shape) >= 2 and shape[0] == main.shape[0]


def _few(visit: Visit, main: torch.Tensor) -> Visit:
    """The same visit with the first examples only."""
    enough = next(n for n in EXAMPLES if n not in main.shape[1:])
    if main.shape[0] <= enough:
        return visit
    change = {id(t): t[:enough] for _, t in named_arguments(visit) if t.shape[0] == main.shape[0]}
    args, kwargs = _substituted(visit, change)
    few = Visit(visit.module, visit.network, visit.step, args, True, True, kwargs=kwargs)
    few.facts = visit.facts
    return few


def _apart(visit: Visit, full_batch: bool) -> Independence:
    pairs = named_arguments(visit)
    main = next((t for _, t in pairs if t.is_floating_point()), pairs[0][1])
    base = outputs_of(visit.module, visit.args, visit.kwargs)
    if not bool(base.isfinite().all()):
        return _no_chart(visit, full_batch, "its output is not finite")
    if not torch.equal(base, outputs_of(visit.module, visit.args, visit.kwargs)):
        return _no_chart(visit, full_batch, "two runs on the same batch from the same random numbers differ")
    found, worst, ordered, alive = [], 0.0, False, False
    for axis in range(min(main.dim(), 2)):
        for out_axis in range(min(base.dim(), 2)):
            if base.shape[out_axis] == main.shape[axis] and main.shape[axis] > 1:
                mixing = [_mixing(visit, pairs, base, axis, out_axis, at) for at in _places(main.shape[axis])]
                alive = alive or any(m.own or m.others for m in mixing)
                spread = max(m.others for m in mixing)
                found.append((axis, out_axis, spread <= TOLERANCE))
                if axis == out_axis == 0:
                    worst = spread
                    ordered = all(m.own > TOLERANCE and m.before > TOLERANCE >= m.after for m in mixing)
    if found and not alive:
        return _no_chart(visit, full_batch, "its output does not change with its input")
    return Independence(
        visit.network, visit.step, tuple(found), -1, worst, ordered, -1, None, full_batch, False,
        "" if found else "no axis of the output has the length of the batch",
        output_shape=tuple(base.shape),
    )  # fmt: skip


def _places(n: int) -> tuple[int, ...]:
    """Slices that are looked at: one in each half."""
    return tuple(sorted({max(1, n // 4), max(1, n // 2 + n // 4)})) if n > 3 else (n // 2,)


class _Mixing(NamedTuple):
    """Change of one output slice, over its own scale."""

    own: float
    others: float
    before: float
    after: float


def _mixing(
    visit: Visit, pairs: list[tuple[str, torch.Tensor]], base: torch.Tensor, axis: int, out_axis: int, at: int
) -> _Mixing:
    """How far an output slice changes with the input slice at its place, with all others, those before, those after."""
    n = base.shape[out_axis]
    index = torch.arange(n)

    def change(keep: torch.Tensor) -> float:
        swaps = {id(t): _exchange(t, axis, keep) for _, t in pairs if t.dim() > axis and t.shape[axis] == n}
        out = outputs_of(visit.module, *_substituted(visit, swaps))
        if out.shape != base.shape or not bool(out.isfinite().all()):
            raise ValueError("its output changes its shape or is not finite when examples are exchanged")
        return float(_float_spread(base.select(out_axis, at), out.select(out_axis, at)).max())

    own = change(index != at)
    scale = max(own, float(base.double().std()) * 1e-2, 1e-12)
    others = change(index == at) / scale
    if others <= TOLERANCE:
        return _Mixing(own / scale, others, 0.0, 0.0)
    return _Mixing(own / scale, others, change(index >= at) / scale, change(index <= at) / scale)


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
        reason = "no output axis of the input's length"
        return Foresight(visit.network, visit.step, argument, shift, share, 0.0, 0, reason)

    def change(keep: torch.Tensor) -> float:
        swapped = {id(source): _exchange(source, axis, keep)}
        out = outputs_of(visit.module, *_substituted(visit, swapped))
        return float(_float_spread(base, out).narrow(out_axis, 0, cut + 1).max())

    past = change(index > cut)
    future = change(index <= cut)
    if past == 0 and future == 0:
        reason = "its output does not change with its input"
        return Foresight(visit.network, visit.step, argument, shift, share, 0.0, 0, reason)
    lag = 0
    if past > 0 and future > TOLERANCE * past:
        lag = next((k for k in range(1, n - cut) if change(index != cut + k) > TOLERANCE * past), 0)
    return Foresight(visit.network, visit.step, argument, shift, share, future / max(past, 1e-12), lag)


def copying(visit: Visit) -> Copying | None:
    """For a network whose targets are its own input: does an output see the inputs before, at and after its place?"""
    argument, _, share = visit.facts.get("shifts", {}).get(0, ("", 0, 0.0))
    source = dict(named_arguments(visit)).get(argument)
    if share < 0.9 or source is None or source.is_floating_point():
        return None
    base = outputs_of(visit.module, *_substituted(visit, {}))
    for axis in (1, 0):  # time is the axis along which places depend on each other
        if source.shape[axis] >= 4 and base.dim() > axis and base.shape[axis] == source.shape[axis]:
            past, own, future = _seen_by_one(visit, source, base, axis)
            if max(past, future) > TOLERANCE:
                return Copying(visit.network, visit.step, argument, share, past, own, future)
    return None


def _seen_by_one(visit: Visit, source: torch.Tensor, base: torch.Tensor, axis: int) -> tuple[float, float, float]:
    """Change of the output in the middle by the inputs before, at and after it, over the largest of the three."""
    place = source.shape[axis] // 2
    index = torch.arange(source.shape[axis])

    def change(keep: torch.Tensor) -> float:
        out = outputs_of(visit.module, *_substituted(visit, {id(source): _exchange(source, axis, keep)}))
        return float(_float_spread(base, out).select(axis, place).max())

    past, own, future = change(index >= place), change(index != place), change(index <= place)
    scale = max(past, own, future, 1e-12)
    return past / scale, own / scale, future / scale


def _time_axis(out: torch.Tensor, source: torch.Tensor, axis: int) -> int | None:
    if out.dim() > axis and out.shape[axis] == source.shape[axis]:
        return axis
    fits = [a for a in range(out.dim()) if out.shape[a] == source.shape[axis]]
    return fits[0] if len(fits) == 1 else None


def _linearity(visit: Visit) -> Linearity | None:
    try:
        return linearity(visit, _substituted, FEW_EXAMPLES)
    except RuntimeError:  # a network built for one size of batch
        return linearity(visit, _substituted, None)


class _Dropouts(TorchFunctionMode):
    """Notes dropouts that are on."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, Place | None]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if "dropout" in name:
            p = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
            if kwargs.get("training", args[2] if len(args) > 2 else True) and p:
                self.seen.append((name, persons_line()))
        elif name == "scaled_dot_product_attention" and kwargs.get("dropout_p", args[4] if len(args) > 4 else 0.0):
            self.seen.append((name, persons_line()))
        return func(*args, **kwargs)


def stochastic(visit: Visit) -> Stochastic | None:
    """A dropout that is on although every module is in evaluation mode, and how far it moves the output."""
    if _get_current_function_mode_stack():
        return None
    with _Dropouts() as dropouts:
        first = outputs_of(visit.module, visit.args, visit.kwargs, 0).double()
    if not dropouts.seen:
        return None
    second = outputs_of(visit.module, visit.args, visit.kwargs, 1).double()
    if first.shape != second.shape:
        return None
    change = float((first - second).abs().max()) / max(float(first.std()), 1e-12)
    op, where = dropouts.seen[0]
    return Stochastic(visit.network, visit.step, op, where, change) if change > 0 else None
