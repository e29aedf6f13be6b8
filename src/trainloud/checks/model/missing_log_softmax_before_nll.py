"""Does the negative log-likelihood loss get log-probabilities?

Why it matters: nll_loss only picks minus the input at the target. Of raw outputs it can be lowered without
bound by making everything larger, of probabilities it gives no gradient to speak of: in both cases a loss
falls, below zero, and says nothing about the task.

Remedy: put a log_softmax over the class axis before the loss, or give the raw outputs to cross_entropy,
which does both.

Known limits: inputs whose rows sum to less than one after exp (classes masked out, mixtures) are accepted.

Source: PyTorch documentation of NLLLoss ("The input ... is expected to contain log-probabilities").
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import LossSample

SUM_TOLERANCE = 0.05  # of 1: log(p + 1e-8) and half precision over many classes stay inside


def is_unnormalised(sample: LossSample) -> bool:
    """Some rows of exp(input) sum to more than one, which log-probabilities of exclusive classes cannot."""
    if sample.exp_row_sums is None or any(o.op == "logsoftmax" for o in sample.origins[:1]):
        return False
    return sample.exp_row_sums[1] > 1 + SUM_TOLERANCE


def judge(runs: Runs) -> Finding:
    samples = [s for s in runs.watched.all(LossSample) if s.kind == "nll_loss" and s.phase == "train" and s.total]
    if not samples:
        return unknown("no call of nll_loss with gradients was seen")
    bad = [s for s in samples if is_unnormalised(s)]
    if len(bad) < len(samples):
        sums = next(s.exp_row_sums for s in samples if s not in bad)
        shown = f"{sums[0]:.3g} to {sums[1]:.3g}" if sums else "what a log_softmax gives"
        return passed(f"rows of exp(loss input) sum to {shown}")
    first, last = bad[0], bad[-1]
    assert first.exp_row_sums is not None
    low = first.input.low
    probabilities = first.row_sums is not None and max(abs(s - 1) for s in first.row_sums) < SUM_TOLERANCE
    probabilities = probabilities and low is not None and low >= 0
    looks = "probabilities, not their logarithms: its rows sum to 1" if probabilities else "raw"
    value = f"; the loss was {last.value:.3g} at step {last.step}" if last.value is not None else ""
    return fired(
        f"in {len(bad)} of {len(samples)} sampled calls the loss input (shape {first.input.shape}) is {looks}: "
        f"rows of exp(input) sum to {first.exp_row_sums[0]:.3g}..{first.exp_row_sums[1]:.3g}{value}",
        "log-probabilities: rows of exp(input) sum to 1, and the loss is never negative",
        first.where,
        first_step=first.step,
        exp_row_sums=first.exp_row_sums,
        samples=len(bad),
    )


CHECK = Check(
    fault="missing-log-softmax-before-nll",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("exploding-gradient", "final-bias-not-initialised", "loss-sign-wrong"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x @ torch.randn(10, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
    criterion = nn.NLLLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(5):
        for rows in torch.randperm(400).split(50):
            loss = criterion(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x @ torch.randn(10, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3), nn.LogSoftmax(dim=1))
    criterion = nn.NLLLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(5):
        for rows in torch.randperm(400).split(50):
            loss = criterion(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
