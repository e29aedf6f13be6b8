"""What each backward starts from, in the window: the losses in it with their weights, and penalties on the weights.

The derivative by a loss is read where autograd brings it, so that it holds whatever was done to the loss after it
was computed: divided, added up, negated, scaled.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from trainloud.core.place import Place
from trainloud.core.records import Objective, Term
from trainloud.stage.code import persons_line
from trainloud.stage.hub import WINDOW, Hub
from trainloud.stage.origin import KEY, ancestors, node_name
from trainloud.stage.patches import Patches
from trainloud.stage.visit import Visit, tensors_in

MOST_TERMS = 64  # loss calls between two steps
MOST_BACKWARDS = 32  # between two steps
MOST_ELEMENTS = 4_000_000  # of a loss that the script reduces itself
OUTPUT = "trainloud_output"  # in the metadata of the node that gave a network's output
PENALTY_NODES = 5_000
SCALAR = ("add", "sub", "mul", "div", "neg")  # what a person does to losses after they were computed


@dataclass(eq=False)
class _Term:
    kind: str
    value: torch.Tensor | None
    count: int | torch.Tensor
    elements: int
    batch: int
    reduction: str
    where: Place | None
    step: int
    order: int
    sign: float = 1.0
    arrived: list[torch.Tensor] = field(default_factory=list)
    """Gradients of the backward under way."""

    def weight(self) -> torch.Tensor:
        """(weight, least and greatest gradient other than zero, share of zeros)."""
        g = self.arrived[0].double() if len(self.arrived) == 1 else sum(a.double() for a in self.arrived)
        assert isinstance(g, torch.Tensor)
        whole = g.sum() * self.sign
        if self.reduction == "sum":
            whole = whole * self.count
        there = g != 0
        low = torch.where(there, g, torch.inf).min()
        high = torch.where(there, g, -torch.inf).max()
        return torch.stack([whole, low, high, (~there).double().mean()])


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._terms: list[_Term] = []
        self._number = 0  # backwards so far
        self._order = 0  # backwards since the step before
        self._inside = False
        self._scale: torch.Tensor | None = None
        self._value: torch.Tensor | None = None
        self._nodes = 0
        self._penalty: _Penalty | None = None
        self._watched = 0  # loss calls since the step before

    def install(self, patches: Patches) -> None:
        scaler = getattr(torch.amp, "GradScaler", None)
        if scaler is not None:
            patches.after(scaler, "scale", self._scaled)

    def _scaled(self, _result: Any, scaler: Any, *_: Any, **__: Any) -> None:
        scale = getattr(scaler, "_scale", None)
        if self._hub.window and isinstance(scale, torch.Tensor) and not self._hub.busy:
            self._scale = scale.detach().clone()

    def loss(self, call: Any) -> None:
        node = call.result.grad_fn
        if not self._hub.window or node is None or self._watched >= MOST_TERMS or call.result.numel() > MOST_ELEMENTS:
            return
        self._watched += 1
        result, reduction = call.result.detach(), call.reduction
        elements = call.target.numel()
        count: int | torch.Tensor = elements
        ignore = call.options.get("ignore_index")
        if call.by_class and ignore is not None:
            count = (call.target.detach() != ignore).sum()
        elif reduction == "batchmean":
            count = call.input.shape[0]
        value = result.double().sum() / count if reduction != "mean" else result.double().mean()
        if reduction == "batchmean":
            value = result.double().mean()
        batch = call.input.shape[0] if call.input.dim() else 1
        self._follow(
            node,
            _Term(call.kind, value, count, elements, batch, reduction, persons_line(), self._hub.step, self._number),
        )

    def _follow(self, node: Any, term: _Term) -> None:
        def reached(grads: Any) -> None:
            if self._inside and grads and isinstance(grads[0], torch.Tensor):
                if not term.arrived:
                    self._terms.append(term)
                term.arrived.append(grads[0].detach().clone())

        node.register_prehook(reached)

    def forward_end(self, visit: Visit) -> None:
        if visit.window and visit.grad:
            for n, t in enumerate(tensors_in(visit.output)):
                if n == 16:
                    break
                if t.grad_fn is not None:
                    t.grad_fn.metadata[OUTPUT] = True

    def backward_start(self, loss: Any) -> None:
        self._terms = []
        self._inside = self._hub.window and self._order < MOST_BACKWARDS and isinstance(loss, torch.Tensor)
        self._number += 1
        if not self._inside or loss.grad_fn is None:
            return
        self._value = loss.detach().clone() if loss.numel() == 1 else None
        self._by_hand(loss.grad_fn)
        self._nodes = sum(1 for _ in ancestors(loss.grad_fn)) if self._hub.step < WINDOW else 0
        found = list(_penalties(loss.grad_fn))
        self._penalty = _Penalty(found) if found else None

    def _by_hand(self, root: Any) -> None:
        """Means of squared or absolute errors and of log probabilities that were written out."""
        where = persons_line()
        for node in _scalars(root):
            kind, sign = _hand_written(node)
            if kind:
                size = int(getattr(node, "_saved_self_sym_numel", 0) or 0)
                value = self._value * sign if node is root and self._value is not None else None
                line = node.metadata.get(KEY) or where
                self._follow(
                    node, _Term(kind, value, size, size, 0, "mean", line, self._hub.step, self._number - 1, sign)
                )

    def backward_end(self, loss: Any) -> None:
        order, self._order = self._order, self._order + 1
        inside, self._inside = self._inside, False
        terms, self._terms = self._terms, []
        penalty, self._penalty = self._penalty, None
        value, self._value = self._value, None
        if not inside:
            return
        device = loss.device
        parts = [torch.ones((), device=device).double() if self._scale is None else self._scale.double().reshape(())]
        if value is not None:
            parts.append(value.double().reshape(()))
        norms = penalty.norms() if penalty is not None else None
        if norms is not None:
            parts += norms
        for t in terms:
            known = t.value if t.value is not None else torch.full((), torch.nan)
            counted = t.count if isinstance(t.count, torch.Tensor) else torch.tensor(t.count)
            parts += [known.detach().double().reshape(()), counted.double().reshape(()), *t.weight()]
            t.arrived = []
        facts = (self._hub.step, order, self._number - 1, persons_line(), self._nodes, terms, value is not None)
        self._hub.deferred.put([p.reshape(1) for p in parts], lambda a: self._write(facts, penalty, norms, a))

    def _write(self, facts: Any, penalty: Any, norms: Any, arrived: list[torch.Tensor]) -> None:
        numbers = [float(a) for a in arrived]
        step, order, number, where, nodes, terms, has_value = facts
        scale = numbers.pop(0) or 1.0
        value = numbers.pop(0) / scale if has_value else None
        pushed, rest = (numbers.pop(0) / scale, numbers.pop(0) / scale) if norms is not None else (None, None)
        found = []
        for t in terms:
            known, count, weight, low, high, silent = (numbers.pop(0) for _ in range(6))
            even = high - low <= 1e-4 * max(abs(high), abs(low))
            found.append(
                Term(t.kind, None if t.value is None else known, weight / scale, int(count), t.elements, t.batch,
                     t.reduction, t.where, t.step, t.order, even, silent)
            )  # fmt: skip
        self._hub.write(
            Objective(step, order, number, where, value, tuple(found), nodes, pushed, rest,
                      penalty.elements if norms is not None else 0, penalty.where if norms is not None else None)
        )  # fmt: skip

    def step_end(self, optimizer: Any) -> None:
        self._order = self._watched = 0
        self._scale = None


class _Penalty:
    """The gradient that parts of the objective made of weights alone give, taken where it enters the weights."""

    def __init__(self, entries: list[tuple[Any, int, torch.Tensor]]):
        self._given: dict[int, tuple[torch.Tensor, list[torch.Tensor]]] = {}
        self._before: dict[int, torch.Tensor | None] = {}
        self._handles = []
        self.elements = 0
        self.where: Place | None = entries[0][0].metadata.get(KEY)
        for node, place, p in entries:
            if id(p) not in self._given:
                self._given[id(p)] = (p, [])
                self._before[id(p)] = None if p.grad is None else p.grad.detach().clone()
                self.elements += p.numel()
            self._handles.append(node.register_hook(self._taker(place, self._given[id(p)][1])))

    @staticmethod
    def _taker(place: int, into: list[torch.Tensor]) -> Any:
        def take(inputs: Any, _outputs: Any) -> None:
            if len(inputs) > place and isinstance(inputs[place], torch.Tensor):
                into.append(inputs[place].detach().clone())

        return take

    def norms(self) -> list[torch.Tensor] | None:
        for h in self._handles:
            h.remove()
        pushed, rest = [], []
        for p, given in self._given.values():
            if not given or p.grad is None or p.grad.is_sparse:
                continue
            own = sum(g.double() for g in given)
            assert isinstance(own, torch.Tensor)
            whole, before = p.grad.detach().double(), self._before[id(p)]
            whole = whole if before is None else whole - before.double()
            pushed.append(own.square().sum())
            rest.append((whole - own).square().sum())
        return [torch.stack(pushed).sum().sqrt(), torch.stack(rest).sum().sqrt()] if pushed else None


def _children(node: Any) -> list[Any]:
    return [n for n, _ in node.next_functions if n is not None]


def _scalars(root: Any) -> Iterator[Any]:
    """Nodes behind sums, multiples and quotients of losses, up to the first that is something else."""
    queue, seen = [root], {root}
    while queue and len(seen) < 200:
        node = queue.pop()
        if node_name(node) in SCALAR:
            fresh = [n for n in _children(node) if n not in seen]
            seen.update(fresh)
            queue += fresh
        else:
            yield node


SHAPES = ("gather", "index", "squeeze", "view", "select", "reshape", "unsqueeze", "slice", "unsafeview")


def _hand_written(node: Any) -> tuple[str, float]:
    """What a mean is the mean of: its kind and the sign with which it stands there; "" for nothing known."""
    if type(node).__name__ != "MeanBackward0":
        return "", 1.0
    sign, at = 1.0, next(iter(_children(node)), None)
    for _ in range(8):
        if at is None:
            break
        name, below = node_name(at), _children(at)
        if name == "neg":
            sign = -sign
        elif name == "pow" and getattr(at, "_saved_exponent", None) == 2 and _is_difference(below[0]):
            return "squared error", sign
        elif name == "abs" and _is_difference(below[0]):
            return "absolute error", sign
        elif _is_log_probability(at) or (name == "add" and len(below) == 2 and _is_cross_entropy(below)):
            return "negative log probability", -sign
        elif name not in SHAPES:
            break
        at = below[0] if len(below) == 1 else None
    return "", 1.0


def _through(node: Any, names: tuple[str, ...]) -> Any:
    """The first node that is none of these, along the only way."""
    for _ in range(8):
        below = _children(node)
        if node_name(node) not in names or len(below) != 1:
            break
        node = below[0]
    return node


def _is_log_probability(node: Any) -> bool:
    """log_softmax, log_sigmoid, the logarithm of a softmax or sigmoid, or logits less their logsumexp."""
    name, below = node_name(node), _children(node)
    if name in ("logsoftmax", "logsigmoid"):
        return True
    if name == "sub" and len(below) == 2:
        return any(node_name(_through(n, SHAPES)) == "logsumexp" for n in below)
    if name == "log" and below:
        return node_name(_through(below[0], (*SHAPES, "clamp", "clampmin", "add"))) in ("softmax", "sigmoid")
    return False


def _is_cross_entropy(parts: list[Any]) -> bool:
    """y log p + (1 - y) log (1 - p) with one sigmoid's p."""
    ends = []
    for part in parts:
        log = _through(part, ("mul", *SHAPES))
        below = _children(log)
        if node_name(log) != "log" or not below:
            return False
        ends.append(_through(below[0], ("rsub", "add", "clamp", "clampmin", *SHAPES)))
    return ends[0] is ends[1] and node_name(ends[0]) == "sigmoid"


