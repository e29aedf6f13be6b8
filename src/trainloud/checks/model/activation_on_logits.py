"""Does an activation cut off the logits before the loss?

Why it matters: cross-entropy needs logits of any sign. After a ReLU none can be negative: a class whose logit is
zero for all examples gets no gradient any more and is never predicted. A tanh or sigmoid leaves so narrow a range
that the loss cannot come near zero.

Remedy: remove the activation after the last linear layer; the loss applies softmax or sigmoid itself.

Known limits: a scaled activation (soft-capped logits) is legitimate and not reported. Probabilities given to a loss
that expects logits are the business of softmax-before-cross-entropy and sigmoid-before-bce-with-logits.

Source: Stack Overflow 58050105 (accuracy falls with ReLU after the last linear layer).
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import LossSample

KINDS = ("cross_entropy", "nll_loss", "binary_cross_entropy_with_logits")
FLOORED = ("relu", "softplus", "abs")  # results are never negative
CLAMPED = ("clamp", "clampmin", "hardtanh")  # reported only where the floor is zero: relu6, clamp(min=0)
LEAST_ZERO = 0.02  # share of logits that are exactly zero: a clamp that bites
LIKE_LOG_SOFTMAX = ("logsoftmax",)


def _activation(sample: LossSample) -> str:
    """The activation through which the logits went last; "" for none."""
    made_of = [o for o in sample.origins if o.op not in LIKE_LOG_SOFTMAX]
    low, high = sample.input.low, sample.input.high
    if not made_of or low is None or high is None:
        return ""
    op = made_of[0].op
    if sample.kind == "nll_loss" and made_of[0] is sample.origins[0]:
        return ""  # not log-probabilities made by log_softmax: another fault
    direct = made_of[0] is sample.origins[0]
    if op in FLOORED and (not direct or low >= 0):
        return op
    if op in CLAMPED and direct and low == 0 and sample.zero_share >= LEAST_ZERO:
        return op
    return op if op == "tanh" and direct and -1 <= low and high <= 1 else ""


def judge(runs: Runs) -> Finding:
    samples = [s for s in runs.watched.all(LossSample) if s.kind in KINDS and s.phase == "train"]
    traced = [s for s in samples if s.origins]
    if not traced:
        return unknown("no call of a loss that takes logits was seen with the operations that made its input")
    bad = [s for s in traced if _activation(s)]
    if len(bad) < len(traced):
        good = next(s for s in traced if s not in bad)
        least = f"; logits from {good.input.low:.4g} on" if good.input.low is not None else ""
        return passed(f"the loss input was made by {good.origins[0].op}{least}")
    first, op = bad[0], _activation(bad[0])
    place = next(o for o in first.origins if o.op == op)
    zeros = max(s.zero_share for s in bad)
    return fired(
        f"in {len(bad)} of {len(traced)} sampled calls the logits (shape {first.input.shape}) come straight out of "
        f"{op} and lie in [{first.input.low:.3g}, {first.input.high:.3g}]; up to {zeros:.0%} of them are exactly zero",
        "logits straight from a linear layer, of any sign",
        place.where or first.where,
        first_step=first.step,
        op=op,
        zero_share=zeros,
        low=first.input.low,
        high=first.input.high,
    )


CHECK = Check(
    fault="activation-on-logits",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("dead-relu", "saturated-activation", "vanishing-gradient", "bad-initialisation", "learning-rate-too-low"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x @ torch.randn(10, 4)).argmax(1)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4), nn.ReLU())
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
    y = (x @ torch.randn(10, 4)).argmax(1)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            logits = 10 * torch.tanh(net(x[rows]) / 10)  # soft-capped
            loss = nn.functional.cross_entropy(logits, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
