"""Does the set that gives the final score also choose the weights that are scored?

Why it matters: the best of many epochs on a set is the best by luck as well: its score there is too good. A final
figure needs examples that chose nothing.

Remedy: split in three; choose the epoch (and all settings) on the validation part, and score the test part once.

Known limits: told where weights were loaded after the last optimiser step and then scored on examples of which all had
been evaluated in training too, and nothing else was. Whether the load was a choice by that score cannot be seen, so
this is a note.

Source: Cawley and Talbot 2010, On over-fitting in model selection and subsequent selection bias in performance
evaluation.
"""

from statistics import median

from trainloud.checks.streams import main_network, pass_prints
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Checkpoint

LEAST_BEFORE = 2  # passes in training over the same examples
WITHIN = 0.98  # share of the finally scored examples that had been evaluated before
LEAST_EXAMPLES = 20
AGAIN = 1.5  # times the examples of the usual pass: after the last epoch's own, something is scored once more


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None or not trace.steps:
        return unknown("no training batch was seen")
    end = trace.steps[-1].index + 1
    loads = [c for c in trace.all(Checkpoint) if c.action == "load" and c.step >= end]
    passes = [p for p in trace.passes if p.network == network.network]
    # Whatever ran between the last step and the end is one pass: the last epoch's validation is in it too.
    final, before = [p for p in passes if p.step >= end], [p for p in passes if p.step < end]
    if not loads or not final:
        return unknown("no weights were loaded after the last optimiser step and scored then")
    known = {v for p in before for v in pass_prints(trace, p)}
    scored = [v for p in final for v in pass_prints(trace, p)]
    if len(scored) < LEAST_EXAMPLES or len(before) < LEAST_BEFORE:
        return unknown("too few examples were scored, in training or after it, to compare both")
    usual = median(len(pass_prints(trace, p)) for p in before)
    if len(scored) < AGAIN * usual:
        return unknown("after the last step examples were scored once, as after each epoch before weights are loaded")
    share = sum(v in known for v in scored) / len(scored)
    if share < WITHIN:
        return passed(f"{1 - share:.1%} of the finally scored examples had not been evaluated in training")
    return fired(
        f"{share:.1%} of the {len(scored)} examples that are scored after the last step, with weights loaded then, had "
        f"been evaluated in {len(before)} passes in training",
        "a final score on examples that chose nothing",
        final[-1].where,
        first_step=end,
        share=share,
    )


CHECK = Check(fault="checkpoint-selected-on-test", severity="note", basis="heuristic", judge=judge)


def bad() -> None:
    import copy

    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)

    def score(part):
        with torch.no_grad():
            return (net(x[part]).argmax(1) == y[part]).float().mean().item()

    best, kept = 0.0, None
    for _ in range(4):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        now = score(slice(500, 600))
        if now > best:
            best, kept = now, copy.deepcopy(net.state_dict())
    net.load_state_dict(kept)
    print("test", score(slice(500, 600)))


def good() -> None:
    import copy

    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)

    def score(part):
        with torch.no_grad():
            return (net(x[part]).argmax(1) == y[part]).float().mean().item()

    best, kept = 0.0, None
    for _ in range(4):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        now = score(slice(400, 500))
        if now > best:
            best, kept = now, copy.deepcopy(net.state_dict())
    net.load_state_dict(kept)
    print("test", score(slice(500, 600)))
