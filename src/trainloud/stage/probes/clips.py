"""Errors and losses that are clipped: which elements, how large they were, and what gradient they got."""

from dataclasses import dataclass, field
from typing import Any

import torch

from trainloud.core.place import Place
from trainloud.core.records import Clip
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub
from trainloud.stage.origin import node_name
from trainloud.stage.visit import Visit, tensors_in

CLIPS = frozenset(
    {"clamp", "clamp_", "clip", "clip_", "clamp_max", "clamp_max_", "minimum", "min", "fmin", "hardtanh", "where",
     "masked_fill", "masked_fill_"}
)  # fmt: skip
MOST_ELEMENTS = 1_000_000
MOST_CLIPS = 16  # a step
WALKED = 20_000  # nodes
BESIDE_DEPTH = 40  # operations from a clip back to the layer that gave its values
PLAIN = frozenset(
    {"mean", "sum", "mul", "div", "pow", "abs", "neg", "add", "sub", "sqrt", "view", "reshape", "unsafeview",
     "reshapealias", "squeeze", "unsqueeze", "transpose", "permute", "t", "slice", "select", "clone", "expand",
     "tocopy", "index", "maskedselect", "stack", "cat", "alias", "mseloss", "l1loss", "square", "unbind", "flatten",
     "norm", "linalgvectornorm", "nansum", "logsumexp"}
)  # fmt: skip
"""Operations that leave apart what each clipped element gives to the loss."""
LAYERS = frozenset(
    {"addmm", "mm", "bmm", "convolution", "cudnnconvolution", "mkldnnconvolution", "linear", "addmv", "baddbmm",
     "embedding", "nativelayernorm", "nativebatchnorm", "cudnnbatchnorm", "mv", "dot"}
)  # fmt: skip


