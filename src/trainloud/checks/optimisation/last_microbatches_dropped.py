"""When gradients are accumulated, do all micro-batches reach the step?

Why it matters: with `zero_grad` inside the loop over micro-batches only the last of them counts. The gradient is that
of a small batch, and most of the computation is thrown away. Where the last group of an epoch is shorter than the
others and no step follows it, its batches teach nothing, or their gradients go stale into the next epoch.

Remedy: clear once for each optimiser step, after it; divide each micro-batch's loss by their number; and step once more
after the last micro-batch of an epoch.

Known limits: judged only with one optimiser and, for clearing inside a group, where the micro-batches before a step
have different examples (repeated backwards of one batch are adversarial training or gradient surgery).

Source: PyTorch forum, "Why do we need to set the gradients manually to zero"; ultralytics#11217.
"""

from collections import defaultdict

from trainloud.checks.stepping import Sample, by_optimizer, first_records, samples
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import End, LossCall, Step
from trainloud.core.trace import Trace

LEAST_STEPS = 4
OFTEN = 0.9  # share of steps
LOST = 0.05  # share of all backwards that never reach a step: under it only a note
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
    tail = _tail(trace)
    if tail is not None:
        return tail
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


def _tail(trace: Trace) -> Finding | None:
    """Groups are full but for the end of an epoch, where the rest is cleared by the next one or never used."""
    steps, end = trace.steps, trace.last(End)
    sizes = sorted(s.backwards - s.discarded for s in steps)
    k = sizes[len(sizes) // 2]
    if k < 2 or sum(n == k for n in sizes) < OFTEN * len(sizes) or end is None or end.exception:
        return None
    cleared = [s for s in steps if s.discarded]
    if any(not 0 < s.discarded < k for s in cleared):
        return None
    after = end.backwards - sum(s.backwards for s in steps)
    dropped = sum(s.discarded for s in cleared) + after
    if not dropped or not 0 <= after < k or (after and cleared and after != cleared[0].discarded):
        return None
    if len({s.discarded for s in cleared}) > 1 or (len(cleared) > 1 and not _once_an_epoch(steps, cleared)):
        return None
    made = first_records(trace).get(steps[0].optimizer)
    share = dropped / end.backwards
    times = len(cleared) + (after > 0)
    first = cleared[0].index if cleared else steps[-1].index
    return fired(
        f"gradients are put together from {k} backwards a step, and {dropped} of {end.backwards} backwards "
        f"({share:.1%}) were left over at {times} end{'' if times == 1 else 's'} of a pass, and used by no step",
        f"a step after the last micro-batch of each epoch, also for fewer than {k}",
        made.where if made else None,
        first_step=first,
        severity="warning" if share >= LOST and times > 1 else "note",
        backwards=end.backwards,
        dropped=dropped,
        micro_batches=k,
    )


def _once_an_epoch(steps: tuple[Step, ...], cleared: list[Step]) -> bool:
    """The clearings lie equally far apart."""
    places = [i for i, s in enumerate(steps) if s.discarded]
    gaps = {b - a for a, b in zip(places, places[1:], strict=False)}
    return len(cleared) > 1 and len(gaps) == 1


def _different_batches(trace: Trace, steps: set[int]) -> bool:
    """Whether the labels of the backwards before one step differ, at each of the steps where they are known."""
    labels: dict[int, list[str]] = defaultdict(list)
    for c in trace.all(LossCall):
        if c.phase == "train" and c.labels and c.step in steps:
            labels[c.step].append(c.labels)
    several = [len(set(found)) == len(found) for found in labels.values() if len(found) > 1]
    if len(several) >= LEAST_STEPS:
        return sum(several) >= OFTEN * len(several)
    return _different_examples(trace, steps)


def _different_examples(trace: Trace, steps: set[int]) -> bool:
    """The same by the examples that entered a network."""
    prints: dict[tuple[int, int], list[str]] = defaultdict(list)
    for b in trace.trained_batches:
        if b.prints and b.step in steps:
            prints[b.step, b.network].append(b.prints)
    several = [len(set(found)) == len(found) for found in prints.values() if len(found) > 1]
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
