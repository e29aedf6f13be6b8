"""Does dropout take more than the network can do without?

Why it matters: a rate is the share that is dropped. 0.9, meant as the share that is kept, leaves a tenth of the signal;
`F.dropout(x, self.training)` passes True as the rate and leaves nothing. Dropout on the logits tells the loss that
random answers were zero.

Remedy: 0.1 to 0.5 between hidden layers, none after the last; write `F.dropout(x, p=0.5, training=self.training)`.

Known limits: judged by the rate and the place, not by its effect on the loss.

Source: PyTorch documentation of Dropout (p, the probability of an element to be zeroed); pytorch/pytorch#6810.
"""

from collections import defaultdict

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.place import Place
from trainloud.core.records import DropoutUse, LossSample

STRONG = 0.8  # rate: in use, 0.7 is the most that is common
LEAST = 3  # sampled forwards
ZEROS = 0.5  # of the rate: share of zeros in the loss's input that dropout on the output explains


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    seen = [d for d in trace.all(DropoutUse) if d.on]
    if not seen:
        return unknown("no dropout that is on was seen in training")
    sites: dict[tuple[Place | None, bool], list[DropoutUse]] = defaultdict(list)
    for d in seen:
        sites[d.where, d.p >= STRONG].append(d)
    zeros = {s.step: s.zero_share for s in trace.all(LossSample) if s.phase == "train"}
    for group in sites.values():
        d = group[0]
        if len(group) < LEAST:
            continue
        if d.p >= STRONG:
            return fired(
                f"{d.op} drops {d.p:.0%} of its input, in {len(group)} sampled forwards",
                f"a rate under {STRONG}",
                d.where,
                first_step=d.step,
                p=d.p,
            )
        last = [g for g in group if g.output and g.p > 0 and zeros.get(g.step, 0.0) >= ZEROS * g.p]
        if len(last) >= LEAST:
            return fired(
                f"the network's output is what {d.op} gives at rate {d.p:g}: {zeros[last[0].step]:.0%} of the loss's "
                f"input are zeros, in {len(last)} sampled forwards",
                "outputs that reach the loss whole",
                d.where,
                first_step=last[0].step,
                p=d.p,
            )
    return passed(f"the largest rate of {len(sites)} dropouts is {max(d.p for d in seen):g}")


CHECK = Check(fault="dropout-too-strong", severity="warning", basis="heuristic", judge=judge)


def bad():
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = 3 * torch.randn(320, 6) + 2
    y = (x[:, 0] > 2).long()
    net = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Dropout(0.9), nn.Linear(64, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        net.train()
        for rows in torch.randperm(256).split(32):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            print((net(x[256:]).argmax(1) == y[256:]).float().mean())


def good():
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = 3 * torch.randn(320, 6) + 2
    y = (x[:, 0] > 2).long()
    net = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        net.train()
        for rows in torch.randperm(256).split(32):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            print((net(x[256:]).argmax(1) == y[256:]).float().mean())
