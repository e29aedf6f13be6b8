"""Can a gradient flow from the loss to the network at all?

Why it matters: an error rate, an argmax, a rounding or a metric from another library has no gradient. Autograd refuses
it, until `requires_grad_()` or `torch.tensor(..., requires_grad=True)` silences the complaint: then backward runs, the
optimiser steps, and no weight ever moves.

Remedy: train on a differentiable loss (cross-entropy for classes, a soft F1 or Dice for overlaps, expected reward by
the log-probability trick) and only report the metric.

Known limits: asked at sampled steps. A loss of which a part is differentiable is not reported, nor one computed from a
leaf that is no Parameter (an image that is itself optimised).

Source: PyTorch forum and documentation of torch.autograd ("element 0 of tensors does not require grad").
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Backward

LEAST = 2  # backwards that reach nothing
OFTEN = 0.5  # of the sampled ones: a placeholder for an empty batch is rarer


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    seen = [b for b in trace.all(Backward) if b.forwards and b.network_parameters]
    if not seen or not trace.steps:
        return unknown("no backward after a forward of a network, and no step, was seen")
    leaves = [b for b in seen if b.leaf or not (b.reached or trace.networks)]  # no backward came through a network
    if len(leaves) >= LEAST and len(leaves) >= OFTEN * len(seen):
        first = leaves[0]
        return fired(
            f"in {len(leaves)} of {len(seen)} sampled backwards nothing that wants a gradient made the loss, and "
            f"none of the network's {first.network_parameters} trainable parameters got any gradient from it",
            "a loss computed from the network's output by differentiable operations",
            first.where,
            first_step=first.step,
            backwards=len(leaves),
        )
    flat = [b for b in seen if not b.leaf and b.reached and not b.alive]
    if len(flat) >= LEAST and len(flat) >= OFTEN * len(seen):
        first = flat[0]
        return fired(
            f"in {len(flat)} of {len(seen)} sampled backwards every way from the loss to {first.reached} parameters "
            "goes "
            f"through {first.dead_op}, whose derivative is 0 everywhere",
            "a way from the loss to the parameters with a derivative",
            first.dead_where or first.where,
            first_step=first.step,
            operation=first.dead_op,
        )
    return passed(f"{len(seen) - len(leaves) - len(flat)} of {len(seen)} sampled backwards reach parameters")


CHECK = Check(
    fault="loss-not-differentiable",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=(
        "gradient-path-cut",
        "parameters-unused",
        "parameters-frozen-by-accident",
        "optimizer-step-missing",
        "vanishing-gradient",
        "loss-broadcast",
        "zero-grad-after-backward",
        "learning-rate-too-low",
    ),
)


def bad():
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 6)
    y = (x[:, 0] > 0).long()
    net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(40):
            out = net(x[rows])
            loss = (out.argmax(1) != y[rows]).float().mean()
            loss.requires_grad_()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good():
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 6)
    y = (x[:, 0] > 0).long()
    net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(40):
            out = net(x[rows])
            loss = nn.functional.cross_entropy(out, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
