"""Does attention look at padding?

Why it matters: without a key padding mask the real places of a short example attend to its padding, so the same text
gets another answer in another batch, and the share of attention that padding takes grows with the longest example.

Remedy: pass the mask on to the attention: `src_key_padding_mask=(tokens == pad)` (True where padded),
`attention_mask` (1 where real) for Hugging Face models, an additive -inf before a softmax by hand.

Known limits: asked where padding stands at the end of the sequences, is recognised by its constant value, and the
network takes shorter sequences too. A sequence-to-sequence network with two padded inputs is not asked.

Source: pytorch/pytorch issues on src_key_padding_mask; Hugging Face documentation, "Padding and truncation".
"""

from trainloud.checks.model._padding import MOVED, measured, paddings, place
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    found = [p for p in paddings(trace) if p.attention]
    if not found:
        return unknown("no network with attention over sequences padded at their end was seen")
    worst = max(found, key=lambda p: p.change)
    if worst.change <= MOVED:
        return passed(f"{measured(worst)}: padding is masked", change=worst.change)
    given = "; a mask or lengths were passed to the network" if worst.masked else ""
    return fired(
        measured(worst) + given,
        "no change: real places attend to real places only",
        place(trace, worst),
        first_step=worst.step,
        change=worst.change,
        masked=worst.masked,
    )


CHECK = Check(
    fault="attention-mask-ignored",
    severity="warning",
    basis="experiment",
    judge=judge,
    symptoms=("conditioning-input-ignored", "padding-counted-as-data", "wrong-recurrent-state-used"),
)


def bad():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(20, 16, padding_idx=0)
            self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
            self.out = nn.Linear(16, 2)

        def forward(self, tokens):
            real = tokens != 0
            h = self.layer(self.embed(tokens))
            return self.out((h * real[..., None]).sum(1) / real.sum(1, keepdim=True))

    torch.manual_seed(0)
    lengths = torch.randint(4, 13, (192,))
    tokens = torch.randint(1, 20, (192, 12)) * (torch.arange(12) < lengths[:, None])
    y = (tokens == 3).any(1).long()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(192).split(32):
            loss = nn.functional.cross_entropy(net(tokens[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(20, 16, padding_idx=0)
            self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
            self.out = nn.Linear(16, 2)

        def forward(self, tokens):
            real = tokens != 0
            h = self.layer(self.embed(tokens), src_key_padding_mask=~real)
            return self.out((h * real[..., None]).sum(1) / real.sum(1, keepdim=True))

    torch.manual_seed(0)
    lengths = torch.randint(4, 13, (192,))
    tokens = torch.randint(1, 20, (192, 12)) * (torch.arange(12) < lengths[:, None])
    y = (tokens == 3).any(1).long()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(192).split(32):
            loss = nn.functional.cross_entropy(net(tokens[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