def _is_difference(node: Any) -> bool:
    """A network's result minus something without a gradient."""
    return node_name(node) in ("sub", "rsub") and len(_children(node)) == 1


def _penalties(root: Any) -> Iterator[tuple[Any, int, torch.Tensor]]:
    """(node, place, weight) where parts of the objective that see no network's output enter a weight."""
    touches = _touches(root)
    if touches is None or not touches.get(root):
        return
    queue, seen = [root], {root}
    roots: list[Any] = []
    while queue:
        node = queue.pop()
        below = _children(node)
        if node_name(node) not in SCALAR or (len(below) > 1 and node_name(node) not in ("add", "sub")):
            continue
        for n in below:
            if n in seen:
                continue
            seen.add(n)
            (queue if touches[n] else roots).append(n)
    for start in roots:
        for node in ancestors(start, PENALTY_NODES):
            for place, (n, _) in enumerate(node.next_functions):
                p = getattr(n, "variable", None)
                if isinstance(p, torch.nn.Parameter):
                    yield node, place, p


def _touches(root: Any) -> dict[Any, bool] | None:
    """Node -> whether a network's output lies before it, for the nodes after the outputs; None if too many."""
    known: dict[Any, bool] = {}
    stack = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            known[node] = any(known.get(n, False) for n in _children(node))
        elif node not in known:
            if len(known) > PENALTY_NODES:
                return None
            known[node] = bool(node.metadata.get(OUTPUT))
            if not known[node]:
                stack.append((node, True))
                stack.extend((n, False) for n in _children(node) if n not in known)
    return known
