"""Are losses kept together with their graph, so that memory grows with every step?

Why it matters: `total += loss` or `history.append(loss)` keeps the whole graph of the step alive. Memory
grows until the run dies, often only after hours, and a later backward through the sum would reach steps that
are long over.

Remedy: keep numbers: `total += loss.item()` (or `loss.detach()`).

Known limits: judged by how many of the last 64 losses' graphs are still alive; keeping fewer than 30, or
letting them go at the end of each epoch, is at most a note.

Source: PyTorch FAQ, "My model reports cuda runtime error: out of memory" (don't accumulate history across
your training loop).
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Retained

LEAST_TRACKED = 10  # losses, to judge at all
MANY = 20  # graphs alive at once: a leak rather than a window
KEPT = 0.9  # of the tracked losses
MOSTLY = 2 / 3  # of the samples: a sum that begins anew at each epoch lets go of its graphs in between


def leaking(one: Retained) -> bool:
    return one.tracked >= LEAST_TRACKED and one.alive >= KEPT * one.tracked


def judge(runs: Runs) -> Finding:
    seen = [r for r in runs.watched.all(Retained) if r.tracked >= LEAST_TRACKED]
    if not seen:
        return unknown(f"fewer than {LEAST_TRACKED} losses could be followed after their backward")
    bad = [r for r in seen if leaking(r)]
    if len(bad) < len(seen) / 2 or not bad:
        most = max(seen, key=lambda r: r.alive / r.tracked)
        return passed(f"at most {most.alive} of {most.tracked} earlier losses kept their graph alive")
    worst = max(bad, key=lambda r: r.alive)
    return fired(
        f"at step {worst.step}, {worst.alive} of the {worst.tracked} losses before still held their graph "
        f"({len(bad)} of {len(seen)} samples)",
        "no graph alive after its step",
        worst.where,
        first_step=bad[0].step,
        severity="warning" if worst.alive >= MANY and len(bad) >= MOSTLY * len(seen) else "note",
        alive=worst.alive,
        tracked=worst.tracked,
    )


CHECK = Check(
    fault="graph-retained-across-steps",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("backward-on-stale-loss",),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x[:, :3].sum(1) > 0).long()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    total = 0
    for _ in range(10):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss
    print("mean loss", float(total) / 80)


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x[:, :3].sum(1) > 0).long()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    total = 0
    for _ in range(10):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
    print("mean loss", total / 80)
