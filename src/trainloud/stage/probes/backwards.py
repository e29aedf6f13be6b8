"""What each backward can reach: parameters, and by which ways."""

from typing import Any

import torch

from trainloud.core.place import Place
from trainloud.core.records import Backward
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub
from trainloud.stage.origin import KEY, node_name
from trainloud.stage.probes.graph import FLAT, WALKED

MOST = 4  # backwards of a step that are looked at


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._seen = 0
        self._ran: dict[int, Any] = {}

    def forward_end(self, visit: Any) -> None:
        if self._hub.window:
            self._ran[visit.network] = visit.ref

    def backward_start(self, loss: Any) -> None:
        hub = self._hub
        if isinstance(loss, torch.Tensor) and loss.grad_fn is None and loss.requires_grad:
            for visit in hub.visits:  # these were to be trained, though no backward can reach them
                visit.used = visit.used or visit.grad
        if not hub.window or self._seen >= MOST or not isinstance(loss, torch.Tensor) or not loss.requires_grad:
            return
        self._seen += 1
        number, known = next(reversed(self._ran.items())) if self._ran else (-1, None)
        module = known() if known is not None else None
        own = 0 if module is None else sum(p.requires_grad for p in module.parameters())
        ran = len(self._ran)
        if loss.grad_fn is None:
            hub.write(
                Backward(hub.step, persons_line(), True, 0, 0, forwards=ran, network=number, network_parameters=own)
            )
            return
        alive, closed = _parameters(loss.grad_fn, FLAT)
        reached = _parameters(loss.grad_fn, frozenset())[0] if closed else alive
        op = where = None
        if closed:
            op, where = node_name(closed[0]), _made(closed[0])
        hub.write(Backward(hub.step, persons_line(), False, reached, alive, op or "", where, ran, number, own))

    def step_end(self, optimizer: Any) -> None:
        self._seen, self._ran = 0, {}


def _made(node: Any) -> Place | None:
    found = node.metadata.get(KEY)
    return found if isinstance(found, Place) else None


def _parameters(root: Any, closed: frozenset[str]) -> tuple[int, list[Any]]:
    """(trained parameters that are reached without a closed operation, closed operations that were met)."""
    stack, seen, met, count = [root], {root}, [], 0
    while stack and len(seen) < WALKED:
        node = stack.pop()
        if node_name(node) in closed:
            met.append(node)
            continue
        if isinstance(getattr(node, "variable", None), torch.nn.Parameter):
            count += 1
        for n, _ in node.next_functions:
            if n is not None and n not in seen:
                seen.add(n)
                stack.append(n)
    return count, met
