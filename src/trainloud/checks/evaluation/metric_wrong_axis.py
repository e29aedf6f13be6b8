"""Is a score made of the right predictions, each compared with its own target?

Why it matters: an argmax without an axis gives one number for the whole batch, an argmax over an axis of length 1
is always 0, (N, 1) == (N,) compares each prediction with every target, and a threshold of 0.5 on logits asks for a
probability of 0.62. None of these raises an error; the figure is wrong, and so is each decision made by it.

Remedy: take the argmax over the axis of the classes (`logits.argmax(dim=1)`), its indices and not its values; give
both sides of `==` one shape; threshold logits at 0, or probabilities (after one sigmoid) at 0.5.

Known limits: scores are followed in the first evaluation passes and sampled training steps, in tensors; what NumPy
or a library computes is not seen. Where two axes have one length, the score must be clearly better along the
other one, so that early passes of a network that has not learned yet tell nothing.

Source: Zasder3/train-CLIP#6 (argmax over the whole similarity matrix); torch.argmax, "If None, the argmax of the
flattened input is returned".
"""

from collections.abc import Iterable, Sequence

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, Severity, fired, passed, unknown
from trainloud.core.records import Comparison, Threshold
from trainloud.core.trace import Trace

FRACTIONS = 0.9  # share of predictions that are no whole numbers: scores, not classes
LEAST_COMPARED = 8  # predictions, before "none is equal" means anything
LEAST_SAME = 16  # predictions, before "all are equal" means anything
LEAST_AXIS = 30  # predictions behind a comparison of two axes
BETTER = 0.2  # agreement along the other axis above the one that was used; standard error at 30: 0.09
BETWEEN = 0.01  # share of logits between the two thresholds, from which on the figure really changes
LOGIT_LOSSES = ("binary_cross_entropy_with_logits", "soft_margin_loss", "multilabel_soft_margin_loss")
ABOVE = ("gt", "greater")
UPWARD = (*ABOVE, "ge", "greater_equal")


def size(shape: Iterable[int]) -> int:
    n = 1
    for s in shape:
        n *= s
    return n


def whole_argmax(c: Comparison) -> Finding | None:
    many = size(c.other) >= 2 and sum(n > 1 for n in c.source) >= 2
    if c.how != "argmax" or c.axis >= 0 or size(c.prediction) != 1 or not many or c.proper is None:
        return None
    return fired(
        f"an argmax over all of {c.source} gives one number, which is compared with {size(c.other)} targets "
        f"(equal: {c.agreement:.1%}); the argmax over axis {c.proper_axis} agrees with {c.proper:.1%} of them",
        f"one prediction for each target: argmax over axis {c.proper_axis}",
        c.where,
        first_step=c.step,
        agreement=c.agreement,
        proper=c.proper,
    )


def lonely_argmax(c: Comparison) -> Finding | None:
    if c.how != "argmax" or not 0 <= c.axis < len(c.source) or c.source[c.axis] != 1 or c.distinct < 2:
        return None
    return fired(
        f"the argmax over axis {c.axis} of {c.source} has one place to choose from: all {size(c.prediction)} "
        f"predictions are 0 (equal to the {c.distinct} different targets: {c.agreement:.1%})",
        "a threshold on the one output, or an argmax over an axis of classes",
        c.where,
        first_step=c.step,
        agreement=c.agreement,
    )


def values_compared(c: Comparison) -> Finding | None:
    """The values of a maximum, or scores as they are, against class numbers."""
    if c.how not in ("extreme", "output") or c.related or c.fractions < FRACTIONS or not c.whole or c.agreement > 0:
        return None
    if c.distinct < 2 or min(size(c.prediction), size(c.other)) < LEAST_COMPARED:
        return None
    what = "the values of a maximum" if c.how == "extreme" else "the outputs themselves"
    right = f"; the places of that maximum agree with {c.proper:.1%}" if c.proper is not None else ""
    return fired(
        f"{what}, shape {c.prediction}, are compared with {c.distinct} different whole numbers by ==: "
        f"{c.fractions:.0%} of them are no whole numbers and none is equal{right}",
        "class numbers on both sides: the indices of the maximum, or a threshold",
        c.where,
        first_step=c.step,
        severity="error" if c.how == "extreme" else "warning",
        agreement=c.agreement,
    )


def paired_off(c: Comparison) -> Finding | None:
    n = size(c.prediction)
    square = n >= 2 and size(c.other) == n and size(c.result) == n * n
    if not square or len(c.prediction) == len(c.other) or c.pairs or c.related:
        return None
    return fired(
        f"predictions of shape {c.prediction} == targets of shape {c.other}: broadcasting makes {c.result}, each "
        f"prediction against every target (equal: {c.agreement:.1%})",
        f"both of shape ({n},)",
        c.where,
        first_step=c.step,
        agreement=c.agreement,
    )


def _proofs(c: Comparison) -> Finding | None:
    return whole_argmax(c) or lonely_argmax(c) or values_compared(c) or paired_off(c)


