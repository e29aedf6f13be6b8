"""How a tensor was made, from autograd's graph."""

import re
from collections import deque
from collections.abc import Iterator
from typing import Any

import torch

from trainloud.core.records import Origin

KEY = "trainloud"  # in the metadata of a graph node: the line of the person's code that made it
DEPTH = 6
_SHAPE_ONLY = re.compile(
    r"^(view|reshape|unsafeview|reshapealias|squeeze\d?|unsqueeze|transpose|permute|t|slice|select|clone|expand|tocopy"
    r"|contiguous|alias|asstrided|flatten|unfold|movedim|cat|stack|narrow|index|unbind|split|splitwithsizes|copyslices)$"
)
_RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, float("inf")), "softmax": (0.0, 1.0)}


def node_name(node: object) -> str:
    """Autograd's name of an operation in lower case: "SoftmaxBackward0" gives "softmax"."""
    return re.sub(r"backward\d*$", "", type(node).__name__.lower())


def origins(x: torch.Tensor) -> tuple[Origin, ...]:
    """The last operations that made `x`, nearest first; those that only change the shape are left out."""
    found: list[Origin] = []
    node = x.grad_fn
    for _ in range(4 * DEPTH):
        if node is None or len(found) == DEPTH:
            break
        name = node_name(node)
        if not _SHAPE_ONLY.match(name) and name != "accumulategrad":
            found.append(Origin(name, node.metadata.get(KEY)))
        following = [n for n, _ in node.next_functions if n is not None and node_name(n) != "accumulategrad"]
        node = following[0] if following else None
    return tuple(found)


def shortfall(made_of: tuple[Origin, ...], target: torch.Tensor) -> float:
    """Share of the target's elements beyond what the last activation can give; 0 if it is unbounded."""
    if not made_of or made_of[0].op not in _RANGES or not target.numel():
        return 0.0
    low, high = _RANGES[made_of[0].op]
    target = target.detach()
    return float(((target < low) | (target > high)).double().mean())


def ancestors(node: Any, most: int = 20_000) -> Iterator[Any]:
    """A node of autograd's graph and those that it was made from, nearest first, each once, up to `most`."""
    queue, seen = deque([node] if node is not None else []), {node}
    for _ in range(most):
        if not queue:
            return
        at = queue.popleft()
        yield at
        for n, _ in at.next_functions:
            if n is not None and n not in seen:
                seen.add(n)
                queue.append(n)


def leaves(node: Any) -> list[torch.Tensor]:
    """Tensors that want a gradient and were not computed, before a node of the graph."""
    found = {id(v): v for n in ancestors(node) if isinstance(v := getattr(n, "variable", None), torch.Tensor)}
    return list(found.values())
