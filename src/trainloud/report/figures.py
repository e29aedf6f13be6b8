"""What the charts of the report show: the loss against the chance line, and predictions as training goes on."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from trainloud.core.place import Place
from trainloud.core.records import LossSample, Pass, Prediction
from trainloud.core.trace import Trace
from trainloud.report.charts import Chart, Level, Line, Table, chart, number, sample

SMOOTHED_FROM = 100  # steps, from which a running mean is drawn over the curve
WINDOWS = 50  # running means that fit into the curve side by side
SAME = 0.05  # relative difference up to which the script's loss is the loss function's own value
PALETTE = ("main", "second", "third", "fourth")
SMALL_POINTS = 120  # drawn a line in a small multiple
EVALUATIONS = 50  # rows of the table of evaluations

Named = Callable[[Place | None], str]


@dataclass(frozen=True)
class Figure:
    """One chart in two widths, so that its letters are readable on a narrow screen too."""

    wide: Chart
    narrow: Chart
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dynamics:
    """Predictions of one network on its fixed batch, one chart an example."""

    network: int
    kind: str
    shape: str
    charts: tuple[Chart, ...]


def loss_figure(trace: Trace, named: Named) -> Figure | None:
    """Training and evaluation losses by optimiser step; None if no loss was seen. `named` words a place."""
    training = _training_lines(trace)
    lines = training + _evaluation_lines(trace, named, len(training))
    if not any(math.isfinite(y) for line in lines for y in line.ys if y is not None):
        return None
    level, note = chance_level(trace)
    levels = (level,) if level else ()
    label = "loss (logarithmic)"
    wide = chart(lines, "Loss by optimiser step", "optimiser step", label, levels=levels)
    narrow = chart(lines, wide.title, "step", label, levels=levels, width=360, height=260, log=wide.log, points=300)
    notes = [note] if note else []
    bad = sum(s.loss is None or not math.isfinite(s.loss) for s in trace.steps)
    if bad:
        notes.append(f"{number(bad)} of {number(len(trace.steps))} losses are not finite or not seen: gaps.")
    return Figure(wide, narrow, tuple(notes))


def chance_level(trace: Trace) -> tuple[Level | None, str]:
    """The loss of the best constant prediction, and a remark.

    Drawn only where it can be compared: one loss function, whose value is what the script trains on.
    """
    samples = [s for s in trace.all(LossSample) if s.phase == "train" and s.best_constant is not None]
    if not samples:
        return None, "No chance line: the loss of the best constant prediction is not known for this loss."
    if len({(s.kind, s.where) for s in samples}) > 1:
        return None, "No chance line: the script trains on more than one loss function."
    losses = {s.index: s.loss for s in trace.steps if s.loss is not None}
    pairs = [(s.value, losses[s.step]) for s in samples if s.value is not None and s.step in losses]
    same = sum(math.isclose(a, b, rel_tol=SAME) for a, b in pairs)
    if not pairs or same * 2 < len(pairs):
        return None, "No chance line: the script's loss is not the loss function's value alone."
    where = f"{len(samples)} batch" + ("es" if len(samples) > 1 else "")
    best = _pooled_entropy(samples)
    if best is not None:
        note = f"Chance line: {samples[0].kind} of the class frequencies over the targets of {where}."
    else:
        best = median(s.best_constant for s in samples if s.best_constant is not None)
        note = f"Chance line: {samples[0].kind} of the best constant prediction for each batch, median over {where}."
    return Level(f"best constant {number(best)}", best), note


def _pooled_entropy(samples: Sequence[LossSample]) -> float | None:
    """Entropy of the classes over all samples' targets, in nats.

    One batch's own best constant fits its few targets and lies too low. None unless each sample's best
    constant is the entropy of its own counts (it is not for weights, smoothed labels or regression).
    """
    lengths = {len(s.counts) for s in samples}
    if len(lengths) != 1 or not all(sum(s.counts) for s in samples):
        return None
    if not all(math.isclose(entropy(s.counts), s.best_constant or 0.0, abs_tol=1e-3) for s in samples):
        return None
    return entropy([sum(column) for column in zip(*(s.counts for s in samples), strict=True)])


def entropy(counts: Sequence[int]) -> float:
    total = sum(counts)
    return -sum(n / total * math.log(n / total) for n in counts if n)


def _training_lines(trace: Trace) -> list[Line]:
    lines = []
    optimizers = sorted({s.optimizer for s in trace.steps})
    for place, optimizer in enumerate(optimizers):
        steps = [s for s in trace.steps if s.optimizer == optimizer]
        name = "training loss" if len(optimizers) == 1 else f"training loss, optimiser {optimizer}"
        xs, ys = [float(s.index) for s in steps], [s.loss for s in steps]
        style = PALETTE[place % len(PALETTE)]
        if len(steps) < SMOOTHED_FROM:
            lines.append(Line(name, xs, ys, style))
        else:
            window = len(steps) // WINDOWS
            lines.append(Line(name, xs, ys, f"{style} faint"))
            lines.append(Line(f"{name}, mean of {window} steps", xs, running_mean(ys, window), style))
    return lines


def running_mean(values: Sequence[float | None], window: int) -> list[float | None]:
    """Mean of the finite values among the last `window`; None where the value itself is not finite."""
    out: list[float | None] = []
    for i, value in enumerate(values):
        recent = [v for v in values[max(0, i + 1 - window) : i + 1] if v is not None and math.isfinite(v)]
        out.append(fmean(recent) if value is not None and math.isfinite(value) else None)
    return out


def mean_loss(passage: Pass) -> float | None:
    """Mean loss over all targets of the pass, each batch weighted by its count."""
    total = sum(count for _, count in passage.losses)
    return sum(loss * count for loss, count in passage.losses if count) / total if total else None


def accuracy(passage: Pass) -> float | None:
    total = sum(count for _, count in passage.corrects)
    return sum(correct for correct, _ in passage.corrects) / total if total else None


def _evaluation_lines(trace: Trace, named: Named, taken: int) -> list[Line]:
    groups: dict[tuple[int, Place | None], list[Pass]] = {}
    for passage in trace.passes:
        if passage.losses:
            groups.setdefault((passage.network, passage.where), []).append(passage)
    lines = []
    for place, ((_, where), passes) in enumerate(groups.items()):
        name = f"evaluation loss ({named(where)})" if where else "evaluation loss"
        style = PALETTE[1 + place % (len(PALETTE) - 1)] if taken else PALETTE[place % len(PALETTE)]
        lines.append(Line(name, [float(p.step) for p in passes], [mean_loss(p) for p in passes], f"{style} dotted"))
    return lines


def evaluations(trace: Trace, named: Named) -> Table | None:
    """Each evaluation pass with what was recomputed over the whole of it."""
    passes = trace.passes
    if not passes:
        return None
    header = ("before step", "where", "examples", "mean loss", "accuracy", "network's mode")
    chosen = sample([float(i) for i in range(len(passes))], EVALUATIONS)
    rows = tuple(
        (
            number(p.step),
            named(p.where),
            number(p.examples),
            number(mean_loss(p)),
            number(accuracy(p)),
            "train" if p.training else "eval",
        )
        for p in (passes[int(i)] for i in chosen)
    )
    return Table(header, rows, len(passes))


def dynamics(trace: Trace) -> tuple[Dynamics, ...]:
    """Small multiples: how the outputs on one fixed batch move, all of a network on one scale."""
    found = trace.all(Prediction)
    out = []
    for network in sorted({p.network for p in found}):
        records = [p for p in found if p.network == network and p.outputs]
        if not records:
            continue
        values = [v for p in records for row in p.outputs for v in row if math.isfinite(v)]
        span = (min(values), max(values)) if values else (0.0, 1.0)
        examples = min(len(p.outputs) for p in records)
        charts = tuple(_example_chart(records, example, span) for example in range(examples))
        known = trace.networks.get(network)
        shape = ", ".join(str(n) for n in records[-1].shape)
        out.append(Dynamics(network, known.kind if known else "", f"({shape})", charts))
    return tuple(out)


def _example_chart(records: Sequence[Prediction], example: int, span: tuple[float, float]) -> Chart:
    width = min(len(p.outputs[example]) for p in records)
    last = records[-1].outputs[example][:width]
    finite = [i for i in range(width) if math.isfinite(last[i])]
    highest = max(finite, key=lambda i: last[i]) if finite else -1
    few = width <= len(PALETTE)
    xs = [float(p.step) for p in records]
    lines = [
        Line(
            f"output {i}",
            xs,
            [p.outputs[example][i] for p in records],
            PALETTE[i] if few else "main" if i == highest else "faint",
        )
        for i in range(width)
    ]
    lines.sort(key=lambda line: line.style == "main" and not few)  # drawn last, on top
    title = f"Example {example}"
    targets = records[-1].targets
    if example < len(targets):
        title += f", target {number(targets[example])}"
    if not few and highest >= 0:
        title += f": output {highest} ends highest"
    return chart(lines, title, "step", "output", width=340, height=170, log=False, span=span, points=SMALL_POINTS)
