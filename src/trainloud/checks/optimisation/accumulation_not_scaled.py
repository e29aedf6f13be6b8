"""When gradients are accumulated over several batches, is each batch's loss divided by their number?

Why it matters: the gradients of k batches add up. Undivided, each step is k times as long as the learning rate says;
plain SGD may then jump about or diverge, and the same rate means something else whenever k changes.

Remedy: divide each micro-batch's loss by the number of micro-batches before `backward`.

Known limits: judged where one and the same line gives the loss of each micro-batch and a loss function of torch, or a
mean of errors written out, can be told in it. Adam and its kin divide the factor out again: then only a note.

Source: Hugging Face, "Fixing gradient accumulation" (2024); PyTorch forum, "Why do we need to set the gradients
manually to zero".
"""

from collections import defaultdict

from trainloud.checks.objectives import adaptive, by_step, close
from trainloud.checks.stepping import by_optimizer, first_records, samples
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Iteration, Objective
from trainloud.core.trace import Trace

LEAST_STEPS = 3  # sampled steps with several backwards
OFTEN = 0.8  # share of the sampled steps
SAME_NORM = 1e-2  # relative: the step used the gradient that the last backward left


def undivided(group: list[Objective]) -> bool:
    """Each backward goes through one and the same loss line, at weight one."""
    lines = {o.where for o in group}
    if len(group) < 2 or len(lines) != 1 or any(not o.terms for o in group):
        return False
    main = [max(o.terms, key=lambda t: abs(t.weight) if t.reduction != "sum" else 0.0) for o in group]
    return len({(t.kind, t.where) for t in main}) == 1 and all(close(t.weight, 1.0) for t in main)


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    groups = by_optimizer(trace)
    if len(groups) != 1 or -1 in groups:
        return unknown(f"{len(groups)} optimisers stepped; judged only with one")
    steps = {s.index: s for s in trace.steps}
    number = trace.steps[0].optimizer
    several = {k: g for k, g in by_step(trace).items() if len(g) > 1 and not steps[k].discarded}
    if not several:
        if any(s.backwards > 1 for s in trace.steps):
            return unknown("no step with several backwards was looked at closely")
        return passed(f"each of {len(steps)} optimiser steps follows one backward")
    known = {k: g for k, g in several.items() if all(o.terms for o in g)}
    if len(known) < LEAST_STEPS:
        return unknown(f"the losses of {len(known)} accumulated steps are known; {LEAST_STEPS} are needed")
    batches = _batches(trace)
    bad = {k: g for k, g in known.items() if undivided(g) and batches.get(k, 0) >= len(g)}
    if len(bad) < OFTEN * len(known):
        return passed(
            f"at {len(known) - len(bad)} of {len(known)} sampled steps with several backwards the losses are weighted, "
            "are different losses, or belong to the same batch"
        )
    touched, clipped = _touched(trace, number, set(bad))
    if touched:
        return passed("the accumulated gradients are changed by the script before the step")
    made = first_records(trace).get(number)
    first, group = next(iter(bad.items()))
    mild = clipped or made is None or adaptive(made)
    why = " (each step is clipped to the same norm)" if clipped else ""
    return fired(
        f"before step {first} backward ran {len(group)} times on different batches, each time from the batch's own "
        f"{group[0].terms[0].kind} at weight {group[0].terms[0].weight:.3g}; so at {len(bad)} of {len(known)} sampled "
        f"steps{why}",
        f"a weight of 1/{len(group)} = {1 / len(group):.3g} for each of {len(group)} micro-batches",
        group[0].where,
        first_step=first,
        severity="note" if mild else "warning",
        micro_batches=len(group),
        sampled=len(known),
        adaptive=made is not None and adaptive(made),
    )


def _batches(trace: Trace) -> dict[int, int]:
    """Step -> different training batches of one network before it; 0 where they came from several data sets."""
    found: dict[tuple[int, int], set[str]] = defaultdict(set)
    sources: dict[int, set[int]] = defaultdict(set)
    datasets = {i.iteration: i.dataset for i in trace.all(Iteration)}
    for b in trace.trained_batches:
        if b.prints:
            found[b.step, b.network].add(b.prints)
            sources[b.step].add(datasets.get(b.iteration, -1))
    most: dict[int, int] = defaultdict(int)
    for (step, _), prints in found.items():
        most[step] = max(most[step], len(prints))
    return {k: n for k, n in most.items() if len(sources[k]) <= 1}


def _touched(trace: Trace, number: int, steps: set[int]) -> tuple[bool, bool]:
    """Whether the script changed the gradients before these steps: by itself, or by clipping that always cuts."""
    group = [s for s in samples(trace).get(number, []) if s.step.index in steps and s.after_backward]
    cut = [s for s in group if s.step.clip and s.step.clip[1] > s.step.clip[0]]
    rest = [s for s in group if s not in cut and not s.step.scaled]
    changed = [s for s in rest if abs(s.norm - (s.after_backward or 0.0)) > SAME_NORM * max(s.norm, 1e-30)]
    return bool(rest) and len(changed) >= OFTEN * len(rest), bool(group) and len(cut) >= OFTEN * len(group)


CHECK = Check(
    fault="accumulation-not-scaled",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("learning-rate-too-high", "exploding-gradient", "non-finite-hidden"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(net.parameters(), lr=5e-2)
    for _ in range(4):
        for k, rows in enumerate(torch.randperm(400).split(20)):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            loss.backward()
            if k % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(net.parameters(), lr=5e-2)
    for _ in range(4):
        for k, rows in enumerate(torch.randperm(400).split(20)):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows]) / 4
            loss.backward()
            if k % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()