@dataclass(eq=False)
class _Site:
    """One clip of the step under way."""

    op: str
    where: Place | None
    before: torch.Tensor
    after: torch.Tensor
    node: Any
    given: Any
    """The graph node that made what was clipped."""
    output: int
    """Which of that node's results it was."""
    gradients: dict[str, torch.Tensor] = field(default_factory=dict)
    """Once known: "after" the clip, and "before" it over all ways."""
    beside: bool = False


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._sites: list[_Site] = []
        self._ends: list[Any] = []
        self._waiting: list[_Site] = []

    def forward_end(self, visit: Visit) -> None:
        if visit.window and visit.grad:
            self._ends.extend(t.grad_fn for t in tensors_in(visit.output) if t.grad_fn is not None)

    def operation(self, name: str, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        if name not in CLIPS or not isinstance(result, torch.Tensor) or result.grad_fn is None:
            return
        if not result.is_floating_point() or not 0 < result.numel() <= MOST_ELEMENTS or len(self._sites) >= MOST_CLIPS:
            return
        given = [t for t in (*tensors_in(args), *tensors_in(kwargs)) if t.shape == result.shape]
        source = self._source(name, result, given)
        edges = [(n, k) for n, k in result.grad_fn.next_functions if n is not None]
        if source is None or len(edges) != 1:
            return
        before, after = source.detach(), result.detach()
        if not _cuts_down(before, after):
            return
        self._sites.append(
            _Site(name, persons_line(), before.clone(), after.clone(), result.grad_fn, edges[0][0], edges[0][1])
        )

    @staticmethod
    def _source(name: str, result: torch.Tensor, given: list[torch.Tensor]) -> torch.Tensor | None:
        """What was clipped; None if it is gone."""
        if name.endswith("_"):
            saved = getattr(result.grad_fn, "_saved_self", None)
            return saved if isinstance(saved, torch.Tensor) and saved.shape == result.shape else None
        wanted = [t for t in given if t.requires_grad and t.is_floating_point()]
        return wanted[0] if len(wanted) == 1 else None

    def backward_start(self, loss: Any) -> None:
        sites, self._sites = self._sites, []
        if not sites or not isinstance(loss, torch.Tensor) or loss.grad_fn is None:
            return
        clips = {s.node for s in sites}
        open_ways = _walk(loss.grad_fn, clips)
        for site in sites:
            if not _plain_way(loss.grad_fn, site.node):
                continue
            upstream = _upstream(site.given, self._ends)
            site.beside = bool(upstream & open_ways)
            site.node.register_prehook(_keeper(site.gradients, "after", 0))
            if not hasattr(site.given, "variable"):
                site.given.register_prehook(_keeper(site.gradients, "before", site.output))
            self._waiting.append(site)

    def backward_end(self, loss: Any) -> None:
        waiting, self._waiting = self._waiting, []
        for site in waiting:
            after = site.gradients.get("after")
            if after is not None and after.shape == site.before.shape:
                self._write(site, after.double())

    def step_end(self, optimizer: Any) -> None:
        self._sites, self._ends, self._waiting = [], [], []

    def _write(self, site: _Site, g: torch.Tensor) -> None:
        before, after, passed = site.before.double(), site.after.double(), site.gradients.get("before")
        cut = after.abs() < before.abs()
        squares = before.square()
        silent = cut.sum() * 0 if passed is None else (cut & (passed == 0)).sum()
        counted = (g != 0) & (after != 0)
        falling = (counted & (g.sign() == after.sign())).sum().double() / counted.sum().clamp_min(1)
        figures = [
            cut.sum(), silent, after.abs().max(), before.abs().max(),
            (squares * cut).sum() / squares.sum().clamp_min(1e-300), falling,
        ]  # fmt: skip
        step, shape = self._hub.step, tuple(before.shape)

        def receive(arrived: list[torch.Tensor]) -> None:
            n, silent_n, limit, largest, share, falls = arrived[0].tolist()
            self._hub.write(
                Clip(step, site.op.strip("_"), site.where, shape, before.numel(), int(n), int(silent_n), limit,
                     largest, share, falls, site.beside)
            )  # fmt: skip

        self._hub.deferred.put([torch.stack([f.double() for f in figures])], receive)


def _cuts_down(before: torch.Tensor, after: torch.Tensor) -> bool:
    """Elements either stay or come nearer to zero, and those that do all stop at one size."""
    cut = after != before
    if not bool(cut.any()):
        return True
    sizes = after[cut].abs()
    nearer = bool((sizes < before[cut].abs()).all()) and bool((after[cut] * before[cut] >= 0).all())
    return nearer and bool(sizes.max() == sizes.min()) and bool(sizes.max() > 0)


def _keeper(kept: dict[str, torch.Tensor], name: str, place: int) -> Any:
    """A hook that holds no node of the graph: that would keep the graph alive."""

    def keep(grads: Any) -> None:
        if len(grads) > place and isinstance(grads[place], torch.Tensor):
            kept[name] = grads[place].detach().clone()

    return keep


def _walk(root: Any, closed: set[Any]) -> set[Any]:
    """Nodes that are reached from a loss without passing a closed one."""
    stack, seen = [root], {root}
    while stack and len(seen) < WALKED:
        node = stack.pop()
        if node in closed:
            continue
        for n, _ in node.next_functions:
            if n is not None and n not in seen:
                seen.add(n)
                stack.append(n)
    return seen - closed


def _plain_way(root: Any, clip: Any) -> bool:
    """Whether the clip lies before the loss with nothing between but operations that keep elements apart."""
    stack, seen = [root], {root}
    while stack and len(seen) < WALKED:
        node = stack.pop()
        if node is clip:
            return True
        if node_name(node) not in PLAIN and node_name(node).rstrip("0123456789") not in PLAIN:
            continue
        for n, _ in node.next_functions:
            if n is not None and n not in seen:
                seen.add(n)
                stack.append(n)
    return False


def _upstream(node: Any, ends: list[Any]) -> set[Any]:
    """Nodes from a clip back to a network's output or to the layer that gave its values, without parameters."""
    stack, found, stops = [(node, 0)], {node}, set(ends)
    while stack:
        at, depth = stack.pop()
        if at in stops or node_name(at) in LAYERS or depth >= BESIDE_DEPTH:
            continue
        for n, _ in at.next_functions:
            if n is not None and n not in found and not hasattr(n, "variable"):
                found.add(n)
                stack.append((n, depth + 1))
    return found
