"""Is a rare class never predicted although training is over?

Why it matters: with 2 % positives, "always negative" is right in 98 % of all cases and worth nothing. The loss and
the accuracy look good; the class that matters is not found once.

Remedy: look at recall for each class, not at accuracy; weight the loss (`weight=`, `pos_weight=`), or draw the rare
class more often in training (WeightedRandomSampler), and move the decision threshold.

Known limits: one target for each example, or each pixel; judged on the last 64 training losses, and on the last
evaluation pass where a loss was computed there. A class that cannot be told from the others by these inputs is not
predicted either. A run of a few steps, or fewer than three visits of the data, is only a note; so is a network for
yes or no whose outputs are never compared with a threshold (a risk, a click rate).

Source: He and Garcia 2009, Learning from imbalanced data; Johnson and Khoshgoftaar 2019, Survey on deep learning
with class imbalance.
"""

from collections.abc import Sequence

from trainloud.checks.streams import main_network, train_prints
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, Severity, fired, passed, unknown
from trainloud.core.records import Answers, Comparison, Pass, Threshold
from trainloud.core.trace import Trace

LEAST_TARGETS = 20  # of the class, in what is judged
RATIO = 4.0  # the most frequent class over this one: less is no imbalance
NEVER = 0.01  # predictions of the class over its targets
LEAST_STEPS = 100  # before training counts as more than a demonstration
LEAST_VISITS = 3  # of the data
KNOWS = 0.5  # recall of the most frequent class: a network that predicts anything at all has learned something
YES_NO = ("binary_cross_entropy_with_logits", "binary_cross_entropy", "soft_margin_loss")
LOOKS_GOOD = 0.6  # accuracy from which on the missing class goes unnoticed; below, all classes are hard

Matrix = Sequence[Sequence[int]]


def missed(confusion: Matrix) -> list[tuple[int, int, int]]:
    """(class, its targets, its predictions) of the rare classes that are never predicted."""
    targets = [sum(row) for row in confusion]
    guesses = [sum(row[k] for row in confusion) for k in range(len(confusion))]
    most = max(targets, default=0)
    top = targets.index(most) if most else 0
    right = sum(row[k] for k, row in enumerate(confusion))
    if not most or confusion[top][top] < KNOWS * most or right < LOOKS_GOOD * sum(targets):
        return []
    return [
        (k, n, guesses[k])
        for k, n in enumerate(targets)
        if n >= LEAST_TARGETS and n * RATIO <= most and guesses[k] <= NEVER * n
    ]


def visits(trace: Trace, network: int) -> float:
    seen = train_prints(trace, network)
    return len(seen) / max(len(set(seen)), 1)


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    answers = [a for a in trace.all(Answers) if network and a.network == network.network]
    if network is None or not answers:
        return unknown("no loss of class numbers (up to 64 classes) or yes-no targets was seen in training")
    bad: list[tuple[Answers, tuple[int, int, int]]] = []
    for a in answers:
        scored = last_confusion(trace, network.network, len(a.confusion))
        also = {k for k, _, _ in missed(scored)} if scored else None
        enough = {k for k, row in enumerate(scored) if sum(row) >= LEAST_TARGETS} if scored else set()
        bad += [(a, m) for m in missed(a.confusion) if also is None or m[0] in also or m[0] not in enough]
    if not bad:
        return passed(f"each class with {LEAST_TARGETS} targets or more among the last training batches is predicted")
    a, (rare, count, guesses) = bad[0]
    total = sum(map(sum, a.confusion))
    longer = len(trace.steps) >= LEAST_STEPS and visits(trace, network.network) >= LEAST_VISITS
    severity: Severity = "warning" if longer and (a.kind not in YES_NO or decides(trace)) else "note"
    return fired(
        f"class {rare} is the target {count} times among the last {total} ({count / total:.1%}, {a.calls} batches) and "
        f"is predicted {guesses} times" + ("; the loss has class weights" if a.weighted else ""),
        "each class that occurs predicted at times: recall above 0 for it",
        a.where,
        severity=severity,
        first_step=max(len(trace.steps) - a.calls, 0),
        rare=rare,
        targets=count,
        predictions=guesses,
    )


def decides(trace: Trace) -> bool:
    """The script turns outputs into decisions, where a probability or a ranking may be all that is wanted."""
    return any(t.limit is not None for t in trace.all(Threshold)) or bool(trace.all(Comparison))


def last_confusion(trace: Trace, network: int, classes: int) -> Matrix:
    found = [p.confusion for p in trace.all(Pass) if p.network == network and len(p.confusion) == classes]
    return found[-1] if found else ()


CHECK = Check(fault="class-imbalance-ignored", severity="warning", basis="heuristic", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    y = (torch.rand(1200) < 0.06).long()
    x = torch.randn(1200, 6) + 0.7 * y[:, None]
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02)
    for _ in range(8):
        for rows in torch.randperm(1200).split(64):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    y = (torch.rand(1200) < 0.06).long()
    x = torch.randn(1200, 6) + 0.7 * y[:, None]
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02)
    weight = torch.tensor([0.53, 8.3])
    for _ in range(8):
        for rows in torch.randperm(1200).split(64):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows], weight=weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
