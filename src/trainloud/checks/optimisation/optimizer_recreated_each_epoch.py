"""Is the optimiser built again and again over the same weights, so that its moments are lost?

Why it matters: a new Adam starts with empty moments: its first steps have the full size of the rate in
every direction, however uncertain. Built anew each epoch, it never gets past them, and a schedule on top of
the old one no longer acts.

Remedy: build the optimiser once, before the loop; to change the rate, set it in `param_groups` or use a
schedule.

Known limits: plain SGD keeps nothing and is not judged. Weights that are loaded anew in between (folds,
rounds of federated learning), and new data for each optimiser (tasks learned in turn), are left alone.

Source: PyTorch forum, "Should I create optimizer after sending the model to GPU / in every epoch".
"""

from collections import defaultdict
from statistics import median

from trainloud.checks.stepping import by_optimizer, first_records
from trainloud.checks.streams import prints
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Checkpoint, Iteration, Optimizer, Step
from trainloud.core.trace import Trace

LEAST_OPTIMIZERS = 4  # over the same weights from the same line: stages of a fine-tuning are fewer
LEAST_ALIKE = 3  # with the same settings, which stages differ in
SAME_DATA = 0.5  # share of an optimiser's examples that the one before it had too
LIVES = 10.0  # memories: in a shorter life the averages are still being built for a tenth of it
MOMENTUM_MEMORY = 10.0  # steps that a momentum of 0.9 looks back; the default where no number is known


def memory(o: Optimizer) -> float:
    """Steps over which its slowest average runs."""
    slowest = max(o.settings.get("beta2", 0.0), o.settings.get("alpha", 0.0), o.settings.get("momentum", 0.0))
    return 1 / (1 - slowest) if 0 < slowest < 1 else MOMENTUM_MEMORY


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    made = [o for o in first_records(trace).values() if o.stateful and o.uids]
    if not made:
        return unknown("no optimiser with moments was stepped")
    groups: dict[object, list[Optimizer]] = defaultdict(list)
    for o in made:
        groups[(o.where, o.kind, frozenset(o.uids))].append(o)
    steps = by_optimizer(trace)
    for chain in groups.values():
        alike = len(chain) >= LEAST_ALIKE and all(o.settings == chain[0].settings for o in chain)
        if (alike or len(chain) >= LEAST_OPTIMIZERS) and (found := _chain(trace, chain, steps)) is not None:
            return found
    most = max(len(chain) for chain in groups.values())
    return passed(f"at most {most} optimisers of one line held the same weights")


def _chain(trace: Trace, chain: list[Optimizer], steps: dict[int, list[Step]]) -> Finding | None:
    lives = [steps.get(o.optimizer, []) for o in chain]
    if not all(lives) or any(len({s.epoch for s in life}) > 1 for life in lives):
        return None
    uids = set(chain[0].uids)
    loads = [c.step for c in trace.all(Checkpoint) if c.action == "load" and uids & set(c.uids)]
    if any(chain[0].step < step <= chain[-1].step for step in loads) or not _same_data(trace, lives):
        return None
    length, needed = median(len(life) for life in lives), memory(chain[0])
    return fired(
        f"{len(chain)} {chain[0].kind} over the same {len(uids)} parameters were made at one line, each living for "
        f"{length:.0f} steps; their averages run over {needed:.0f} steps",
        "one optimiser for the whole run",
        chain[0].where,
        first_step=chain[1].step,
        severity="warning" if length < LIVES * needed else "note",
        optimizers=len(chain),
        steps_each=length,
        memory=needed,
    )


def _same_data(trace: Trace, lives: list[list[Step]]) -> bool:
    """Whether each optimiser sees again the examples, or draws from the data set, of the one before it."""
    step_of: dict[int, int] = {s.index: k for k, life in enumerate(lives) for s in life}
    datasets = {i.iteration: i.dataset for i in trace.all(Iteration)}
    seen: list[set[int]] = [set() for _ in lives]
    drawn: list[set[int | None]] = [set() for _ in lives]
    for b in trace.trained_batches:
        if b.step in step_of:
            seen[step_of[b.step]].update(prints([b]))
            drawn[step_of[b.step]].add(datasets.get(b.iteration))
    if len(drawn[0]) == 1 and None not in drawn[0] and all(d == drawn[0] for d in drawn):
        return True
    pairs = [(a, b) for a, b in zip(seen, seen[1:], strict=False) if a and b]
    return bool(pairs) and all(len(a & b) >= SAME_DATA * min(len(a), len(b)) for a, b in pairs)


CHECK = Check(
    fault="optimizer-recreated-each-epoch",
    severity="warning",
    basis="heuristic",
    judge=judge,
    symptoms=("scheduler-misused",),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 20, shuffle=True)
    for _ in range(6):
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
        for features, target in loader:
            loss = nn.functional.mse_loss(net(features), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    for fold in range(5):  # five folds, each with its own network
        rest = torch.arange(200) % 5 != fold
        net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[rest], y[rest]), 20, shuffle=True)
        for _ in range(2):
            for features, target in loader:
                loss = nn.functional.mse_loss(net(features), target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
