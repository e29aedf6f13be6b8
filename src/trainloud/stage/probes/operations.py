"""Single operations, in the window: who made what, activations, and where outputs meet other tensors."""

from typing import Any

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from trainloud.core.records import Activation, Meeting
from trainloud.stage.code import persons_line
from trainloud.stage.describe import describe
from trainloud.stage.hub import Hub
from trainloud.stage.origin import KEY, node_name, origins, shortfall
from trainloud.stage.probes.doors import compare_columns
from trainloud.stage.shift import copies
from trainloud.stage.visit import Visit, tensors_in

RECTIFIERS = ("relu", "relu_")
SQUASHERS = {"sigmoid": (0.0, 1.0), "sigmoid_": (0.0, 1.0), "tanh": (-1.0, 1.0), "tanh_": (-1.0, 1.0)}
MEETINGS = frozenset(
    {"sub", "rsub", "__sub__", "__rsub__", "subtract", "mul", "__mul__", "__rmul__", "div", "__truediv__", "dist",
     "pairwise_distance", "cdist", "eq", "__eq__", "ne", "__ne__", "gather", "add", "__add__", "__radd__", "where"}
)  # fmt: skip
MOST_MEETINGS = 12  # a step and phase


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._outputs = WeakTensorKeyDictionary()
        self._active: dict[tuple[int, int], torch.Tensor] = {}
        self._examples: dict[tuple[int, int], int] = {}
        self._met: dict[tuple[int, str], int] = {}

    def operation(self, name: str, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        hub = self._hub
        inside = hub.visit if hub.stack else None
        first = next(tensors_in(result, 1), None)
        if first is not None and first.grad_fn is not None and KEY not in first.grad_fn.metadata:
            first.grad_fn.metadata[KEY] = persons_line()
        if inside is not None:
            self._inside(inside, name, args, kwargs, first)
        elif first is not None:
            self._outside(name, args, kwargs, result, first)

    def _inside(self, visit: Visit, name: str, args: Any, kwargs: Any, result: torch.Tensor | None) -> None:
        if result is None:
            return
        if name in RECTIFIERS or name in SQUASHERS:
            if visit.grad and visit.window:
                self._activation(visit, name, result)
        elif name in ("softmax", "log_softmax"):
            axis = kwargs.get("dim", args[1] if len(args) > 1 and isinstance(args[1], int) else None)
            if isinstance(axis, int):
                seen = (axis % result.dim(), tuple(result.shape), persons_line())
                visit.facts.setdefault("softmaxes", []).append(seen)
        elif "dropout" in name:
            training = kwargs.get("training", args[2] if len(args) > 2 else True)
            p = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
            if training and p:
                visit.live_dropout = True

    def _activation(self, visit: Visit, name: str, result: torch.Tensor) -> None:
        if result.dim() < 2:
            return
        order = visit.facts["activations"] = visit.facts.get("activations", -1) + 1
        axis = _unit_axis(result)
        values = result.detach()
        units = values.movedim(axis, 0).reshape(values.shape[axis], -1)
        active = (units != 0).any(1)
        key = (visit.network, order)
        if key in self._active and self._active[key].shape == active.shape:
            active = active | self._active[key]
        self._active[key] = active
        self._examples[key] = self._examples.get(key, 0) + units.shape[1]
        saturated = saturated_low = 0.0
        if name in SQUASHERS:
            low, high = SQUASHERS[name]
            margin = 0.01 * (high - low)
            saturated_low = float((values < low + margin).float().mean())
            saturated = saturated_low + float((values > high - margin).float().mean())
        source = next((o.op for o in origins(result)[1:2]), "")
        record = Activation(
            visit.step, visit.network, order, name.rstrip("_"), persons_line(),
            type(self._hub.stack[-1]).__name__ if self._hub.stack else "", units.shape[0],
            float((values == 0).float().mean()), float((~active).float().mean()), saturated, self._examples[key],
            source=source, saturated_low=saturated_low,
        )  # fmt: skip
        visit.facts.setdefault("activation_records", []).append((record, result.data_ptr()))

    def forward_end(self, visit: Visit) -> None:
        if not visit.window:
            return
        for t in tensors_in(visit.output):
            self._outputs[t] = visit
        ends = {t.data_ptr() for t in tensors_in(visit.output)}
        for record, pointer in visit.facts.pop("activation_records", ()):
            last = pointer in ends
            self._hub.write(Activation(**{**record.__dict__, "last": last}))

    def _outside(self, name: str, args: Any, kwargs: Any, result: Any, first: torch.Tensor) -> None:
        given = list(tensors_in(args)) + list(tensors_in(kwargs))
        visit = next((self._outputs[t] for t in given if t in self._outputs), None)
        if visit is None:
            return
        if name in MEETINGS and len(given) >= 2:
            self._meet(visit, name, given, first)
        for t in tensors_in(result):
            if t not in self._outputs:
                self._outputs[t] = visit

    def _meet(self, visit: Visit, name: str, given: list[torch.Tensor], result: torch.Tensor) -> None:
        ours = [t for t in given if t in self._outputs]
        others = [t for t in given if t not in self._outputs and t.dim() and not t.requires_grad]
        phase = "train" if visit.grad else "eval"
        key = (visit.step, phase)
        if not others or self._met.get(key, 0) >= MOST_MEETINGS:
            return
        self._met[key] = self._met.get(key, 0) + 1
        visit.facts["met"] = True
        compare_columns(visit, others[0])
        made_of = origins(ours[0])
        self._hub.write(
            Meeting(
                visit.step, phase, name.strip("_"), persons_line(), describe("output", ours[0]),
                describe("other", others[0]), tuple(result.shape), made_of, shortfall(made_of, others[0]),
                copies(visit, others[0]), any(_axis_added(t) for t in ours),
            )
        )  # fmt: skip


def _axis_added(t: torch.Tensor) -> bool:
    """Whether the last thing done to it was to give it an axis of length 1 by `unsqueeze` or `[:, None]`."""
    return t.grad_fn is not None and node_name(t.grad_fn) == "unsqueeze"


def _unit_axis(result: torch.Tensor) -> int:
    """Channels after a convolution, else the last axis."""
    if result.dim() == 3:
        made_of = [o.op for o in origins(result)]
        if any("conv" in op for op in made_of[:3]):
            return 1
    return 1 if result.dim() in (4, 5) else result.dim() - 1
