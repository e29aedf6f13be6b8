"""When gradients are accumulated, do all micro-batches reach the step?

Why it matters: with `zero_grad` inside the loop over micro-batches only the last of them counts. The
gradient is that of a small batch, and most of the computation is thrown away.

Remedy: clear once for each optimiser step, after it, and divide each micro-batch's loss by their number.

Known limits: judged only with one optimiser and one label for each example, by which micro-batches are told
from repeated backwards of the same batch (adversarial training, gradient surgery). The rest of an epoch
that is shorter than the accumulation is not judged.

Source: PyTorch forum, "Why do we need to set the gradients manually to zero"; ultralytics#11217.
"""

from collections import defaultdict

from trainloud.checks.stepping import Sample, by_optimizer, first_records, samples
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import LossCall, Step
from trainloud.core.trace import Trace

LEAST_STEPS = 4
OFTEN = 0.9  # share of steps
SAME_NORM = 1e-3  # relative: the step uses the last micro-batch's gradient as it is, or as clipped


def keeps_last_only(s: Step) -> bool:
    return s.backwards > 1 and s.discarded == s.backwards - 1 and not s.scaled


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    groups = by_optimizer(trace)
    if len(groups) != 1 or -1 in groups:
        return unknown(f"{len(groups)} optimisers stepped; judged only with one")
    steps = trace.steps
    if len(steps) < LEAST_STEPS:
        return unknown(f"only {len(steps)} optimiser steps were seen")
    if not any(s.backwards > 1 for s in steps):
        return passed("each optimiser step follows one backward")
    bad = [s for s in steps if keeps_last_only(s)]
    if len(bad) < OFTEN * len(steps):
        return passed(f"{len(steps) - len(bad)} of {len(steps)} steps used the gradients of all their backwards")
    if not _different_batches(trace, {s.index for s in bad}):
        return unknown("gradients are cleared between the backwards of a step, but whether of one batch was not seen")
    if not all(_untouched(s) for s in next(iter(samples(trace).values()), [])):
        return passed("the script puts the gradients together by itself before the step")
    made = first_records(trace).get(steps[0].optimizer)
    first = bad[0]
    return fired(
        f"before {len(bad)} of {len(steps)} steps the gradients of {first.discarded} of {first.backwards} backward "
        "calls, on different batches, were cleared unused",
        f"one clearing for each step, and a gradient from all {first.backwards} micro-batches",
        made.where if made else None,
        first_step=first.index,
        backwards=first.backwards,
        discarded=first.discarded,
        steps=len(steps),
    )


def _different_batches(trace: Trace, steps: set[int]) -> bool:
    """Whether the labels of the backwards before one step differ, at each of the steps where they are known."""
    labels: dict[int, list[str]] = defaultdict(list)
    for c in trace.all(LossCall):
        if c.phase == "train" and c.labels and c.step in steps:
            labels[c.step].append(c.labels)
    several = [len(set(found)) == len(found) for found in labels.values() if len(found) > 1]
    return len(several) >= LEAST_STEPS and sum(several) >= OFTEN * len(several)


def _untouched(s: Sample) -> bool:
    """The step used what the last backward left, apart from clipping."""
    if s.after_backward is None:
        return False
    expected = min(s.after_backward, s.step.clip[0]) if s.step.clip else s.after_backward
    return abs(s.norm - expected) <= SAME_NORM * max(expected, 1e-30)


CHECK = Check(
    fault="last-microbatches-dropped",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("accumulation-not-scaled", "learning-rate-too-low"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(2):
        for k, rows in enumerate(torch.randperm(400).split(20)):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows]) / 4
            loss.backward()
            if k % 4 == 3:
                optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(2):
        for k, rows in enumerate(torch.randperm(400).split(20)):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows]) / 4
            loss.backward()
            if k % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()
