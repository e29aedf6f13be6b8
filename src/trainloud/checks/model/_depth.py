"""Gradient-to-weight ratios along the depth of a network."""

import math
from collections.abc import Sequence
from statistics import median

from trainloud.checks.model._parameters import elements
from trainloud.core.records import GradientSample, Network
from trainloud.core.trace import Trace

LEAST_LAYERS = 4  # weight matrices, for a trend to be one
LEAST_SAMPLES = 3  # sampled steps


def profiles(trace: Trace, network: Network) -> list[tuple[int, list[tuple[str, float]]]]:
    """(step, (name, gradient norm over weight norm) of each weight matrix in the order of registration).

    Embeddings (sparse gradients), weights that start at zero and those without a finite gradient are left out.
    """
    layers = [
        p for p in network.parameters
        if p.requires_grad and len(p.shape) >= 2 and elements(p) > 1 and not p.zero and "Embedding" not in p.owner
    ]  # fmt: skip
    found = []
    for sample in trace.all(GradientSample):
        seen = {s.uid: s for s in sample.parameters}
        row = [
            (p.name, s.gradient / s.weight)
            for p in layers
            if (s := seen.get(p.uid)) is not None and s.gradient and s.weight and math.isfinite(s.gradient)
        ]
        if len(row) >= LEAST_LAYERS:
            found.append((sample.step, row))
    return found


def slope(row: Sequence[tuple[str, float]]) -> tuple[float, float]:
    """(log10 of the first layers' ratio over the last layers', rank correlation of ratio and depth)."""
    values = [math.log10(r) for _, r in row]
    k = max(2, len(values) // 4)
    order = sorted(range(len(values)), key=values.__getitem__)
    rank = {i: n for n, i in enumerate(order)}
    n = len(values)
    gap = sum((rank[i] - i) ** 2 for i in range(n))
    return median(values[:k]) - median(values[-k:]), 1 - 6 * gap / (n * (n * n - 1))
