"""Does padding count as data, in the loss or in the pooling?

Why it matters: a loss over padded places rewards predicting padding, which is easy and frequent: the loss looks low and
short examples weigh little. A mean over all places divides by the longest example of the batch, so an answer depends on
who else is in it.

Remedy: give the loss `ignore_index=pad` (or set those targets to -100), and pool with the mask:
`(h * mask).sum(1) / mask.sum(1)`.

Known limits: padding is recognised at the end of the sequences by its constant value. Padded places of squared errors,
and losses that are masked by hand afterwards, are not asked about. Convolutions over padding are only noted, and so is
a decoder that is given the padded targets themselves.

Source: Hugging Face documentation of DataCollatorForSeq2Seq (label_pad_token_id); PyTorch documentation of
CrossEntropyLoss (ignore_index).
"""

from trainloud.checks.model._padding import MOVED, measured, paddings, place
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import PaddedTargets

LEAST_SHARE = 0.05  # of the places of a batch that are padding: less hardly matters
LEAST_CALLS = 2  # sampled losses that count padding


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    losses = trace.all(PaddedTargets)
    counted = [t for t in losses if not t.left_out and t.padding >= LEAST_SHARE * t.shape[0] * t.shape[1]]
    if len(counted) >= LEAST_CALLS:
        first = counted[0]
        places, padding = sum(t.shape[0] * t.shape[1] for t in counted), sum(t.padding for t in counted)
        return fired(
            f"{padding} of {places} targets ({padding / places:.0%}) in {len(counted)} sampled calls of "
            f"{first.kind} are "
            f"padding (the value {first.value} behind each example's end, shape {first.shape}), and count",
            f"a loss that leaves them out, with ignore_index={first.value}",
            first.where,
            first_step=first.step,
            severity="note" if first.given else None,
            share=padding / places,
            value=first.value,
        )
    pooled = [p for p in paddings(trace) if p.pooled and not p.attention and (not p.recurrent or p.pools)]
    for p in pooled:
        if p.change > MOVED:
            return fired(
                measured(p),
                "no change: pooling over real places only",
                place(trace, p),
                first_step=p.step,
                severity="note" if p.convolution else None,
                change=p.change,
            )
    if losses or pooled:
        return passed(
            f"{len(losses)} losses over padded targets leave padding out; {len(pooled)} pooled outputs do too"
        )
    return unknown("no padded sequence was seen at a loss or before a pooling")


CHECK = Check(
    fault="padding-counted-as-data",
    severity="warning",
    basis="experiment",
    judge=judge,
    symptoms=("conditioning-input-ignored",),
)


def bad():
    import torch
    from torch import nn

    class Letters(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn = nn.Embedding(20, 8, padding_idx=0), nn.GRU(8, 16, batch_first=True)
            self.out = nn.Linear(16, 20)

        def forward(self, tokens):
            return self.out(self.rnn(self.embed(tokens))[0])

    torch.manual_seed(0)
    lengths = torch.randint(4, 13, (192,))
    tokens = torch.randint(1, 20, (192, 12)) * (torch.arange(12) < lengths[:, None])
    net = Letters()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(192).split(32):
            x, y = tokens[rows, :-1], tokens[rows, 1:]
            loss = nn.functional.cross_entropy(net(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good():
    import torch
    from torch import nn

    class Letters(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn = nn.Embedding(20, 8, padding_idx=0), nn.GRU(8, 16, batch_first=True)
            self.out = nn.Linear(16, 20)

        def forward(self, tokens):
            return self.out(self.rnn(self.embed(tokens))[0])

    torch.manual_seed(0)
    lengths = torch.randint(4, 13, (192,))
    tokens = torch.randint(1, 20, (192, 12)) * (torch.arange(12) < lengths[:, None])
    net = Letters()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(192).split(32):
            x, y = tokens[rows, :-1], tokens[rows, 1:]
            loss = nn.functional.cross_entropy(net(x).flatten(0, 1), y.flatten(), ignore_index=0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
