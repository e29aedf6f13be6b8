"""Is the loss reduced over the batch as the optimiser needs it?

Why it matters: the gradient of a sum is as large as the batch; under plain SGD each step then grows with the batch or
with the number of tokens, and a rate that suits a mean is far too high. A mean that is divided by the batch once more
steps too little, and a mean over padding makes a batch's weight follow its padding.

Remedy: use the mean over the targets that count (`reduction="mean"` with `ignore_index`, or the masked sum over the
mask's sum), or set the rate for sums on purpose and keep batches equal.

Known limits: Adam and its kin divide a constant factor out again, so sums are not reported there. A sum under SGD in
equal batches with a loss that falls is only noted.

Source: PyTorch documentation, "CrossEntropyLoss" (reduction); PyTorch forum, "reduction sum versus mean".
"""

import math

from trainloud.checks.objectives import adaptive, by_step, close, ends, losses
from trainloud.checks.stepping import by_optimizer, first_records, samples
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Objective, Optimizer, Term
from trainloud.core.trace import Trace

LEAST = 4  # sampled backwards
OFTEN = 0.9  # share of them
VARIES = 1.5  # times: the largest count of targets over the median, or the median over the least
OFTEN_VARIES = 0.25  # share of the backwards that differ so much from the median: a last batch is rarer
LEFT = 0.9  # of the loss at the start, at the end: it did not fall
LEAPS = 0.3  # of a weight's norm in one step
PADDING = 0.3  # share of the elements that do not count
PADDING_VARIES = 0.05  # between the least and the largest share


def main_term(o: Objective) -> Term | None:
    """The only known loss in it."""
    terms = [t for t in o.terms if t.weight]
    return terms[0] if len(terms) == 1 else None


def is_sum(t: Term) -> bool:
    """Every target counts fully: the weight of the mean is the number of targets."""
    return t.count > 1 and t.even and close(abs(t.weight), _summed(t))


def _summed(t: Term) -> float:
    return float(t.elements if t.reduction == "none" else t.count)


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    groups = by_optimizer(trace)
    if len(groups) != 1:
        return unknown(f"{len(groups)} optimisers stepped; judged only with one")
    number = next(iter(groups))
    made = first_records(trace).get(number)
    steps = {s.index: s for s in trace.steps}
    known = [(o, t) for g in by_step(trace).values() for o in g if (t := main_term(o)) is not None]
    if len(known) < LEAST:
        return unknown(f"backwards from one known loss were looked at {len(known)} times; at least {LEAST} are needed")
    padded = _padded(known)
    if padded is not None:
        return padded
    single = all(steps[o.step].backwards == 1 for o, _ in known if o.step in steps)
    if made is not None and not adaptive(made):
        found = _sums(trace, made, known) or (_twice(made, known) if single else None)
        if found is not None:
            return found
    sums = sum(is_sum(t) for _, t in known)
    return passed(
        f"{sums} of {len(known)} sampled losses are sums" + (f", under {made.kind}" if made and sums else ""), sums=sums
    )


def _sums(trace: Trace, made: Optimizer, known: list[tuple[Objective, Term]]) -> Finding | None:
    summed = [(o, t) for o, t in known if is_sum(t)]
    if len(summed) < OFTEN * len(known):
        return None
    counts = sorted(t.count for _, t in summed)
    usual = counts[len(counts) // 2]
    different = sum(c > VARIES * usual or c * VARIES < usual for c in counts)
    went = ends(losses(by_optimizer(trace)[made.optimizer]))
    stuck = went is not None and not went[1] <= LEFT * went[0]
    leaps = [
        p.update for s in samples(trace).get(made.optimizer, [])[:LEAST] for p in s.parameters if p.update is not None
    ]
    wild = sum(u > LEAPS or not math.isfinite(u) for u in leaps) > len(leaps) / 2
    varies = different >= OFTEN_VARIES * len(counts) and len(counts) >= 2 * LEAST
    o, t = summed[0]
    after = f"; it went from {went[0]:.4g} to {went[1]:.4g}" if went else ""
    spread = f" (from {counts[0]} to {counts[-1]} of them)" if varies else ""
    return fired(
        f"backward starts from the sum of {t.kind} over {t.count} targets{spread}, so that the step of {made.kind} is "
        f"{t.count} times that of the mean; at {len(summed)} of {len(known)} sampled backwards{after}",
        "a mean over the targets, or a rate made for sums of a fixed number of them",
        t.where or o.where,
        first_step=o.step,
        severity="warning" if stuck or wild or varies else "note",
        basis="proof" if varies or (went is not None and not math.isfinite(went[1])) else "heuristic",
        count=t.count,
        weight=t.weight,
        varies=varies,
    )


def _twice(made: Optimizer, known: list[tuple[Objective, Term]]) -> Finding | None:
    """A mean that was divided by the batch's length once more."""
    bad = [(o, t) for o, t in known if t.reduction == "mean" and t.batch > 4 and close(t.weight * t.batch, 1.0)]
    lengths = {t.batch for _, t in bad}
    if len(bad) < OFTEN * len(known) or len(bad) < LEAST:
        return None
    o, t = bad[0]
    return fired(
        f"the mean of {t.kind} over a batch of {t.batch} is divided by {t.batch} once more before backward (weight "
        f"{t.weight:.3g}), at {len(bad)} of {len(known)} sampled backwards: the steps of {made.kind} are that much "
        "shorter",
        "the mean as it is",
        t.where or o.where,
        first_step=o.step,
        severity="warning" if len(lengths) > 1 or min(lengths) >= 8 else "note",
        weight=t.weight,
        batch=t.batch,
    )


def _padding(t: Term) -> float | None:
    """Share of the elements over which the script's own mean runs although they do not count; None if it does not."""
    if t.reduction != "none" or not t.even or t.elements < 2:
        return None
    if t.count < t.elements:  # ignored targets: their zeros are in the mean
        return 1 - t.count / t.elements if close(t.weight, 1.0) or close(t.weight, t.count / t.elements) else None
    return t.silent if t.silent and close(t.weight, 1 - t.silent) else None


def _padded(known: list[tuple[Objective, Term]]) -> Finding | None:
    found = [(o, t, p) for o, t in known if (p := _padding(t)) is not None]
    if len(found) < max(OFTEN * len(known), LEAST):
        return None
    shares = [p for _, _, p in found]
    mean = sum(shares) / len(shares)
    if mean < PADDING or max(shares) - min(shares) < PADDING_VARIES:
        return None
    o, t, share = found[0]
    return fired(
        f"the mean of {t.kind} runs over {t.elements} elements of which {share:.0%} are masked or ignored and add only "
        f"zeros; over {len(found)} sampled backwards that share is {min(shares):.0%} to {max(shares):.0%}, and each "
        "batch's weight follows it",
        "a mean over the targets that count",
        t.where or o.where,
        first_step=o.step,
        elements=t.elements,
        share=mean,
    )


CHECK = Check(
    fault="loss-reduction-wrong",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("learning-rate-too-high", "exploding-gradient", "non-finite-hidden", "learning-rate-too-low",
              "gradient-clipping-too-tight", "dead-relu", "saturated-activation"),
)  # fmt: skip


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-1)
    criterion = nn.CrossEntropyLoss(reduction="sum")
    for _ in range(4):
        for rows in torch.randperm(400).split([100, 20, 60, 10, 110, 40, 60]):
            loss = criterion(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-1)
    criterion = nn.CrossEntropyLoss()
    for _ in range(4):
        for rows in torch.randperm(400).split([100, 20, 60, 10, 110, 40, 60]):
            loss = criterion(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
