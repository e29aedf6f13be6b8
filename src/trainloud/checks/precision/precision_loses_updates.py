"""Do optimiser steps round to nothing in the weights' own number format?

Why it matters: bfloat16 keeps eight bits of a weight, float16 eleven. A step of less than a half of the last bit leaves
the weight as it was, however many such steps there are: training stops although gradients and rate are not zero.

Remedy: keep the weights in float32 and compute in half precision (`torch.autocast`), or keep a float32 copy of the
weights in the optimiser.

Known limits: seen where the optimiser holds the half-precision weights themselves. Steps at a rate of zero are left
out, and a run near its end, where steps are small anyway, is judged by its first half.

Source: PyTorch documentation, "Automatic Mixed Precision"; Gupta et al. 2015, "Deep Learning with Limited Numerical
Precision".
"""

from trainloud.checks.stepping import first_records
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Rounding
from trainloud.core.trace import Trace

LEAST = 3  # sampled steps
NEARLY_ALL = 0.9  # share of elements that stay, at most of the steps: the weights stand still
MOST = 0.5  # the same: enough to note
OFTEN = 0.8  # share of the sampled steps


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    found = _by_optimizer(trace)
    if not found:
        if not trace.networks or not trace.steps:
            return unknown("no optimiser step of a network was seen")
        return passed("no optimiser that was looked at holds weights of half precision")
    judged = {n: g for n, g in found.items() if len(g) >= LEAST}
    if not judged:
        return unknown(f"fewer than {LEAST} sampled steps on weights of half precision")
    least = 1.0
    for number, group in judged.items():
        shares = [r.lost / r.elements for r in group]
        least = min(least, sum(shares) / len(shares))
        if sum(s >= MOST for s in shares) < OFTEN * len(shares):
            continue
        still = sum(s >= NEARLY_ALL for s in shares) >= OFTEN * len(shares)
        made = first_records(trace).get(number)
        first = group[0]
        lost, seen = sum(r.lost for r in group), sum(r.elements for r in group)
        return fired(
            f"{lost / seen:.1%} of the {first.dtype} weights with a gradient other than zero have the same bits after "
            f"the step ({lost} of {seen} looked at, at {len(group)} sampled steps of "
            f"{made.kind if made else 'the optimiser'} up to step {group[-1].step})",
            "weights that move with nearly every step: under half of them unchanged",
            first.where or (made.where if made else None),
            first_step=first.step,
            severity="warning" if still else "note",
            dtype=first.dtype,
            lost=lost,
            looked_at=seen,
        )
    return passed(f"{least:.1%} of the half-precision weights stayed the same at a sampled step")


def _by_optimizer(trace: Trace) -> dict[int, list[Rounding]]:
    """Sampled steps at a rate above zero, of the first half of the run (at least the first few)."""
    rates = {s.index: max(s.rates, default=0.0) for s in trace.steps}
    half = max(len(trace.steps) // 2, 2 * LEAST)
    found: dict[int, list[Rounding]] = {}
    for r in trace.all(Rounding):
        if rates.get(r.step, 0.0) > 0 and r.step < half:
            found.setdefault(r.optimizer, []).append(r)
    return found


CHECK = Check(
    fault="precision-loses-updates",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("learning-rate-too-low", "optimizer-step-missing", "capacity-too-small"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3)).to(torch.bfloat16)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-5, weight_decay=0.0)
    for _ in range(3):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.cross_entropy(net(x[rows].to(torch.bfloat16)).float(), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.0)
    for _ in range(3):
        for rows in torch.randperm(200).split(20):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
