"""Parameters over a run, as several checks look at them."""

from collections import defaultdict

from trainloud.core.records import Checkpoint, GradientSample, Network, Optimizer, Parameter, ParameterSample
from trainloud.core.trace import Trace

History = list[tuple[int, ParameterSample]]


def histories(trace: Trace) -> dict[int, History]:
    """uid -> (step, sample) of each sampled optimiser step, in order."""
    found: dict[int, History] = defaultdict(list)
    for sample in trace.all(GradientSample):
        for p in sample.parameters:
            found[p.uid].append((sample.step, p))
    return dict(found)


def known(trace: Trace) -> dict[int, tuple[Network, Parameter]]:
    """uid -> its network and its description at the first forward."""
    return {p.uid: (n, p) for n in trace.networks.values() for p in n.parameters}


def held(trace: Trace) -> set[int]:
    """Parameters in the hands of some optimiser."""
    return {u for o in trace.all(Optimizer) for u in o.uids}


def loaded(trace: Trace) -> set[int]:
    """Parameters that got their values from a state dict."""
    return {u for c in trace.all(Checkpoint) if c.action == "load" for u in c.uids}


def elements(parameter: Parameter) -> int:
    n = 1
    for length in parameter.shape:
        n *= length
    return n


def listed(names: list[str], most: int = 4) -> str:
    """Names for a message."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
