"""Does clipping cut nearly every gradient down to almost nothing?

Why it matters: a limit far below the usual gradient norm turns each step into one of fixed, tiny length.
With SGD the weights then cannot travel: rate times limit times steps is all the way there is. Adam divides
the scale out again, unless what is left disappears beside its epsilon.

Remedy: record the gradient norms of an unclipped run and set the limit near their upper end (its 90th
percentile); a limit cures rare spikes.

Known limits: clipping at nearly each step is usual with Adam and is not reported. Judged for SGD by the
longest way that the weights can go, which momentum may lengthen. Clipping by value or by hand is seen on a sample of
steps only, where the gradient that the step used is far shorter than what backward had left, and hardly varies.

Source: Pascanu, Mikolov, Bengio 2013, "On the difficulty of training recurrent neural networks", section 3.2.
"""

import math
from statistics import median

from trainloud.checks.stepping import Sample, by_optimizer, first_records, parameters, samples
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Optimizer, Step
from trainloud.core.trace import Trace

LEAST_STEPS = 10  # clipped steps
NEARLY_ALL = 0.9  # share of clipped steps
TIGHT = 20.0  # median gradient norm over the limit
LEAST_SAMPLES = 6  # sampled steps, where the clipping itself is not seen
LEVEL = 2.0  # largest norm after clipping by hand or by value, over the least
TRAVEL = 0.02  # of the weights' norm: how far a run can move them; training from scratch moves tens of percent
BESIDE_EPSILON = 3.0  # Adam's epsilons: under so many, a gradient's step falls a quarter or more short of the rate


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    optimizers = first_records(trace)
    looked = []
    for number, steps in by_optimizer(trace).items():
        clipped = [s for s in steps if s.clip is not None and math.isfinite(s.clip[0]) and math.isfinite(s.clip[1])]
        if number < 0 or len(clipped) < LEAST_STEPS or any(s.scaled for s in clipped):
            continue
        cut = [s for s in clipped if s.clip and s.clip[1] > s.clip[0]]
        ratio = median(s.clip[1] / max(s.clip[0], 1e-30) for s in clipped if s.clip)
        looked.append(f"{len(cut)} of {len(clipped)} steps are clipped, the median norm is {ratio:.2g} times the limit")
        if len(cut) < NEARLY_ALL * len(clipped) or ratio < TIGHT or number not in optimizers:
            continue
        harm = _harm(trace, optimizers[number], clipped, median(s.clip[0] for s in clipped if s.clip))
        if harm:
            return fired(
                f"{looked[-1]} ({clipped[0].clip[0] if clipped[0].clip else 0:.3g}); {harm}",
                "a limit near the upper end of the gradient norms, which cuts rare spikes only",
                optimizers[number].where,
                first_step=cut[0].index,
                clipped=len(cut),
                steps=len(clipped),
                ratio=ratio,
            )
    other = _otherwise(trace, looked)
    if other is not None:
        return other
    if not looked:
        return unknown(f"clip_grad_norm_ was not seen before {LEAST_STEPS} steps of one optimiser without a scaler")
    return passed("; ".join(looked))


def _otherwise(trace: Trace, looked: list[str]) -> Finding | None:
    """Clipping by value or by hand: what was left of the gradient at the sampled steps."""
    for number, group in samples(trace).items():
        seen = [s for s in group if s.after_backward and s.norm > 0 and not s.step.scaled and s.step.clip is None]
        by_value = [s for s in seen if s.step.clip_value is not None]
        seen = by_value or seen
        made = first_records(trace).get(number)
        if made is None or len(seen) < LEAST_SAMPLES or not all(map(_finite, seen)):
            continue
        ratios = sorted((s.after_backward or 0.0) / s.norm for s in seen)
        ratio, norms = median(ratios), [s.norm for s in seen]
        if by_value:
            looked.append(f"clip_grad_value_ leaves a gradient {ratio:.2g} times shorter at {len(seen)} sampled steps")
        if ratios[len(ratios) // 10] < TIGHT or max(norms) > LEVEL * min(norms):
            continue
        steps = by_optimizer(trace)[number]
        harm = _harm(trace, made, steps, median(norms))
        if harm:
            limit = f"clip_grad_value_ at {by_value[0].step.clip_value:.3g}" if by_value else "the script"
            return fired(
                f"{limit} cuts the gradient norm from {seen[0].after_backward:.3g} to {seen[0].norm:.3g} before step "
                f"{seen[0].step.index}, {ratio:.2g} times at the median of {len(seen)} sampled steps; {harm}",
                "a limit near the upper end of the gradients, which cuts rare spikes only",
                seen[0].where or made.where,
                first_step=seen[0].step.index,
                steps=len(seen),
                ratio=ratio,
            )
    return None


def _finite(s: Sample) -> bool:
    return math.isfinite(s.norm) and math.isfinite(s.after_backward or 0.0)


def _harm(trace: Trace, optimizer: Optimizer, clipped: list[Step], limit: float) -> str:
    """What the clipping does to the weights, with its number; "" if it does no harm."""
    if "dampening" in optimizer.settings:  # SGD
        momentum = optimizer.settings.get("momentum", 0.0)
        way = sum(max(s.rates) * limit for s in clipped if s.rates) / max(1 - momentum, 1e-3)
        start = next((s for s in samples(trace).get(optimizer.optimizer, []) if s.parameters), None)
        norm = math.sqrt(sum(p.weight**2 for p in start.parameters)) if start else 0.0
        if norm and way < TRAVEL * norm:
            return f"all {len(clipped)} steps together can move the weights by {way / norm:.2%} of their norm at most"
    elif "beta2" in optimizer.settings and "eps" in optimizer.settings:
        known = parameters(trace)
        elements = sum(math.prod(known[u].shape) for u in optimizer.uids if u in known)
        each = limit / math.sqrt(elements) if elements else math.inf
        if each < BESIDE_EPSILON * optimizer.settings["eps"]:
            epsilon = optimizer.settings["eps"]
            return f"an element's gradient is then about {each:.1e}, beside Adam's epsilon of {epsilon:.0e}"
    return ""


CHECK = Check(
    fault="gradient-clipping-too-tight",
    severity="warning",
    basis="heuristic",
    judge=judge,
    symptoms=("learning-rate-too-low", "vanishing-gradient"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = 10 * x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2, momentum=0.9)
    for _ in range(3):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1e-3)
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = 10 * x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
