"""What entered each network, exactly as it stood before `model(x)`, for a few batches of each phase."""

from collections.abc import Sequence
from typing import Any

import torch

from trainloud.core.records import Door
from trainloud.stage.describe import describe
from trainloud.stage.fingerprint import packed
from trainloud.stage.hub import WINDOW, Hub
from trainloud.stage.shift import keep_inputs
from trainloud.stage.visit import Visit, named_arguments, own_parameter

EVAL_KEPT = 4  # evaluation batches of a network that are kept
MOST_COLUMNS = 1024
SAMPLE_EXAMPLES, SAMPLE_SIDE, SAMPLE_LENGTH = 8, 48, 256


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._eval: dict[int, int] = {}

    def forward_start(self, visit: Visit) -> None:
        if self._wanted(visit):
            visit.facts["args"] = tuple(a.detach().clone() if isinstance(a, torch.Tensor) else a for a in visit.args)
            visit.facts["first"] = {}

    def _wanted(self, visit: Visit) -> bool:
        if visit.grad:
            return visit.step < WINDOW and sum(v.network == visit.network for v in self._hub.visits) < 2
        return self._eval.get(visit.network, 0) < EVAL_KEPT

    def inner_start(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        """The first layers with a weight: what reaches them has passed any normalisation inside."""
        visit = self._hub.visit
        if visit is None or "first" not in visit.facts or next(module.children(), None) is not None:
            return
        weight = own_parameter(module, "weight")
        name = type(module).__name__
        if (weight is None or weight.dim() < 2) and own_parameter(module, "weight_ih_l0") is None:
            return
        x = next((a for a in args if isinstance(a, torch.Tensor)), None)
        enough = len(visit.facts["first"]) >= (4 if visit.grad else 1)  # without gradients only the very first is known
        if x is None or not x.is_floating_point() or x.requires_grad or enough:
            return
        visit.facts["first"].setdefault(id(module), describe(name, x))

    def forward_end(self, visit: Visit) -> None:
        if "args" not in visit.facts:
            return
        visit.args = visit.facts.pop("args")
        pairs = named_arguments(visit)
        keep_inputs(visit, pairs)
        if not pairs:
            return
        main = next((t for _, t in pairs if t.is_floating_point()), pairs[0][1]).detach()
        rough, as_hwc = _roughness(main)
        sample, shape = _sample(main)
        visit.facts["door"] = Door(
            visit.network, visit.step, "train", tuple(describe(n, t) for n, t in pairs), _columns(main),
            tuple(visit.facts.pop("first").values()), rough, as_hwc, visit.outer, sample, shape,
        )  # fmt: skip
        visit.facts["columns"] = main if main.is_floating_point() and main.dim() == 2 else None
        if not visit.grad:
            self._eval[visit.network] = self._eval.get(visit.network, 0) + 1
            self._put(visit, "eval")

    def loss(self, call: Any) -> None:
        if call.visit is not None:
            compare_columns(call.visit, call.target)

    def resolved(self, visits: Sequence[Visit]) -> None:
        for visit in visits:
            if visit.grad and "door" in visit.facts:
                self._put(visit, "train" if visit.used else "eval")

    def _put(self, visit: Visit, phase: str) -> None:
        column, strength = visit.facts.pop("leak", (-1, 0.0))
        door = visit.facts.pop("door")
        self._hub.write(Door(**{**door.__dict__, "phase": phase, "leak_column": column, "leak_correlation": strength}))


def compare_columns(visit: Visit, target: torch.Tensor) -> None:
    """Targets have arrived, in a loss or in arithmetic: does one column of the input give them away?"""
    columns = visit.facts.get("columns")
    if columns is None or target.numel() != columns.shape[0] or columns.shape[0] < 8:
        return
    visit.facts["columns"] = None
    visit.facts["leak"] = _correlation(columns.double(), target.detach().double().reshape(-1))


def _columns(x: torch.Tensor) -> tuple[tuple[float, float, float, float], ...]:
    if not x.is_floating_point() or x.dim() < 2 or x.shape[0] < 2 or x.shape[1] > MOST_COLUMNS:
        return ()
    flat = x.double().movedim(1, 0).reshape(x.shape[1], -1)
    parts = (flat.mean(1), flat.std(1), flat.amin(1), flat.amax(1))
    return tuple(tuple(row) for row in torch.stack(parts, 1).tolist())


def _roughness(x: torch.Tensor) -> tuple[float | None, float | None]:
    """Neighbours' mean absolute difference over the spread: as it is, and read as height, width, channel."""
    if x.dim() != 4 or not x.is_floating_point() or x.shape[1] not in (3, 4) or min(x.shape[2:]) < 8:
        return None, None
    x = x[:16].float()
    n, c, h, w = x.shape
    return _rough(x), _rough(x.contiguous().reshape(n, h, w, c).permute(0, 3, 1, 2))


def _rough(x: torch.Tensor) -> float:
    spread = float(x.std())
    across = (x[..., 1:] - x[..., :-1]).abs().mean()
    down = (x[..., 1:, :] - x[..., :-1, :]).abs().mean()
    return float((across + down) / 2) / spread if spread > 0 else 0.0


def _sample(x: torch.Tensor) -> tuple[str, tuple[int, ...]]:
    """The first examples, thinned to at most 48 by 48 pixels or 256 values."""
    x = x[:SAMPLE_EXAMPLES].float()
    if x.dim() >= 3:
        for axis in range(x.dim() - 2, x.dim()):
            stride = -(-x.shape[axis] // SAMPLE_SIDE)
            x = x[(slice(None),) * axis + (slice(None, None, stride),)]
        if x.dim() == 4:
            x = x[:, :4]
    elif x.dim() == 2:
        x = x[:, :SAMPLE_LENGTH]
    return packed(x.reshape(-1).tolist(), "f"), tuple(x.shape)


def _correlation(columns: torch.Tensor, target: torch.Tensor) -> tuple[int, float]:
    """(column, absolute correlation) of the feature nearest to an affine function of the target."""
    a, b = columns - columns.mean(0), target - target.mean()
    size = a.norm(dim=0) * b.norm()
    r = torch.where(size > 1e-9, (a * b[:, None]).sum(0).abs() / size.clamp_min(1e-12), torch.zeros_like(size))
    best = int(r.argmax())
    return best, float(r[best])
