"""Do NaN or infinite values in the data reach the network or the loss and spoil it?

Why it matters: one NaN in one row makes the loss NaN, the gradients NaN, and after the next step every
weight NaN. From then on nothing is learned, and comparisons with NaN are silently false.

Remedy: find the rows (`torch.isfinite(x).all(1)`), then repair their cause: a missing value, a division by
zero, log(0). Drop or impute them before the data set is built, and assert finiteness there.

Known limits: values that the script masks away, so that its loss stays finite, are not reported; arguments
of -inf alone are taken for attention masks unless the loss turns non-finite with them.

Source: Karpathy 2019, A Recipe for Training Neural Networks, step 1; PyTorch documentation of
autograd.detect_anomaly.
"""

import math

from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Door, LossSample
from trainloud.core.trace import Trace


def broken_step(trace: Trace) -> int | None:
    """The first step whose loss was not finite."""
    return next((s.index for s in trace.steps if s.loss is not None and not math.isfinite(s.loss)), None)


def in_inputs(trace: Trace, step: int) -> str:
    """What is non-finite in the inputs of this step; "" if nothing."""
    for door in trace.all(Door):
        if door.step == step and door.phase == "train" and door.outer:
            for t in door.tensors:
                if t.nan or t.inf:
                    return f"input {t.name} (shape {t.shape}) holds {t.nan} NaN and {t.inf} infinite values"
    bad = [b for b in trace.trained_batches if b.step == step and not b.finite]
    return f"a batch of {bad[0].size} examples holds NaN or infinity" if bad else ""


def in_targets(trace: Trace, step: int) -> tuple[str, LossSample | None]:
    for s in trace.all(LossSample):
        if s.step == step and s.phase == "train" and (s.target.nan or s.target.inf):
            held = f"{s.target.nan} NaN and {s.target.inf} infinite values"
            return f"the target of {s.kind} (shape {s.target.shape}) holds {held}", s
    return "", None


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None:
        return unknown("no training batch was seen")
    step = broken_step(trace)
    if step is None:
        if all(s.loss is None for s in trace.steps):
            return unknown("no loss value was seen, so whether non-finite data spoil it is not known")
        held = sum(not b.finite for b in trace.trained_batches)
        masked = f"; {held} batches hold non-finite values that the script keeps out of its loss" if held else ""
        return passed(f"the loss of all {len(trace.steps)} steps is finite{masked}")
    inputs = in_inputs(trace, step)
    targets, sample = in_targets(trace, step)
    if not inputs and not targets:
        return passed(f"the loss is not finite from step {step}, but the inputs of that step are")
    loss = next(s.loss for s in trace.steps if s.index == step)
    return fired(
        f"at step {step} {inputs or targets}, and the loss of that step is {loss}",
        "only finite numbers in inputs and targets",
        sample.where if sample and not inputs else network.where,
        first_step=step,
    )


CHECK = Check(
    fault="non-finite-values-in-data",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("exploding-gradient", "learning-rate-too-high", "non-finite-hidden", "dead-relu"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x[:, :3].sum(1) > 0).long()
    x[7, 4] = float("nan")
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
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
    x = torch.randn(400, 10)
    y = (x[:, :3].sum(1) > 0).long()
    x[7, 4] = float("nan")
    kept = x.isfinite().all(1)
    x, y = x[kept], y[kept]
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(len(x)).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
