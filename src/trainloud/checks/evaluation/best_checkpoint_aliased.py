"""Do the "best" weights that were kept share their memory with the weights in training?

Why it matters: `state_dict()` returns references. What was kept at the best epoch changes with every later
step, so restoring it restores the last epoch, and the figure of the best epoch belongs to weights that no
longer exist.

Remedy: `copy.deepcopy(model.state_dict())`, or `{k: v.detach().clone() for k, v in ...}`, or torch.save at
the best epoch.

Known limits: seen when such a state is loaded back into the module it came from after further steps (an
error: the load does nothing), or saved to a file after further steps (a note: it may be meant as the last
state).

Source: PyTorch tutorial "Saving and loading models" (the note on `best_model_state`); PyTorch documentation
of Module.state_dict.
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Checkpoint

MOSTLY = 0.5  # of the state's tensors: tied or frozen parts may be shared on purpose


def stale(one: Checkpoint) -> bool:
    """A state dict of references, taken before further optimiser steps."""
    return one.aliased > MOSTLY and 0 <= one.taken_step < one.step


def judge(runs: Runs) -> Finding:
    seen = runs.watched.all(Checkpoint)
    if not seen:
        return unknown("no state dict was loaded or saved")
    bad = [c for c in seen if stale(c)]
    if not bad:
        loads = [c for c in seen if c.action == "load"]
        return passed(f"{len(loads)} loads and {len(seen) - len(loads)} saves, none of a reference that had changed")
    first = next((c for c in bad if c.action == "load"), bad[0])
    verb = "loaded back into the module that it refers to" if first.action == "load" else "saved"
    effect = ": the load changed nothing" if first.action == "load" else ""
    return fired(
        f"a state dict taken at step {first.taken_step} was {verb} at step {first.step}; {first.aliased:.0%} of its "
        f"tensors are the live parameters, which {first.step - first.taken_step} steps had changed since{effect}",
        "a copy: no tensor of the kept state shares memory with the parameters",
        first.taken_where or first.where,
        first_step=first.taken_step,
        severity="error" if first.action == "load" else "note",
        aliased=first.aliased,
        taken_step=first.taken_step,
        used_step=first.step,
    )


CHECK = Check(
    fault="best-checkpoint-aliased", severity="error", basis="proof", judge=judge, symptoms=("checkpoint-not-loaded",)
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    best, kept = float("inf"), None
    for epoch in range(4):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            score = nn.functional.cross_entropy(net(x[400:]), y[400:]).item()
        if score < best and epoch < 2:
            best, kept = score, net.state_dict()
    net.load_state_dict(kept)


def good() -> None:
    import copy

    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    best, kept = float("inf"), None
    for epoch in range(4):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            score = nn.functional.cross_entropy(net(x[400:]), y[400:]).item()
        if score < best and epoch < 2:
            best, kept = score, copy.deepcopy(net.state_dict())
    net.load_state_dict(kept)
