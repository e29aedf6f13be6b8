"""What is known of padding, as three checks judge it."""

from trainloud.core.place import Place
from trainloud.core.records import Padding
from trainloud.core.trace import Trace

MOVED = 0.02  # change of the outputs over their spread; rounding stays under 1e-5


def paddings(trace: Trace) -> list[Padding]:
    """The last look at each network that was given padded sequences."""
    last = {p.network: p for p in trace.all(Padding)}
    return list(last.values())


def measured(p: Padding) -> str:
    """The experiment in words."""
    return (
        f"argument {p.argument} of shape {p.shape} is padded with {p.value:g} behind lengths {p.shortest} to "
        f"{p.longest}; "
        f"cutting padding off the shorter examples moved their outputs by {p.change:.2g} times the outputs' spread"
    )


def place(trace: Trace, p: Padding) -> Place | None:
    network = trace.networks.get(p.network)
    return (network.defined or network.where) if network is not None else None