def with_itself(found: Sequence[Comparison]) -> Finding | None:
    """All comparisons of one line have the same forward's predictions on both sides."""
    lines: dict[object, list[Comparison]] = {}
    for c in found:
        lines.setdefault(c.where, []).append(c)
    for same in lines.values():
        total = sum(size(c.result) for c in same)
        if total >= LEAST_SAME and all(c.itself and c.agreement == 1 and c.how != "output" for c in same):
            return fired(
                f"{total} predictions were compared with predictions of the same forward: 100.0% equal in "
                f"{len(same)} comparisons",
                "predictions on one side, targets on the other",
                same[0].where,
                first_step=same[0].step,
                severity="warning",
            )
    return None


def other_axis(found: Sequence[Comparison]) -> Finding | None:
    """Two axes have one length, and the other one gives the better score, over the latest comparisons."""
    lines: dict[object, list[Comparison]] = {}
    for c in found:
        fits = c.how == "argmax" and c.axis >= 0 and c.proper is not None and size(c.prediction) == size(c.other)
        if fits and not c.counting and not c.related:
            lines.setdefault((c.where, c.source, c.axis), []).append(c)
    for same in lines.values():
        steps = sorted({c.step for c in same})
        last = [c for c in same if c.step >= steps[len(steps) // 2]]
        total = sum(size(c.other) for c in last)
        used = sum(c.agreement * size(c.other) for c in last) / total
        proper = sum((c.proper or 0.0) * size(c.other) for c in last) / total
        if total >= LEAST_AXIS and proper - used >= BETTER:
            c = last[0]
            return fired(
                f"the argmax over axis {c.axis} of {c.source} agrees with {used:.1%} of {total} targets, the argmax "
                f"over axis {c.proper_axis}, which has as many places, with {proper:.1%}",
                f"the argmax over the axis of the classes ({c.proper_axis})",
                c.where,
                first_step=c.step,
                severity="warning",
                basis="heuristic",
                used=used,
                proper=proper,
            )
    return None


def wrong_threshold(trace: Trace) -> Finding | None:
    """A threshold for probabilities on logits, or one that all probabilities pass."""
    found = [t for t in trace.all(Threshold) if t.network in trace.networks]
    losses: dict[tuple[int, str], set[str]] = {}
    for t in found:
        if t.limit is None and t.phase == "train":
            losses.setdefault((t.network, t.slot), set()).add(t.by if not t.ops else f"{'.'.join(t.ops)} {t.by}")
    for t in found:
        kinds = losses.get((t.network, t.slot), set())
        if t.limit is None or len(kinds) != 1 or size(t.shape) < LEAST_COMPARED:
            continue
        kind = next(iter(kinds))
        beyond = t.low < 0 or t.high > 1
        if kind in LOGIT_LOSSES and not t.ops and t.limit == 0.5 and beyond and t.between >= BETWEEN:
            return _threshold(t, f"{kind} takes it for logits", "logits at 0, or their sigmoid at 0.5", "warning")
        twice = kind == "binary_cross_entropy" and t.ops == ("sigmoid",) and t.limit == 0.5 and t.low >= 0.5
        at_zero = (
            t.limit == 0
            and t.by in ABOVE
            and (  # `>= 0` is how libraries ask for probabilities
                (kind == "binary_cross_entropy" and not t.ops) or t.ops[-1:] == ("sigmoid",)
            )
        )
        if t.by in UPWARD and (twice or (at_zero and t.low > 0)):
            return _threshold(t, "every value passes it", "probabilities, after one sigmoid, at 0.5", "warning")
    return None


def _threshold(t: Threshold, why: str, expected: str, severity: Severity) -> Finding:
    after = f" after {', '.join(t.ops)}" if t.ops else ""
    return fired(
        f"an output of shape {t.shape} with values from {t.low:.3g} to {t.high:.3g} is cut at {t.limit:g}{after}: "
        f"{why}; {t.between:.1%} of them lie between 0 and {t.limit:g}",
        expected,
        t.where,
        first_step=t.step,
        severity=severity,
        basis="heuristic",
        limit=t.limit,
    )


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    found = [c for c in trace.all(Comparison) if c.network in trace.networks]
    for c in found:
        bad = _proofs(c)
        if bad is not None:
            return bad
    worse = with_itself(found) or other_axis(found) or wrong_threshold(trace)
    if worse is not None:
        return worse
    cut = sum(t.limit is not None for t in trace.all(Threshold))
    if not found and not cut:
        return unknown("no prediction was compared with targets by == on tensors, and none was cut at a threshold")
    return passed(f"{len(found)} comparisons and {cut} thresholds: each prediction has its own target")


CHECK = Check(fault="metric-wrong-axis", severity="error", basis="proof", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = x[:, :3].argmax(1)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("accuracy", (net(x[400:]).argmax() == y[400:]).float().mean().item())


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = x[:, :3].argmax(1)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("accuracy", (net(x[400:]).argmax(1) == y[400:]).float().mean().item())
