"""Does a network that predicts its own next input see what it must predict?

Why it matters: without a causal mask (or with one that is off by one) the answer stands in the input. The loss
drops far below what the data allow, and the model is useless when it must generate.

Remedy: mask the attention so that place t sees places up to t only, for instance with
`nn.Transformer.generate_square_subsequent_mask` or is_causal=True; use no bidirectional recurrence, no "same"
padding in convolutions over time, no normalisation over the whole sequence.

Known limits: asked only where targets are seen to equal the input one or two places later. A prefix language model
that may look back and forth inside its prefix, and trains on the rest alone, would be reported.

Source: pytorch/tutorials#2478; karpathy/minGPT#75; huggingface/transformers#48745.
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Foresight

LEAK = 1e-3  # change by the future over the change by the past: rounding in half precision stays under it


def judge(runs: Runs) -> Finding:
    charts = runs.watched.all(Foresight)
    if not charts:
        return unknown("no network whose targets are its own input some places later was seen")
    judged = [c for c in charts if not c.reason]
    if not judged:
        return unknown(charts[0].reason)
    worst = max(judged, key=lambda c: c.leak)
    if worst.leak <= LEAK:
        return passed(f"later inputs change earlier outputs by {worst.leak:.2g} of what earlier inputs do")
    network = runs.watched.networks.get(worst.network)
    ahead = f"; the nearest one seen lies {worst.lag} ahead" if worst.lag else ""
    return fired(
        f"{worst.agreement:.0%} of the targets are the input {worst.shift} place{'s' * (worst.shift > 1)} later, and "
        f"exchanging only later inputs changes earlier outputs by {worst.leak:.3g} times what earlier do{ahead}",
        "no change: the output at t depends on inputs up to t alone",
        network.defined or network.where if network is not None else None,
        first_step=worst.step,
        leak=worst.leak,
        shift=worst.shift,
        lag=worst.lag,
    )


CHECK = Check(
    fault="future-leaks-into-past",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("target-leaks-into-features",),
)


def bad() -> None:
    import torch
    from torch import nn

    class Letters(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(20, 16)
            self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
            self.head = nn.Linear(16, 20)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.layer(self.embed(x)))

    torch.manual_seed(0)
    text = torch.randint(0, 20, (64, 13))
    net = Letters()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(64).split(16):
            x, y = text[rows, :-1], text[rows, 1:]
            loss = nn.functional.cross_entropy(net(x).reshape(-1, 20), y.reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    class Letters(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(20, 16)
            self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
            self.head = nn.Linear(16, 20)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
            return self.head(self.layer(self.embed(x), src_mask=mask))

    torch.manual_seed(0)
    text = torch.randint(0, 20, (64, 13))
    net = Letters()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(64).split(16):
            x, y = text[rows, :-1], text[rows, 1:]
            loss = nn.functional.cross_entropy(net(x).reshape(-1, 20), y.reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
