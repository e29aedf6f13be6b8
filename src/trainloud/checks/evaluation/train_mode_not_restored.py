"""Does training go on in evaluation mode after a validation?

Why it matters: from the first validation on, dropout no longer regularises and batch norm no longer follows
the data; the network overfits, and the run is not the one that its settings describe.

Remedy: call `model.train()` at the start of every training epoch, or right after each evaluation inside one;
better still, restore the mode that was found (`was = model.training; ...; model.train(was)`).

Known limits: only networks with dropout or batch norm, whose mode changes right after an evaluation pass are
judged; freezing batch norm at another moment, or only a part of the modules, is left alone.

Source: ipolharvard/ethos-ares#20; ermongroup/ncsn#2.
"""

from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Network
from trainloud.core.trace import Trace

LEAST_STEPS = 3  # in evaluation mode
LEAST_SHARE = 0.05  # of all steps


def quiet_steps(trace: Trace, network: Network) -> tuple[list[int], list[int]]:
    """(steps all of whose training forwards had everything in evaluation mode, the other steps)."""
    live: dict[int, bool] = {}
    for b in trace.trained_batches:
        if b.network == network.network:
            live[b.step] = live.get(b.step, False) or b.live or b.training
    return sorted(s for s, on in live.items() if not on), sorted(s for s, on in live.items() if on)


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None:
        return unknown("no training batch was seen")
    if not any(m.dropout or m.batchnorm for m in network.modules):
        return passed("the network has no dropout and no batch norm: both modes are the same")
    quiet, live = quiet_steps(trace, network)
    quiet = [s for s in quiet if s < len(trace.steps)]
    if not live:
        return passed("the network was never in training mode, so no evaluation changed that")
    passes = {p.step: p for p in trace.passes if p.network == network.network and not p.live}
    if not passes:
        return unknown("no evaluation pass was seen during training")
    if not quiet:
        return passed(f"all {len(live)} steps ran in training mode, {len(passes)} evaluations between them")
    lively = set(live)
    starts = [s for s in quiet if s - 1 in lively]
    from_pass = [s for s in starts if s in passes]
    if len(quiet) < max(LEAST_STEPS, LEAST_SHARE * len(trace.steps)) or not from_pass or len(from_pass) < len(starts):
        return passed(f"{len(quiet)} steps ran in evaluation mode, but not since an evaluation pass")
    first = passes[from_pass[0]]
    return fired(
        f"{len(quiet)} of {len(quiet) + len(live)} optimiser steps ran in evaluation mode: the evaluation before "
        f"step {from_pass[0]} switched the network over and nothing switched it back",
        "model.train() after every evaluation",
        first.where or network.where,
        first_step=from_pass[0],
        steps=len(quiet),
    )


CHECK = Check(
    fault="train-mode-not-restored",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("overfitting", "batchnorm-statistics-stale", "dropout-never-on"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    net.train()
    for _ in range(4):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
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
