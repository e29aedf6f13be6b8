"""Do probabilities reach binary cross-entropy with logits, which applies the sigmoid itself?

Why it matters: binary_cross_entropy_with_logits takes a sigmoid of its input. Of a probability that gives
0.5 to 0.73: no example can be called negative, the loss cannot fall under 0.31 for a positive and 0.69 for
a negative, and gradients shrink.

Remedy: give the raw outputs of the last linear layer to the loss, and take the sigmoid only where
probabilities are shown; or keep the sigmoid and use binary_cross_entropy.

Known limits: the sigmoid is found in autograd's graph; where the graph is hidden (torch.compile, an
autograd function of one's own) only inputs that never leave [0, 1] over the whole run are reported.

Source: PyTorch documentation of BCEWithLogitsLoss ("combines a Sigmoid layer and the BCELoss").
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import LossSample

KIND = "binary_cross_entropy_with_logits"
SQUASHED = ("sigmoid", "softmax")  # autograd's names of what gives probabilities
HIDDEN = ("compiledfunction",)  # graphs that autograd shows as one operation
ENOUGH = 6  # sampled calls: untrained logits lie in [0, 1] by chance, those of a whole run do not


def in_unit_interval(sample: LossSample) -> bool:
    low, high = sample.input.low, sample.input.high
    return low is not None and high is not None and low >= 0 and high <= 1


def made_by_sigmoid(sample: LossSample) -> bool:
    return bool(sample.origins) and sample.origins[0].op in SQUASHED and in_unit_interval(sample)


def judge(runs: Runs) -> Finding:
    samples = [s for s in runs.watched.all(LossSample) if s.kind == KIND and s.phase == "train" and s.total]
    if not samples:
        return unknown(f"no call of {KIND} with gradients was seen")
    bad = [s for s in samples if made_by_sigmoid(s)]
    if bad:
        first = bad[0]
        return fired(
            f"in {len(bad)} of {len(samples)} sampled calls the loss input (shape {first.input.shape}) is the "
            f"result of a {first.origins[0].op} and lies in [{first.input.low:.3g}, {first.input.high:.3g}]",
            "logits, on both sides of 0: the loss applies the sigmoid itself",
            first.origins[0].where or first.where,
            first_step=first.step,
            samples=len(bad),
        )
    hidden = all(not s.origins or s.origins[0].op in HIDDEN for s in samples)
    negatives = any(s.target.low is not None and s.target.low < 0.5 for s in samples)
    if hidden and negatives and len(samples) >= ENOUGH and all(in_unit_interval(s) for s in samples):
        return fired(
            f"in all {len(samples)} sampled calls the loss input lies in [0, 1], although some targets are below 0.5",
            "logits, which turn negative for negative examples",
            samples[0].where,
            first_step=samples[0].step,
            severity="warning",
            basis="heuristic",
            samples=len(samples),
        )
    low = min(s.input.low for s in samples if s.input.low is not None) if any(s.input.low for s in samples) else 0.0
    return passed(f"the loss input is no result of a sigmoid; its least value is {low:.3g}")


CHECK = Check(
    fault="sigmoid-before-bce-with-logits",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("vanishing-gradient", "learning-rate-too-low", "final-bias-not-initialised", "activation-on-logits"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x @ torch.randn(10) > 0).float()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(400).split(50):
            loss = criterion(net(x[rows]).squeeze(1), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x @ torch.randn(10) > 0).float()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(400).split(50):
            loss = criterion(net(x[rows]).squeeze(1), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
