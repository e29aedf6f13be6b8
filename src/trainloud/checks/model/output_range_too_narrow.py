"""Can the network's output reach its targets at all?

Why it matters: a sigmoid gives 0 to 1, a tanh -1 to 1, a ReLU nothing negative. Targets outside that range can never
be met; the loss stops at a floor and the outputs stick at the end of the range.

Remedy: let a regression end in a plain linear layer, or scale the targets into the range of the last activation.

Known limits: where the loss is written by hand it is not certain that the other tensor is the target; that is a note.

Source: Karpathy, "A Recipe for Training Neural Networks" (init well, verify); PyTorch forum reports of ReLU outputs in
regression.
"""

from collections.abc import Sequence

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, Severity, fired, passed, unknown
from trainloud.core.records import LossSample, Meeting, Tensor

REGRESSIONS = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, float("inf")), "softmax": (0.0, 1.0)}
LEAST_OUTSIDE = 0.03  # share of targets out of reach; under it they may be outliers
LEAST_EXCESS = 0.1  # how far out, over the spread of the targets: rounding and jitter stay under it
SUBTRACTIONS = ("sub", "rsub", "subtract", "dist", "cdist", "pairwise_distance")


def _excess(op: str, target: Tensor) -> float:
    """How far targets lie outside the range of `op`, over their standard deviation."""
    if op not in RANGES or target.low is None or target.high is None or not target.std:
        return 0.0
    low, high = RANGES[op]
    return max(low - target.low, target.high - high, 0.0) / target.std


def _target(sample: LossSample | Meeting) -> Tensor:
    return sample.target if isinstance(sample, LossSample) else sample.other


def _out_of_reach(sample: LossSample | Meeting) -> bool:
    return sample.outside >= LEAST_OUTSIDE and _excess(sample.origins[0].op, _target(sample)) >= LEAST_EXCESS


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    losses = [s for s in trace.all(LossSample) if s.kind in REGRESSIONS and s.phase == "train" and s.origins]
    by_hand = [m for m in trace.all(Meeting) if m.phase == "train" and m.op in SUBTRACTIONS and m.origins]
    if not losses and not by_hand:
        return unknown("no regression loss was seen with the operations that made its input")
    # The one place where outputs meet anything is the loss; of several, some may be no loss.
    judged = any(s.phase == "train" for s in trace.all(LossSample))
    alone = not judged and len({(m.where, m.op) for m in trace.all(Meeting) if m.phase == "train"}) == 1
    kinds: tuple[tuple[Sequence[LossSample | Meeting], Severity], ...] = (
        (losses, "warning"),
        (by_hand, "warning" if alone else "note"),
    )
    for seen, severity in kinds:
        bad = [(s, _target(s)) for s in seen if _out_of_reach(s)]
        if not bad or len(bad) < len(seen) / 2:
            continue
        sample, target = max(bad, key=lambda pair: pair[0].outside)
        op = sample.origins[0].op
        return fired(
            f"{sample.outside:.0%} of the targets (shape {target.shape}, {target.low:.4g} to {target.high:.4g}) lie "
            f"outside [{RANGES[op][0]:g}, {RANGES[op][1]:g}], all that the last {op} can give",
            "targets within the range of the last activation",
            sample.origins[0].where or sample.where,
            first_step=bad[0][0].step,
            severity=severity,
            outside=sample.outside,
            low=target.low,
            high=target.high,
        )
    most = max([s.outside for s in losses] + [m.outside for m in by_hand])
    return passed(f"at most {most:.1%} of the targets lie outside the range of the last activation")


CHECK = Check(
    fault="output-range-too-narrow",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("saturated-activation", "dead-relu", "final-bias-not-initialised", "vanishing-gradient"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 5)
    y = 3 * x[:, :1] - x[:, 1:2]
    net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(40):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 5)
    y = torch.tanh(3 * x[:, :1] - x[:, 1:2])
    net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1), nn.Tanh())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(40):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
