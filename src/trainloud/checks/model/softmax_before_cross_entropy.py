"""Do probabilities reach cross-entropy, which expects logits?

Why it matters: cross_entropy applies log-softmax itself. Applied to probabilities it is a softmax of a
softmax: the loss cannot fall under log(1 + (n-1)/e), about 1.46 for ten classes, gradients shrink, and
training looks like a hard problem.

Remedy: give the raw outputs of the last linear layer to the loss; keep the softmax for showing
probabilities, outside the loss.

Known limits: a log-softmax before cross-entropy is harmless (it changes nothing) and is not reported.

Source: lightning-bolts#654; PyTorch documentation of CrossEntropyLoss ("unnormalized logits").
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import LossSample

ROW_SUM_TOLERANCE = 1e-2  # of 1: bfloat16 keeps 3 digits


def is_distribution(sample: LossSample) -> bool:
    """Every row of the loss input lies in [0, 1] and sums to one."""
    low, high, sums = sample.input.low, sample.input.high, sample.row_sums
    if low is None or high is None or sums is None or sample.classes < 2:
        return False
    return low >= 0 and high <= 1 + ROW_SUM_TOLERANCE and max(abs(s - 1) for s in sums) <= ROW_SUM_TOLERANCE


def judge(runs: Runs) -> Finding:
    samples = [s for s in runs.watched.all(LossSample) if s.kind == "cross_entropy" and s.phase == "train"]
    if not samples:
        return unknown("no call of cross_entropy with gradients was seen")
    bad = [s for s in samples if is_distribution(s)]
    if len(bad) < len(samples):
        sums = next((s.row_sums for s in samples if s not in bad), None)
        shown = f"{sums[0]:.3g} to {sums[1]:.3g}" if sums else "no row"
        return passed(f"rows of the loss input sum to {shown}, not to 1")
    first = bad[0]
    softmax = next((o.where for o in first.origins[:1] if o.op == "softmax" and o.where), None)
    assert first.row_sums is not None
    return fired(
        f"in {len(bad)} of {len(samples)} sampled calls every row of the loss input (shape "
        f"{first.input.shape}) lies in [{first.input.low:.3g}, {first.input.high:.3g}] and sums to "
        f"{first.row_sums[0]:.4f}..{first.row_sums[1]:.4f}",
        "logits: rows that do not sum to 1",
        softmax or first.where,
        first_step=first.step,
        row_sums=first.row_sums,
        samples=len(bad),
    )


CHECK = Check(
    fault="softmax-before-cross-entropy",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("vanishing-gradient", "learning-rate-too-low"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x @ torch.randn(10, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3), nn.Softmax(dim=1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
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
    y = (x @ torch.randn(10, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
