"""Is the network scored in training mode, with dropout or batch statistics at work?

Why it matters: dropout throws away activations at random and batch norm normalises by the batch at hand (and
learns from it): the validation figure is worse than the network is, differs from call to call and depends on
the batch size.

Remedy: `model.eval()` before the evaluation loop and `model.train()` after it. `torch.no_grad()` does not do
this: it only switches gradients off.

Known limits: Monte-Carlo dropout (the same batch three times or more in one pass), forwards that only renew
batch-norm statistics, networks that run without gradients between most steps (actors, targets, generators)
and scores on training examples are left alone.

Source: huggingface/lerobot#3668; fartashf/vsepp#4; PyTorch documentation, "Locally disabling gradient
computation: evaluation mode".
"""

from trainloud.checks.streams import main_network, prints, train_prints
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Batch, Iteration, Meeting, Network, Pass
from trainloud.core.trace import Trace

SAMPLING = 3  # forwards of one batch in a pass: Monte-Carlo dropout
UNSEEN = 0.5  # of the examples of a pass: fewer, and it scores (or recalibrates on) training data
MOST = 0.5  # of the forwards of a pass that must be live


def scores_something(trace: Trace, one: Pass) -> bool:
    """The outputs were compared with targets, or the examples came from a loader used for nothing but evaluation."""
    if one.losses or one.corrects or one.metrics:
        return True
    if any(m.phase == "eval" and m.step == one.step for m in trace.all(Meeting)):
        return True
    apart = {i.iteration for i in trace.all(Iteration) if i.phase == "eval"}
    mine = [b for b in trace.all(Batch) if b.passage == one.passage and b.network == one.network]
    return any(b.iteration in apart and b.size > 1 for b in mine)


def live_forwards(trace: Trace, network: Network, one: Pass) -> list[Batch]:
    mine = [b for b in trace.all(Batch) if b.passage == one.passage and b.network == network.network]
    return [b for b in mine if b.live and b.training] if mine else []


def held_out(batches: list[Batch], trained: set[int]) -> bool:
    values = prints(batches)
    return not values or sum(v not in trained for v in values) >= UNSEEN * len(values)


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None:
        return unknown("no training batch was seen")
    if not any(m.dropout or m.batchnorm for m in network.modules):
        return passed("the network has no dropout and no batch norm: both modes are the same")
    passes = [p for p in trace.passes if p.network == network.network and scores_something(trace, p)]
    if not passes:
        return unknown("no evaluation pass whose outputs are scored was seen")
    trained = set(train_prints(trace, network.network))
    bad = []
    for p in passes:
        live = live_forwards(trace, network, p)
        if live and len(live) >= MOST * p.forwards and p.repeats < SAMPLING and held_out(live, trained):
            bad.append((p, live))
    if not bad:
        return passed(f"{len(passes)} scored passes ran in evaluation mode (or on purpose not)")
    first, live = bad[0]
    parts = ["dropout"] * any(b.live_dropout for b in live) + ["batch norm"] * any(b.live_batchnorm for b in live)
    return fired(
        f"{len(bad)} of {len(passes)} scored passes ran in training mode with {' and '.join(parts)} active "
        f"({len(live)} of {first.forwards} forwards, {first.examples} examples in the first of them)",
        "model.eval() before every scored pass",
        first.where or network.where,
        first_step=first.step,
        passes=len(bad),
    )


CHECK = Check(
    fault="eval-mode-missing",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("dropout-too-strong", "overfitting", "batchnorm-statistics-stale"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        net.train()
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("validation", nn.functional.cross_entropy(net(x[400:]), y[400:]).item())


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        net.train()
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            print("validation", nn.functional.cross_entropy(net(x[400:]), y[400:]).item())
