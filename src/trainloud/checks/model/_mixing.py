"""Which fault a dependency chart shows, if any: one name for one mixing of examples."""

from dataclasses import dataclass
from typing import Literal

from trainloud.checks.streams import main_network
from trainloud.core.records import Door, Independence
from trainloud.core.trace import Trace, unpack_prints

Name = Literal["", "batch-examples-mixed", "softmax-over-wrong-axis", "batch-first-confused"]


@dataclass(frozen=True)
class Verdict:
    """`name` is the fault; "" with a `reason` is unknown, "" without one is sound."""

    name: Name
    reason: str
    chart: Independence | None = None


def verdict(trace: Trace) -> Verdict:
    """The first trained network that mixes its examples; else the reason why the main network was not judged."""
    charts = trace.all(Independence)
    if not charts:
        return Verdict("", "no dependency chart was made")
    verdicts = [_of(trace, c) for c in charts]
    mixed = next((v for v in verdicts if v.name), None)
    if mixed is not None:
        return mixed
    main = main_network(trace)
    return next((v for v in verdicts if main is not None and v.chart and v.chart.network == main.network), verdicts[0])


def _of(trace: Trace, chart: Independence) -> Verdict:
    reason = _why_not(trace, chart)
    if reason:
        return Verdict("", reason, chart)
    apart = [p for p in chart.pairs if p[2]]
    on_batch = [p for p in chart.pairs if p[0] == chart.batch_axis]
    if apart and not (on_batch and not any(p[2] for p in on_batch)):
        return Verdict("", "", chart)
    regrouped = _regrouped(trace, chart.network)
    if apart and not regrouped:
        return Verdict("", "", chart)
    if chart.batch_axis < 0 and not regrouped:
        return Verdict("", "it is not known whether axis 0 holds examples or the members of one set", chart)
    if chart.sequence:
        return Verdict("batch-first-confused", "", chart)
    if chart.softmax_axis == 0:
        return Verdict("softmax-over-wrong-axis", "", chart)
    return Verdict("batch-first-confused" if chart.ordered else "batch-examples-mixed", "", chart)


def _why_not(trace: Trace, chart: Independence) -> str:
    shape = chart.output_shape
    if chart.reason:
        return chart.reason
    if chart.related:
        return "an input relates the examples to each other"
    if chart.full_batch:
        return "every batch is the whole data set"
    if len(shape) >= 2 and shape[0] == shape[1] and {(p[0], p[1]) for p in chart.pairs} >= {(0, 0), (0, 1)}:
        return "the output compares each example with each other"
    if any(d.network == chart.network and not d.outer for d in trace.all(Door)):
        return "it judges what another network made, and may compare examples to do so"
    network = trace.networks.get(chart.network)
    for m in network.modules if network is not None else ():
        if m.batchnorm and not m.settings.get("track_running_stats", 1.0):
            return f"batch norm {m.name!r} keeps no running statistics and mixes by design"
    return ""


def _regrouped(trace: Trace, network: int) -> bool:
    """The same example came again in other company: axis 0 holds examples, not the members of one set."""
    company: dict[int, int] = {}
    for number, batch in enumerate(b for b in trace.trained_batches if b.network == network and b.prints):
        prints = unpack_prints(batch.prints)
        if len(prints) < 2:
            continue
        before = {company.get(p, -1) for p in prints}
        if len(before - {-1}) >= 2:
            return True
        company.update(dict.fromkeys(prints, number))
    return False
