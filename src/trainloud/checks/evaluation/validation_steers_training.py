"""Do gradients from evaluation batches reach the weights?

Why it matters: a validation set that gives gradients is training data. Its figure says how well it was learned, and
nothing about new data.

Remedy: evaluate under `torch.no_grad()`, without `loss.backward()`; call `optimizer.zero_grad()` just before the
training backward, so that nothing left over can enter the step.

Known limits: a set counts as evaluation where the loop over its loader has backwards but no optimiser step, while
another data set's loop has both; or where the network is in evaluation mode for its examples and in training mode
for all others. Gradients that are cleared before the next step (saliency maps, adversarial examples, Fisher
information) are only counted, not blamed.

Source: Bishop 2006, Pattern Recognition and Machine Learning, section 1.3 (what a validation set is for); forum
reports of a training function that was copied for validation with its backward.
"""

from trainloud.checks.streams import main_network, prints
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Batch, Iteration, Step
from trainloud.core.trace import Trace

LEAST_SHIFTS = 2  # times that training went on after it: a second phase of training happens once
KNOWN = 0.05  # share of the examples that training mode may have seen too
LEAST_EXAMPLES = 8  # that gave gradients in evaluation mode


def following(trace: Trace, step: int) -> Step | None:
    """The first optimiser step of an index or later."""
    return next((s for s in trace.steps if s.index >= step), None)


def left_over(trace: Trace) -> Finding | None:
    """Backwards in a loop without steps whose gradients entered the next step."""
    iterations = [i for i in trace.all(Iteration) if i.backwards]
    stepped = {i.dataset for i in iterations if i.steps}
    loops = [i for i in iterations if not i.steps and i.dataset not in stepped]
    if not stepped or not loops:
        return None
    used = []
    for loop in loops:
        step = following(trace, loop.step)
        if step is not None and step.backwards > loop.backwards and step.discarded < loop.backwards:
            used.append((loop, step))
    if not used:
        return None
    loop, step = used[0]
    return fired(
        f"a loop over a data set of its own makes {loop.backwards} backwards and no optimiser step; at the next step "
        f"{step.index} only {step.discarded} of {step.backwards} gradients had been cleared: those of "
        f"{loop.backwards - step.discarded} evaluation batches entered it ({len(used)} passes)",
        "no gradient from evaluation batches in any step",
        loop.where,
        first_step=step.index,
        backwards=loop.backwards,
        discarded=step.discarded,
    )


def in_evaluation_mode(trace: Trace, network: int) -> Finding | None:
    """Examples that gave gradients in evaluation mode only, between others that gave them in training mode."""
    mine = [b for b in trace.trained_batches if b.network == network and b.prints]
    scored = [b for b in mine if not b.training]
    learned = [b for b in mine if b.training]
    if not scored or not learned:
        return None
    shifts = sum(a.training < b.training for a, b in zip(mine, mine[1:], strict=False))
    known = set(prints(learned))
    theirs = prints(scored)
    fresh = sum(p not in known for p in theirs)
    together = {b.step for b in learned}
    steps = {s.index: s for s in trace.steps}
    used = [b for b in scored if b.step in steps and _used(steps[b.step], b, mine, b.step in together)]
    if shifts < LEAST_SHIFTS or not used or len(theirs) < LEAST_EXAMPLES or fresh < (1 - KNOWN) * len(theirs):
        return None
    loop = {i.iteration: i for i in trace.all(Iteration)}.get(used[0].iteration)
    return fired(
        f"{len(set(theirs))} examples, {fresh / len(theirs):.0%} of them never seen in training mode, gave gradients "
        f"in evaluation mode; they entered {len({b.step for b in used})} optimiser steps",
        "no gradient from evaluation batches in any step",
        loop.where if loop else trace.networks[network].where,
        first_step=used[0].step,
        examples=len(set(theirs)),
    )


def _used(step: Step, one: Batch, mine: list[Batch], together: bool) -> bool:
    """Whether gradients of a batch in evaluation mode were still there at the step that followed."""
    return not together or step.discarded < sum(not b.training and b.step == one.step for b in mine)


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None or not trace.steps:
        return unknown("no training batch was seen")
    bad = left_over(trace) or in_evaluation_mode(trace, network.network)
    if bad is not None:
        return bad
    if not any(b.phase == "eval" for b in trace.all(Batch)) and len({i.dataset for i in trace.all(Iteration)}) < 2:
        return unknown("nothing was evaluated beside training")
    return passed(f"the gradients of {len(trace.steps)} steps come from training batches alone")


CHECK = Check(
    fault="validation-steers-training",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("train-validation-leak", "evaluation-on-training-data", "zero-grad-missing", "last-microbatches-dropped"),
)


def bad() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    train = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=50, shuffle=True)
    validation = DataLoader(TensorDataset(x[400:], y[400:]), batch_size=50)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for inputs, labels in train:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        total = 0.0
        for inputs, labels in validation:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            loss.backward()
            total += loss.item() * len(labels)
        print("validation", total / 200)


def good() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    train = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=50, shuffle=True)
    validation = DataLoader(TensorDataset(x[400:], y[400:]), batch_size=50)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for inputs, labels in train:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        total = 0.0
        with torch.no_grad():
            for inputs, labels in validation:
                loss = nn.functional.cross_entropy(net(inputs), labels)
                total += loss.item() * len(labels)
        print("validation", total / 200)
