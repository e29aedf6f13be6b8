"""Is a network with dropout or batch norm trained in evaluation mode from the first step to the last?

Why it matters: dropout does nothing and batch norm uses the running statistics that it was loaded or made
with. The regularisation that the code shows is not there, and an untrained batch norm does not normalise.

Remedy: `model.train()` before the training loop. Models that come from `from_pretrained` arrive in evaluation
mode.

Known limits: only the network's modules are judged, not functional dropout; where few of the parameters are
trained, or batch norm alone is concerned in a network that was loaded from a checkpoint, keeping evaluation
mode is common practice and only a note.

Source: Hugging Face documentation of from_pretrained ("the model is set in evaluation mode by default").
"""

from trainloud.checks.evaluation.train_mode_not_restored import quiet_steps
from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Checkpoint, Network, Optimizer
from trainloud.core.trace import Trace

LEAST_STEPS = 5
MOSTLY = 0.5  # of the network's elements that the optimisers hold: fewer is an adapter on a frozen network


def held_share(trace: Trace, network: Network) -> float:
    held = {u for o in trace.all(Optimizer) for u in o.uids}
    sizes = [(_size(p.shape), p.uid in held and p.requires_grad) for p in network.parameters]
    total = sum(n for n, _ in sizes)
    return sum(n for n, on in sizes if on) / total if total else 0.0


def _size(shape: tuple[int, ...]) -> int:
    n = 1
    for s in shape:
        n *= s
    return n


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None:
        return unknown("no training batch was seen")
    dropouts = [m for m in network.modules if m.dropout]
    norms = [m for m in network.modules if m.batchnorm]
    if not dropouts and not norms:
        return passed("the network has no dropout and no batch norm: both modes are the same")
    quiet, live = quiet_steps(trace, network)
    if live:
        return passed(f"{len(live)} steps ran in training mode")
    if len(quiet) < LEAST_STEPS:
        return unknown(f"only {len(quiet)} training steps were seen")
    loaded = any(c.action == "load" for c in trace.all(Checkpoint) if c.step <= network.step)
    usual = held_share(trace, network) < MOSTLY or (not dropouts and loaded)
    kinds = [f"{len(g)} {name}" for g, name in ((dropouts, "dropout"), (norms, "batch norm")) if g]
    return fired(
        f"all {len(quiet)} steps trained the network in evaluation mode, although it has {' and '.join(kinds)} modules",
        "model.train() before the first step",
        network.where,
        first_step=quiet[0],
        severity="note" if usual else None,
        steps=len(quiet),
    )


CHECK = Check(
    fault="train-mode-missing",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("dropout-never-on", "batchnorm-statistics-stale", "overfitting"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x[:, :3].sum(1) > 0).long()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 2)).eval()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x[:, :3].sum(1) > 0).long()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 2)).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
