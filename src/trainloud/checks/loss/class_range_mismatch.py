"""Has the network exactly one output for each class that the labels name?

Why it matters: labels that start at 1 with one output too many train without an error, and output 0 is
never right; a head for 1000 classes on a task of 10 wastes probability and starts from the wrong loss.

Remedy: count the distinct labels, map them to 0..n-1, and give the last layer n outputs.

Known limits: judged on classifiers with one label for each example; tokens that never occur are normal in
text. Unless the labels start at 1 and exactly output 0 is left over, it is only a note: classes may be
held back for later, or reserved.

Source: PyTorch forum, labels from 1 ("Target n is out of bounds" and the extra output that silences it).
"""

from collections import Counter

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Batch, LossCall, LossSample
from trainloud.core.trace import Trace, unpack_labels

KINDS = ("cross_entropy", "nll_loss")
EXPECTED = 30  # labels that each class should have had before its absence says anything


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    heads = _heads(trace)
    if not heads:
        return unknown("no classifier with one label for each example was seen")
    if len(heads) > 1:
        return unknown(f"classifiers with different numbers of outputs were trained: {sorted(heads)}")
    classes, first = next(iter(heads.items()))
    labels = _labels(trace)
    total = sum(labels.values())
    if total < EXPECTED * classes:
        return unknown(f"{total} labels are too few to say that one of {classes} classes does not occur")
    absent = [k for k in range(classes) if not labels[k]]
    if not absent:
        return passed(f"each of the {classes} outputs is a target")
    from_one = absent == [0] and classes > 2 and not any(s.ignored for s in trace.all(LossSample))
    shown = ", ".join(map(str, absent[:8])) + (" ..." if len(absent) > 8 else "")
    return fired(
        f"of {classes} outputs (loss input {first.input.shape}), {len(absent)} never are a target among {total} "
        f"labels: {shown}; labels run from {min(labels):.0f} to {max(labels):.0f}",
        f"labels from 0 to {classes - 2} and {classes - 1} outputs" if from_one else "one output for each class",
        first.where,
        first_step=first.step,
        severity="warning" if from_one else "note",
        absent=absent[:64],
        classes=classes,
        labels=total,
    )


def _heads(trace: Trace) -> dict[int, LossSample]:
    """Number of outputs -> its first sampled call, for losses with one label for each example of a network."""
    sizes = {(b.step, b.size) for b in trace.all(Batch)}
    heads: dict[int, LossSample] = {}
    for s in trace.all(LossSample):
        each = len(s.input.shape) == 2 and len(s.target.shape) == 1 and (s.step, s.input.shape[0]) in sizes
        if s.phase == "train" and s.kind in KINDS and each and any(s.counts):
            heads.setdefault(s.classes, s)
    return heads


def _labels(trace: Trace) -> Counter[float]:
    """Label -> how often it was a target, in training and evaluation."""
    found: Counter[float] = Counter()
    for c in trace.all(LossCall):
        if c.kind in KINDS and c.labels:
            found.update(v for v in unpack_labels(c.labels) if v >= 0)
    return found


CHECK = Check(
    fault="class-range-mismatch",
    severity="warning",
    basis="heuristic",
    judge=judge,
    symptoms=("final-bias-not-initialised",),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 8)
    y = (x @ torch.randn(8, 3)).argmax(1) + 1  # labels 1, 2, 3
    net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
