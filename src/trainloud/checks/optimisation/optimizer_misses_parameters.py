"""Does an optimiser hold every parameter that is meant to be trained?

Why it matters: a layer outside all parameter groups gets gradients and keeps its random start for ever. The
rest trains around it, so the loss falls, only not as far. It happens when the optimiser is built before a
layer is replaced, from another model's parameters, or from groups of which one is forgotten.

Remedy: build the optimiser after the model is complete and from all of its parameters; where a part is
meant to stay fixed, say so with `requires_grad_(False)`.

Known limits: parameters that were loaded from a checkpoint, that change by other means, or whose values do
not look like a fresh initialisation, may be meant to stay as they are. Those of an optimiser that was made
and never stepped are left to other checks.

Source: zjunlp/HVPNeT#5; pytorch#14467; huggingface/accelerate#2665; sbi-dev/sbi#200.
"""

import math
from collections.abc import Sequence

from trainloud.checks.stepping import first_records, has_gradient, held, loaded, parameters, samples
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import GradientSample, IdleOptimizer, Optimizer, Parameter, ParameterSample
from trainloud.core.trace import Trace

LEAST_SAMPLES = 3  # sampled steps at which a parameter had a gradient and did not move
LIKE_FRESH = 0.06  # relative distance of a weight's standard deviation from that of a usual initialisation
LARGE = 200  # elements: below, a standard deviation is too uncertain to tell
FRESH = 0.9  # share of the elements that must look fresh


def looks_fresh(p: Parameter) -> bool | None:
    """Whether its spread is that of an untrained layer; None if it is too small to tell."""
    if p.zero or p.std == 0:
        return True  # biases and norm weights at their constant start: training moves them apart
    if math.prod(p.shape) < LARGE or len(p.shape) < 2:
        return None
    fan_in, fan_out = math.prod(p.shape[1:]), p.shape[0] * math.prod(p.shape[2:])
    usual = [1 / math.sqrt(3 * fan_in), math.sqrt(2 / (fan_in + fan_out)), 1.0, 0.02, 0.01]
    usual += [math.sqrt(k / f) for k in (1, 2) for f in (fan_in, fan_out)] + [1 / math.sqrt(3 * fan_out)]
    if p.owner in ("LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell"):
        usual.append(1 / math.sqrt(3 * p.shape[0] / (4 if "LSTM" in p.owner else 3 if "GRU" in p.owner else 1)))
    return any(abs(p.std - u) <= LIKE_FRESH * u for u in usual)


def outside(trace: Trace) -> list[tuple[Parameter, list[tuple[int, ParameterSample]]]]:
    """Parameters that no optimiser held at any time, got gradients and kept their values, with their samples."""
    everywhere = frozenset().union(*held(trace).values(), *(o.uids for o in trace.all(IdleOptimizer)))
    known = parameters(trace)
    seen: dict[int, list[tuple[int, ParameterSample]]] = {}
    for g in trace.all(GradientSample):
        for p in g.parameters:
            if p.uid not in everywhere and p.uid in known:
                seen.setdefault(p.uid, []).append((g.step, p))
    found = []
    for uid, history in seen.items():
        still = len({p.weight for _, p in history}) == 1 and not any(p.update for _, p in history)
        if still and sum(has_gradient(p) for _, p in history) >= LEAST_SAMPLES:
            found.append((known[uid], history))
    return found


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    optimizers = first_records(trace)
    if not optimizers:
        return unknown("no step of an optimiser was seen")
    if sum(len(group) for group in samples(trace).values()) < LEAST_SAMPLES:
        return unknown(f"fewer than {LEAST_SAMPLES} optimiser steps were looked at closely")
    missing = outside(trace)
    if not missing:
        count = len(frozenset().union(*held(trace).values()))
        return passed(f"the optimisers hold all parameters that get gradients ({count})")
    from_file = loaded(trace)
    fresh_start = [m for m in missing if m[0].uid not in from_file]
    if not fresh_start:
        return passed(f"{len(missing)} parameters outside the optimisers were loaded from a checkpoint and stay fixed")
    known = parameters(trace).keys()
    stale = [o for o in optimizers.values() if o.uids and o.gradless == len(o.uids) and not known & set(o.uids)]
    if stale:
        return _fired(trace, fresh_start, stale[0], "all tensors are without a gradient and of no trained network")
    certainty = _certainty(trace, [p for p, _ in fresh_start])
    replaced = [o for o in optimizers.values() if 0 < len(set(o.uids) - known) <= o.gradless]
    if replaced:
        left = len(set(replaced[0].uids) - known)
        why = f"{left} tensors are without a gradient and of no trained network: a layer was replaced after it was made"
        return _fired(trace, fresh_start, replaced[0], why, "warning" if certainty == "note" else certainty)
    return _fired(trace, fresh_start, next(iter(optimizers.values())), "", certainty)


def _certainty(trace: Trace, missing: Sequence[Parameter]) -> str:
    """error: untrained, and the last of a network whose earlier part is trained; warning: untrained; else note."""
    told = [(math.prod(p.shape), looks_fresh(p)) for p in missing]
    size = sum(n for n, fresh in told if fresh is not None)
    if not size or sum(n for n, fresh in told if fresh) < FRESH * size:
        return "note"
    if not any(looks_fresh(p) and not p.zero and p.std > 0 for p in missing):
        return "note"
    everywhere = frozenset().union(*held(trace).values())
    uids = {p.uid for p in missing}
    for network in trace.networks.values():
        order = [p for p in network.parameters if p.requires_grad]
        if order and order[-1].uid in uids and any(p.uid in everywhere for p in order):
            return "error"
    return "warning"


def _fired(
    trace: Trace,
    missing: list[tuple[Parameter, list[tuple[int, ParameterSample]]]],
    optimizer: Optimizer,
    why: str,
    certainty: str = "error",
) -> Finding:
    names = [f"{p.name} {p.shape}" for p, _ in missing]
    history = missing[0][1]
    steps = [s for s, p in history if has_gradient(p)]
    total = sum(math.prod(p.shape) for p, _ in missing)
    all_of_them = sum(math.prod(p.shape) for p in parameters(trace).values() if p.requires_grad) or total
    certain = {"error": "proof", "warning": "heuristic", "note": "heuristic"}
    return fired(
        f"{len(missing)} trainable parameters ({total / all_of_them:.0%} of the elements) are in no parameter group: "
        f"{', '.join(names[:6])}{' ...' if len(names) > 6 else ''}; they had gradients at {len(steps)} sampled steps "
        f"and did not change{'. Of ' + optimizer.kind + ', ' + why if why else ''}",
        "each parameter that gets a gradient in a group of an optimiser, or requires_grad off",
        optimizer.where,
        first_step=steps[0],
        severity=certainty,  # type: ignore[arg-type]
        basis=certain[certainty],  # type: ignore[arg-type]
        parameters=[p.name for p, _ in missing][:50],
        share=total / all_of_them,
    )


CHECK = Check(
    fault="optimizer-misses-parameters",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("optimizer-step-missing", "learning-rate-too-low", "parameters-unused", "optimizers-swapped"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 20)
    y = (x @ torch.randn(20, 10)).argmax(1)
    net = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    net[2] = nn.Linear(32, 10)  # ten classes after all
    for _ in range(3):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 20)
    y = (x @ torch.randn(20, 10)).argmax(1)
    net = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 10))
    net[0].requires_grad_(False)
    groups = [{"params": net[2].weight, "weight_decay": 1e-2}, {"params": net[2].bias, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
