"""Optimiser steps and their parameters, as checks look at them."""

from collections import defaultdict
from dataclasses import dataclass

from trainloud.core.place import Place
from trainloud.core.records import Checkpoint, GradientSample, Optimizer, Parameter, ParameterSample, Step
from trainloud.core.trace import Trace


@dataclass(frozen=True)
class Sample:
    """One sampled step of one optimiser: the parameters that it holds."""

    step: Step
    norm: float
    """Global gradient norm at the step, over all trained networks."""
    after_backward: float | None
    parameters: tuple[ParameterSample, ...]
    others: tuple[ParameterSample, ...]
    """Parameters of the trained networks that it does not hold."""
    where: Place | None = None
    """Where the step was made."""


def held(trace: Trace) -> dict[int, frozenset[int]]:
    """Optimiser -> every parameter that it held at any time."""
    found: dict[int, frozenset[int]] = defaultdict(frozenset)
    for o in trace.all(Optimizer):
        found[o.optimizer] |= frozenset(o.uids)
    return dict(found)


def samples(trace: Trace) -> dict[int, list[Sample]]:
    """Optimiser -> its sampled steps in order; -1 stands for weights that are changed by hand, all of them."""
    steps = {s.index: s for s in trace.steps}
    holds = held(trace)
    found: dict[int, list[Sample]] = defaultdict(list)
    for g in trace.all(GradientSample):
        step = steps.get(g.step)
        if step is None:
            continue
        uids = holds.get(step.optimizer, frozenset())
        mine = tuple(p for p in g.parameters if step.optimizer < 0 or p.uid in uids)
        others = tuple(p for p in g.parameters if step.optimizer >= 0 and p.uid not in uids)
        found[step.optimizer].append(Sample(step, g.norm, g.after_backward, mine, others, g.where))
    return dict(found)


def first_records(trace: Trace) -> dict[int, Optimizer]:
    """Optimiser -> its record at its first step."""
    found: dict[int, Optimizer] = {}
    for o in trace.all(Optimizer):
        found.setdefault(o.optimizer, o)
    return found


def by_optimizer(trace: Trace) -> dict[int, list[Step]]:
    found: dict[int, list[Step]] = defaultdict(list)
    for s in trace.steps:
        found[s.optimizer].append(s)
    return dict(found)


def has_gradient(p: ParameterSample) -> bool:
    """It has a gradient with a value other than zero (or that is not finite)."""
    return p.gradient is not None and p.gradient != 0


def parameters(trace: Trace) -> dict[int, Parameter]:
    """The parameters of all trained networks by uid, as they stood before the first step."""
    return {p.uid: p for n in trace.networks.values() for p in n.parameters}


def loaded(trace: Trace) -> frozenset[int]:
    """Parameters that a checkpoint gave values."""
    return frozenset(u for c in trace.all(Checkpoint) if c.action == "load" for u in c.uids)
