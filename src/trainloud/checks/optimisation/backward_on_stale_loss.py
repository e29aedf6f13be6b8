"""Does each backward go through the losses and the graph of its own step only?

Why it matters: a backward from a running sum goes through earlier batches again and again, so the first ones count many
times, with gradients of weights that are long gone. A hidden state that is never detached makes each backward longer
than the one before.

Remedy: call `backward` on the loss of the batch, sum up `loss.item()` for the log, and `detach()` a state that is
carried over.

Known limits: most such programs end with an error of autograd; this one asks about those that `retain_graph=True` or
weights changed by hand keep alive. Looked at in the first steps.

Source: PyTorch documentation, "Autograd mechanics"; PyTorch forum, "Trying to backward through the graph a second
time".
"""

from collections import defaultdict

from trainloud.checks.objectives import by_step
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Objective, Term
from trainloud.core.trace import Trace

LEAST = 2  # sampled backwards
OFTEN = 0.8  # share of the sampled backwards that could show it
WINDOW = 4  # first steps, at each of which the graph's nodes are counted
MOST_NODES = 20_000  # counted
GROWS = 0.5  # of the first graph, at each step
STEADY = 1.5  # largest growth over the least


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    steps = by_step(trace)
    if len(steps) < LEAST:
        return unknown(f"backwards of {len(steps)} sampled steps were followed; at least {LEAST} are needed")
    found = _earlier_steps(trace, steps) or _again(trace, steps) or _growing(trace, steps)
    if found is not None:
        return found
    return passed(f"at {len(steps)} sampled steps each backward went through its own step's losses once")


def _earlier_steps(trace: Trace, steps: dict[int, list[Objective]]) -> Finding | None:
    """Losses that were computed before an earlier step of the same optimiser."""
    by = {s.index: s.optimizer for s in trace.steps}
    indices: dict[int, list[int]] = defaultdict(list)
    for s in trace.steps:
        indices[s.optimizer].append(s.index)

    def stale(o: Objective) -> list[Term]:
        before = [i for i in indices[by[o.step]] if i < o.step]
        return [t for t in o.terms if before and t.step <= before[-1] and t.order < o.number and t.weight]

    able = [o for k, group in steps.items() for o in group if any(i < k for i in indices[by[k]]) and o.terms]
    bad = [o for o in able if stale(o)]
    if len(bad) < LEAST or len(bad) < OFTEN * sum(o.step < WINDOW for o in able):
        return None
    worst = max(bad, key=lambda o: len(stale(o)))
    old = min(stale(worst), key=lambda t: t.step)
    many = len(stale(worst))
    return fired(
        f"the backward before step {worst.step} goes through {many} loss{'' if many == 1 else 'es'} of earlier steps, "
        f"the oldest ({old.kind}) of step {old.step}; so do {len(bad)} of {len(able)} sampled backwards",
        "losses of the same step only",
        worst.where,
        first_step=bad[0].step,
        severity="error",
        stale=many,
        sampled=len(able),
    )


def _again(trace: Trace, steps: dict[int, list[Objective]]) -> Finding | None:
    """Of several backwards before one step, later ones go through the losses of earlier ones again."""
    discarded = {s.index for s in trace.steps if s.discarded}
    looked, bad = 0, []
    for k, group in steps.items():
        if len(group) < 2 or k in discarded:
            continue
        looked += 1
        seen: set[tuple[object, ...]] = set()
        repeated = 0
        for o in group:
            keys = {(t.kind, t.where, t.order, t.value) for t in o.terms if t.value is not None}
            repeated += bool(keys & seen) and len(keys) > len(keys & seen)
            seen |= keys
        if repeated == len(group) - 1:
            bad.append(group)
    if len(bad) < LEAST or len(bad) < OFTEN * looked:
        return None
    group = bad[0]
    return fired(
        f"before step {group[0].step} backward ran {len(group)} times, and each time but the first it went through the "
        f"losses of the times before again ({len(group[-1].terms)} losses at the last): the first counts "
        f"{len(group)} times; so at {len(bad)} of {looked} sampled steps with several backwards",
        "each loss in one backward",
        group[0].where,
        first_step=group[0].step,
        backwards=len(group),
        losses=len(group[-1].terms),
    )


def _growing(trace: Trace, steps: dict[int, list[Objective]]) -> Finding | None:
    """The graph of backward grows by as much at each of the first steps."""
    first = [steps[k][0] for k in range(WINDOW) if k in steps]
    one_kind = len({o.where for o in first}) == 1 and len({s.optimizer for s in trace.steps[:WINDOW]}) == 1
    nodes = [o.nodes for o in first]
    if len(first) < WINDOW or not one_kind or not all(0 < n < MOST_NODES for n in nodes):
        return None
    growth = [b - a for a, b in zip(nodes, nodes[1:], strict=False)]
    if min(growth) < GROWS * nodes[0] or max(growth) > STEADY * min(growth):
        return None
    return fired(
        f"the graph behind backward has {nodes[0]} nodes at step 0, then {', '.join(map(str, nodes[1:]))}: it grows by "
        f"{growth[0]} at each step",
        f"about {nodes[0]} nodes at each step",
        first[0].where,
        first_step=1,
        nodes=nodes,
    )


CHECK = Check(
    fault="backward-on-stale-loss",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("graph-retained-across-steps", "accumulation-not-scaled", "zero-grad-missing", "exploding-gradient"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        running = 0.0
        for k, rows in enumerate(torch.randperm(400).split(20)):
            running = running + nn.functional.cross_entropy(net(x[rows]), y[rows]) / 4
            running.backward(retain_graph=True)
            if k % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()
                running = 0.0


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        running = 0.0
        for k, rows in enumerate(torch.randperm(400).split(20)):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows]) / 4
            loss.backward()
            running = running + loss.item()
            if k % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()
                running = 0.0
