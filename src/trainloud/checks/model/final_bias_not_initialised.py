"""Does training start above the loss of the best constant output?

Why it matters: a network that ignores its input can already predict the mean of the targets or the frequency of the
classes. If the last bias does not start there, the first part of training is spent on learning one constant, with
large gradients that the other layers must bear.

Remedy: initialise the last bias with the mean of the targets or the log-odds of the classes, or standardise the
targets.

Known limits: a warning only where getting there took a good part of the run; else a note, for it costs little.
Where the outputs' spread and not their mean makes
the start bad (a margin in the loss, large first weights), no bias is to blame and nothing is said.
The best constant is that of the batches seen; losses other than cross-entropy, squared and absolute error are not
judged.

Source: Karpathy, "A Recipe for Training Neural Networks" ("init well"; "verify loss @ init").
"""

import math
from collections import Counter

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import LossSample
from trainloud.core.trace import Trace

CLASSES = ("cross_entropy", "nll_loss")
LOGISTIC = ("binary_cross_entropy_with_logits", "binary_cross_entropy")
SQUARED, ABSOLUTE = ("mse_loss",), ("l1_loss",)
NATS = 0.35  # least excess of a cross-entropy over the best constant's
RATIO = {CLASSES: 1.5, LOGISTIC: 1.5, SQUARED: 4.0, ABSOLUTE: 2.5}  # start over best constant; sampling stays under it
BIAS_SHARE = 0.5  # of the excess that another constant added to the outputs must take away
LEAST_TARGETS = 64  # behind the best constant
COSTLY_STEPS, COSTLY_SHARE = 50, 0.05  # steps, and share of the run, before the best constant is reached


def _pooled(samples: list[LossSample]) -> float | None:
    """Best constant over several batches: classes by their pooled counts, else the mean over the batches."""
    if samples[0].kind in CLASSES and all(s.counts and not s.weight for s in samples):
        counts: Counter[int] = Counter()
        for s in samples:
            counts.update(dict(enumerate(s.counts)))
        total = sum(counts.values())
        seen = [c for c in counts.values() if c]
        if not total:
            return None
        entropy = -sum(c / total * math.log(c / total) for c in seen)
        return entropy + (len(seen) - 1) / (2 * total)  # Miller and Madow's correction for few targets
    known = [s.best_constant for s in samples if s.best_constant is not None]
    return sum(known) / len(known) if len(known) == len(samples) else None


def _reached(trace: Trace, level: float) -> int:
    """Index of the first of three steps in a row whose loss is at most `level`; the run's length if there is none."""
    losses = [s.loss for s in trace.steps if s.loss is not None]
    for i in range(len(losses) - 2):
        if max(losses[i : i + 3]) <= level:
            return i
    return len(losses)


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    early = [s for s in trace.all(LossSample) if s.phase == "train" and s.reduction == "mean" and s.value is not None]
    places = {s.where for s in early}
    if len(places) != 1:
        return unknown("no single training loss of a known kind and of mean reduction was seen")
    group = next((g for g in RATIO if early[0].kind in g), None)
    first = [s for s in early if s.step == 0]
    pool = [s for s in early if s.kind == early[0].kind and s.step <= 3]
    if group is None or not first or sum(s.total - s.ignored for s in pool) < LEAST_TARGETS:
        return unknown("no loss with a known best constant was seen at step 0 on enough targets")
    start, best = first[0].value, _pooled(pool)
    assert start is not None
    if best is None or best <= 0 or not math.isfinite(start) or trace.steps[0].loss is None:
        return unknown("the best constant output for these targets is not known")
    excess = start - best
    if start < RATIO[group] * best or (group in (CLASSES, LOGISTIC) and excess < NATS):
        return passed(f"loss at step 0 is {start:.4g}; the best constant output gives {best:.4g}")
    centred = first[0].recentred
    if centred is not None and start - centred < BIAS_SHARE * excess:
        return passed(
            f"loss at step 0 is {start:.4g}, above the best constant's {best:.4g}, but no other last bias would mend "
            f"that: with the outputs' mean put right it is still {centred:.4g}"
        )
    taken = _reached(trace, max(trace.steps[0].loss - excess, 0.0))
    costly = taken >= COSTLY_STEPS and taken >= COSTLY_SHARE * len(trace.steps)
    return fired(
        f"{first[0].kind} at step 0 is {start:.4g}; the best constant output gives {best:.4g}, which the run needed "
        f"{taken} of its {len(trace.steps)} steps to reach",
        f"about {best:.4g} at step 0, from a bias set to the targets' mean or the classes' log-odds",
        first[0].where,
        first_step=0,
        severity="warning" if costly else "note",
        start=start,
        best_constant=best,
        steps_to_reach=taken,
    )


CHECK = Check(
    fault="final-bias-not-initialised",
    severity="warning",
    basis="heuristic",
    judge=judge,
    symptoms=("exploding-gradient",),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(300, 5)
    y = 200 + 10 * x[:, :1] + torch.randn(300, 1)
    net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(20):
        for rows in torch.randperm(300).split(50):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(300, 5)
    y = 200 + 10 * x[:, :1] + torch.randn(300, 1)
    net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
    nn.init.constant_(net[2].bias, 200.0)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(20):
        for rows in torch.randperm(300).split(50):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
