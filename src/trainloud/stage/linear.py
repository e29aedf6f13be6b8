"""Whether a network is an affine map of its input, and through how many weight matrices."""

from typing import Any

import torch

from trainloud.core.records import Linearity
from trainloud.stage.origin import node_name
from trainloud.stage.replica import outputs_of, replica, undisturbed
from trainloud.stage.visit import Visit, named_arguments, tensors_in

SCALES = (1.0, 30.0)  # of the input: a tanh near zero is all but linear, far out it is not
LEAST_CHANGE = 1e-5  # of the output's size: under it rounding decides
PRODUCTS = frozenset({"addmm", "mm", "bmm", "convolution", "mkldnnconvolution", "cudnnconvolution", "linear", "addmv"})
WALKED = 5_000  # nodes


def linearity(visit: Visit, substituted: Any, examples: int | None) -> Linearity | None:
    """f(a) + f(b) - f(a+b) - f(0) of a network with one float input, over the spread of f, on the first examples."""
    pairs = named_arguments(visit)
    if len(pairs) != 1 or not pairs[0][1].is_floating_point() or pairs[0][1].shape[0] < 2:
        return None
    if any(isinstance(m, torch.nn.Embedding) for m in visit.module.modules()):
        return None  # columns that are indices
    x = pairs[0][1].detach()[:examples]

    def f(value: torch.Tensor) -> torch.Tensor:
        return outputs_of(visit.module, *substituted(visit, {id(pairs[0][1]): value})).double()

    at_zero, worst = f(torch.zeros_like(x)), 0.0
    for scale in SCALES:
        # of both signs: inputs that are all large and positive may keep every rectifier open
        a, b = (x - x.mean()) * scale, (x.mean() - x.roll(1, 0)) * (1.5 * scale)
        fa, fb = f(a), f(b)
        spread = float((fa - fb).abs().max())
        if not spread > LEAST_CHANGE * max(float(fa.abs().max()), 1e-6):
            return None  # constant as far as one can tell
        worst = max(worst, float((fa + fb - f(a + b) - at_zero).abs().max()) / spread)
    if not worst < float("inf"):
        return None
    widths = _widths(visit, substituted(visit, {id(pairs[0][1]): x}))
    out = fa[0].numel() if fa.dim() > 1 else 1
    return Linearity(
        visit.network, visit.step, worst, len(widths), min(widths[:-1], default=0), int(x[0].numel()), int(out)
    )  # fmt: skip


def _widths(visit: Visit, given: tuple[tuple[Any, ...], dict[str, Any]]) -> list[int]:
    """Output widths of the weight matrices on the longest way from input to output, in order."""
    twin = replica(visit.module)
    with torch.enable_grad(), undisturbed(visit.module):
        out = next(t for t in tensors_in(twin(*given[0], **given[1])) if t.is_floating_point() and t.dim())
    return _longest(out.grad_fn, {})


def _longest(root: Any, known: dict[Any, list[int]]) -> list[int]:
    """Widths along the longest chain of products with a parameter above a node, without recursion."""
    stack = [root]
    while stack and len(known) < WALKED:
        node = stack[-1]
        following = [] if node is None else [n for n, _ in node.next_functions if n is not None]
        waiting = [n for n in following if n not in known]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        before = max((known[n] for n in following), key=len, default=[])
        width = _product_width(node)
        known[node] = [*before, width] if width else before
    return known.get(root, [])


def _product_width(node: Any) -> int:
    """Output features of a product with a weight; 0 for any other operation."""
    if node is None or node_name(node) not in PRODUCTS:
        return 0
    for child, _ in node.next_functions:
        turned = child is not None and not hasattr(child, "variable") and len(child.next_functions) == 1
        leaf = child.next_functions[0][0] if turned else child
        weight = getattr(leaf, "variable", None)
        if weight is not None and weight.dim() >= 2:
            return int(weight.shape[0])
    return 0
