"""The examples that a run consumed, as checks look at them."""

from collections import defaultdict
from collections.abc import Sequence

from trainloud.core.records import Batch, Iteration, LossCall, Network, Pass
from trainloud.core.trace import Trace, unpack_labels, unpack_prints


def prints(batches: Sequence[Batch]) -> list[int]:
    """Fingerprints of all examples of some batches, in order."""
    return [p for b in batches if b.prints for p in unpack_prints(b.prints)]


def train_prints(trace: Trace, network: int) -> list[int]:
    return prints([b for b in trace.trained_batches if b.network == network])


def pass_prints(trace: Trace, passage: Pass) -> list[int]:
    """Fingerprints of the examples of an evaluation pass, in order."""
    return prints([b for b in trace.all(Batch) if b.passage == passage.passage and b.network == passage.network])


def epochs(trace: Trace, network: int) -> list[list[Batch]]:
    """Training batches by the loader iteration that they were drawn from, complete iterations only."""
    complete = {i.iteration for i in trace.all(Iteration) if i.exhausted and i.phase == "train"}
    groups: dict[int, list[Batch]] = defaultdict(list)
    for b in trace.trained_batches:
        if b.network == network and b.iteration in complete:
            groups[b.iteration].append(b)
    return list(groups.values())


def labels_by_step(trace: Trace) -> dict[int, list[float]]:
    """Step -> one label for each example, from the loss calls with gradients."""
    found: dict[int, list[float]] = defaultdict(list)
    for c in trace.all(LossCall):
        if c.phase == "train" and c.labels:
            found[c.step].extend(unpack_labels(c.labels))
    return dict(found)


def main_network(trace: Trace) -> Network | None:
    """The trained network with the most training forwards."""
    counts: dict[int, int] = defaultdict(int)
    for b in trace.trained_batches:
        counts[b.network] += 1
    known = [n for n in trace.networks.values() if counts[n.network]]
    return max(known, key=lambda n: counts[n.network], default=None)
