"""Rectifiers and squashing functions right after a learned layer, over a run."""

from collections import defaultdict

from trainloud.core.records import Activation
from trainloud.core.trace import Trace

LAYERS = frozenset(
    {"addmm", "mm", "linear", "convolution", "mkldnnconvolution", "cudnnconvolution", "nativebatchnorm",
     "cudnnbatchnorm", "nativelayernorm", "nativegroupnorm", "add"}
)  # fmt: skip
"""Autograd's names of what a weight layer or a normalisation ends in; "add" is a bias added to a product."""


def after_layers(trace: Trace, ops: tuple[str, ...]) -> list[list[Activation]]:
    """The samples of each such activation, in order of steps; those that give the network's output are left out."""
    found: dict[tuple[int, int], list[Activation]] = defaultdict(list)
    for a in trace.all(Activation):
        if a.op in ops and a.source in LAYERS:
            found[a.network, a.order].append(a)
    return [g for g in found.values() if not any(a.last for a in g) and len({(a.op, a.units) for a in g}) == 1]
