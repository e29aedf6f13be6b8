"""Is the recurrent network's answer read where the sequence really ended?

Why it matters: `output[:, -1]` of a padded batch is the state after the padding, which has washed out what was read,
more for short examples than for long ones. Of a bidirectional layer it is also the place where the backward direction
has read a single step, so half of the features know nothing of the sequence.

Remedy: pack the sequences (`pack_padded_sequence` with the true lengths) and take the last state, or gather the output
at `lengths - 1`; for a bidirectional layer join `h_n[-2]` and `h_n[-1]`.

Known limits: padding is recognised at the end of the sequences, by a constant value or all-zero steps. One
bidirectional layer in a network is asked.

Source: PyTorch documentation of torch.nn.GRU (h_n) and pack_padded_sequence; yunjey/pytorch-tutorial#201.
"""

from trainloud.checks.model._padding import MOVED, measured, paddings, place
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Dependence, Direction

READ = 1e-3  # change of the outputs over their spread when what is read is moved by 1


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    directions = {d.network: d for d in trace.all(Direction)}
    found = [p for p in paddings(trace) if p.recurrent and not p.attention and p.pooled and not p.pools]
    for d in directions.values():
        if d.backward_start > READ and d.backward_end == 0 and d.inner == 0:
            network = trace.networks.get(d.network)
            return fired(
                f"the output depends on the backward direction of the {d.module} (output of shape {d.shape}) at its "
                "last "
                f"place alone, where it has read 1 of the steps: moving it there changes the output by "
                f"{d.backward_start:.2g} times its spread, moving its true final state by 0",
                "the backward direction's final state, which stands at the first place and in h_n",
                (network.defined or network.where) if network is not None else None,
                first_step=d.step,
                last_place=d.backward_start,
            )
    for p in found:
        if p.change > MOVED:
            return fired(
                measured(p),
                "no change: the state at the true last step, whatever follows",
                place(trace, p),
                first_step=p.step,
                change=p.change,
            )
    if found:
        return passed(measured(found[0]))
    if directions:
        return passed(
            f"{len(directions)} bidirectional layers are read where both directions have ended, or everywhere"
        )
    if not trace.all(Dependence):
        return unknown("no copy of a trained network could be run")
    return unknown("no recurrent layer with padded sequences or with two directions was seen")


CHECK = Check(
    fault="wrong-recurrent-state-used",
    severity="warning",
    basis="experiment",
    judge=judge,
    symptoms=("conditioning-input-ignored", "padding-counted-as-data"),
)


def bad():
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn = nn.Embedding(20, 8, padding_idx=0), nn.GRU(8, 16, batch_first=True)
            self.out = nn.Linear(16, 2)

        def forward(self, tokens, lengths):
            h = self.embed(tokens)
            state = self.rnn(h)[0][:, -1][None]
            return self.out(state[-1])

    torch.manual_seed(0)
    lengths = torch.randint(4, 13, (192,))
    tokens = torch.randint(1, 20, (192, 12)) * (torch.arange(12) < lengths[:, None])
    y = (tokens[:, 0] > 9).long()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(192).split(32):
            loss = nn.functional.cross_entropy(net(tokens[rows], lengths[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good():
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn = nn.Embedding(20, 8, padding_idx=0), nn.GRU(8, 16, batch_first=True)
            self.out = nn.Linear(16, 2)

        def forward(self, tokens, lengths):
            h = self.embed(tokens)
            packed = pack_padded_sequence(h, lengths, batch_first=True, enforce_sorted=False)
            state = self.rnn(packed)[1]
            return self.out(state[-1])

    torch.manual_seed(0)
    lengths = torch.randint(4, 13, (192,))
    tokens = torch.randint(1, 20, (192, 12)) * (torch.arange(12) < lengths[:, None])
    y = (tokens[:, 0] > 9).long()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(192).split(32):
            loss = nn.functional.cross_entropy(net(tokens[rows], lengths[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
