"""Is the learning-rate schedule stepped as often, and when, as its horizon expects?

Why it matters: a schedule counts its calls. Made for epochs and stepped for each batch it runs through many
times, or to zero at once; made for batches and stepped for each epoch it stays at its start; never stepped
it does nothing. The run trains at other rates than its author believes.

Remedy: give the horizon (T_max, total_steps, step_size, milestones) in the unit in which `step()` is called, once a
batch or once an epoch, and call it after the optimiser's own step.

Known limits: judged where the horizon fits the number of epochs or of steps of this run, or the rates show it. Without
a DataLoader an epoch is a pass over the examples that were seen. Warm restarts and cyclic schedules may go round as
they like.

Source: ivadomed#55; nianticlabs/manydepth#46; PyTorch documentation, "How to adjust learning rate".
"""

import math

from trainloud.checks.stepping import by_optimizer, first_records
from trainloud.checks.streams import main_network, train_prints
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import End, Scheduler, Step
from trainloud.core.trace import Trace

FOR_EPOCHS = ("CosineAnnealingLR", "PolynomialLR")
FOR_STEPS = ("OneCycleLR", "CosineAnnealingLR", "LinearLR", "PolynomialLR")
DECAYS = ("StepLR", "MultiStepLR", "ExponentialLR", "MultiplicativeLR", "LambdaLR", "ReduceLROnPlateau")
LEAST_STEPS = 20  # of its optimiser
LEAST_EPOCHS = 2
SEVERAL = 4.0  # times more calls than the horizon, or fewer
CLOSE = 0.1  # relative: a horizon of steps // batches * epochs is a few short
HALF = 0.51  # of the peak: what is left after the last milestone, at most
LITTLE = 1e-3  # of the peak: where a schedule for epochs ends when it is stepped for batches
KEPT = 1e-3  # of the peak: what it would have kept after as many calls as there are epochs
EARLY = 0.5  # share of the steps below 1 % of the peak
LEAST_MEASURED = 3  # values that a schedule followed
MOVED = 0.1  # relative: beyond, a value or a loss has gone one way
CUT = 0.1  # of the highest rate that is left
COLD = 0.1  # of the base rate, never exceeded by a warm-up that is counted in steps and stepped for epochs


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    end = trace.last(End)
    last = {s.scheduler: s for s in trace.all(Scheduler)}
    if not last:
        return unknown("no schedule of torch.optim.lr_scheduler was made")
    if end is None or end.exception:
        return unknown("the run did not come to its end, so the schedule may have had more to come")
    steps = by_optimizer(trace)
    judged = []
    for s in last.values():
        mine = [t for t in steps.get(s.optimizer, []) if t.index >= s.step]
        elsewhere = _idle(trace, s, mine)
        if elsewhere is not None:
            return elsewhere
        epochs = _epochs(trace, mine)
        if len(mine) < LEAST_STEPS or (epochs and epochs < LEAST_EPOCHS):
            continue
        judged.append(s)
        made = first_records(trace).get(s.optimizer)
        base = made.settings.get("lr", 0.0) if made else 0.0
        found = (
            _never(s, mine, epochs)
            or _against_horizon(s, mine, epochs)
            or _each_micro_batch(s, mine)
            or _decayed(s, mine, epochs)
            or _cold(s, mine, epochs, base)
            or _before(s, mine, epochs)
            or _wrong_way(s, mine)
        )
        if found is not None:
            return found
    if not judged:
        return unknown("no schedule was in force for long enough")
    return passed("; ".join(f"{s.kind}: {s.calls} calls" + _of(s.horizon) for s in judged[:4]))


def _epochs(trace: Trace, mine: list[Step]) -> int:
    """Iterations over the training loader, or passes over the examples where there is none."""
    drawn = len({t.epoch for t in mine if t.epoch >= 0})
    network = main_network(trace)
    if drawn or network is None:
        return drawn
    prints = train_prints(trace, network.network)
    return round(len(prints) / len(set(prints))) if prints else 0


def _idle(trace: Trace, s: Scheduler, mine: list[Step]) -> Finding | None:
    """It drives an optimiser that makes no step, while another one does."""
    later = [t for t in trace.steps if t.index >= s.step]
    if mine or s.optimizer < 0 or not s.calls or len(later) < LEAST_STEPS:
        return None
    if any(t.optimizer == s.optimizer for t in trace.steps) or len({t.optimizer for t in later}) != 1:
        return None
    if len({t.rates for t in later}) > 1:  # one wraps the other, and they share their groups
        return None
    return fired(
        f"{s.kind} was stepped {s.calls} times on an optimiser that made no step; the {len(later)} steps were made by "
        f"another, at the rate {later[-1].rates[0] if later[-1].rates else 0:.3g} at the end",
        "a schedule on the optimiser that is stepped",
        s.where,
        first_step=later[0].index,
        calls=s.calls,
        steps=len(later),
    )


def _of(horizon: float | None) -> str:
    return f" for a horizon of {horizon:g}" if horizon else ""


def _never(s: Scheduler, mine: list[Step], epochs: int) -> Finding | None:
    late = s.calls <= 1 and (s.first_call_step or 0) > mine[-1].index
    if (s.calls and not late) or len({t.rates for t in mine}) > 1:
        return None
    over = f" over {epochs} epochs" if epochs else ""
    how = f"stepped {s.calls} time, after the last step" if s.calls else "never stepped"
    return fired(
        f"{s.kind} was made and {how}: its optimiser made {len(mine)} steps{over} at the rate "
        f"{mine[0].rates[0] if mine[0].rates else 0:.3g}",
        "a call of step() for each epoch or batch",
        s.where,
        first_step=mine[0].index,
        calls=s.calls,
        steps=len(mine),
    )


def _against_horizon(s: Scheduler, mine: list[Step], epochs: int) -> Finding | None:
    """The horizon is the number of epochs and the calls are for steps, or the other way round."""
    horizon = s.horizon
    if not horizon or epochs < LEAST_EPOCHS:
        return None
    each_step = abs(s.calls - len(mine)) <= CLOSE * len(mine)
    each_epoch = abs(s.calls - epochs) <= 1
    by_epoch = abs(horizon - epochs) <= max(1.0, CLOSE * epochs)
    if s.kind in FOR_EPOCHS and each_step and by_epoch and s.calls >= SEVERAL * max(epochs, horizon):
        unit, other = "steps", "epochs"
        if not _harmed(mine):
            return None
    elif (
        s.kind in FOR_STEPS
        and each_epoch
        and abs(horizon - len(mine)) <= CLOSE * len(mine)
        and (horizon >= SEVERAL * s.calls)
    ):
        unit, other = "epochs", "steps"
    else:
        return None
    rates = [t.rates[0] for t in mine if t.rates]
    return fired(
        f"{s.kind} has a horizon of {horizon:g}, counted in {other} ({epochs} epochs of {len(mine) / epochs:.0f} "
        f"steps), and was stepped {s.calls} times, counted in {unit}: the rate went "
        f"from {rates[0]:.3g} to {rates[-1]:.3g}",
        f"a call of step() for each of the {horizon:g} {other}, or a horizon in {unit}",
        s.where,
        first_step=s.first_call_step,
        calls=s.calls,
        horizon=horizon,
        steps=len(mine),
        epochs=epochs,
    )


def _each_micro_batch(s: Scheduler, mine: list[Step]) -> Finding | None:
    """The horizon counts optimiser steps, and it is called for each of several backwards of a step."""
    horizon, backwards = s.horizon, sum(t.backwards for t in mine)
    if not horizon or abs(horizon - len(mine)) > CLOSE * len(mine) or backwards < 2 * len(mine):
        return None
    if s.calls < 2 * (1 - CLOSE) * horizon or abs(s.calls - backwards) > CLOSE * backwards:
        return None
    return fired(
        f"{s.kind} has a horizon of {horizon:g}, as many as the optimiser's {len(mine)} steps, and was stepped "
        f"{s.calls} times, once for each of {backwards} backwards",
        "a call of step() for each step of the optimiser",
        s.where,
        first_step=s.first_call_step,
        calls=s.calls,
        horizon=horizon,
        steps=len(mine),
    )


def _decayed(s: Scheduler, mine: list[Step], epochs: int) -> Finding | None:
    """A decay for epochs, stepped for each batch: next to nothing is left early on."""
    rates = [t.rates[0] for t in mine if t.rates]
    each_step = abs(s.calls - len(mine)) <= CLOSE * len(mine)
    if s.kind not in DECAYS or not each_step or epochs < LEAST_EPOCHS or len(rates) < SEVERAL * epochs:
        return None
    if s.horizon and s.horizon > epochs * (1 + CLOSE):
        return None
    peak = max(rates)
    small = sum(r < 0.01 * peak for r in rates)
    kept = rates[epochs] / peak if peak else 0.0
    milestones = s.kind == "MultiStepLR" and bool(s.horizon) and rates[-1] <= HALF * peak
    gone = small >= EARLY * len(rates) and rates[-1] <= LITTLE * 1.001 * peak and kept >= KEPT * 0.999
    if not peak or not (gone or milestones):
        return None
    level = 0.01 if gone else HALF
    start = next(t.index for t in mine if t.rates and t.rates[0] < level * peak)
    meant = f"the last milestone, {s.horizon:g}, fits the {epochs} epochs"
    if gone:
        meant = f"{epochs} calls, one for each epoch, would have left {kept:.2g} of it"
    return fired(
        f"{s.kind} was stepped {s.calls} times, for each of {len(mine)} steps: the rate fell from {peak:.3g} below "
        f"{level:.0%} of that at step {start} and to {rates[-1]:.3g} at the end; {meant}",
        f"a call of step() for each of {epochs} epochs, or a decay in steps",
        s.where,
        first_step=start,
        basis="heuristic",
        calls=s.calls,
        steps=len(mine),
        epochs=epochs,
    )


def _cold(s: Scheduler, mine: list[Step], epochs: int, base: float) -> Finding | None:
    """A warm-up in steps, stepped for epochs, ends before it is warm."""
    rates = [t.rates[0] for t in mine if t.rates]
    if s.kind not in ("LambdaLR", "LinearLR", "SequentialLR") or epochs < LEAST_EPOCHS or not rates or not base:
        return None
    if abs(s.calls - epochs) > 1 or len(mine) < SEVERAL * epochs or max(rates) > COLD * base:
        return None
    if any(b < a for a, b in zip(rates, rates[1:], strict=False)) or rates[-1] <= rates[0]:
        return None
    return fired(
        f"{s.kind} was stepped {s.calls} times, once for each of {epochs} epochs (of "
        f"{len(mine) / epochs:.0f} steps); "
        f"its warm-up went from {rates[0]:.3g} to {rates[-1]:.3g}, never near the optimiser's rate of {base:.3g}",
        "a call of step() for each step, or a warm-up in epochs",
        s.where,
        first_step=mine[0].index,
        basis="heuristic",
        calls=s.calls,
        steps=len(mine),
        epochs=epochs,
    )


def _before(s: Scheduler, mine: list[Step], epochs: int) -> Finding | None:
    """Each call comes before the steps that it is for, so that the first rate is never used."""
    if s.early_calls != 1 or s.calls < 2 or s.kind == "ReduceLROnPlateau" or any(t.scaled for t in mine):
        return None
    each = abs(s.calls - len(mine)) <= 1 or (epochs >= LEAST_EPOCHS and s.calls == epochs)
    if not each or s.last_call_step is None or s.last_call_step > mine[-1].index:
        return None
    return fired(
        f"step() of {s.kind} was called before the first step of its optimiser, and each of its {s.calls} calls came "
        f"before the steps that it was for: the first rate of the schedule was never used, {mine[0].rates[0]:.3g} was "
        "the first",
        "a call of step() after those of the optimiser",
        s.where,
        first_step=mine[0].index,
        calls=s.calls,
        steps=len(mine),
    )


def _wrong_way(s: Scheduler, mine: list[Step]) -> Finding | None:
    """It waits for a value to rise that falls as training gets better, or the other way round."""
    values, rates = s.measured, [t.rates[0] for t in mine if t.rates]
    loss = [t.loss for t in mine if t.loss is not None]
    if s.mode not in ("min", "max") or len(values) < LEAST_MEASURED or not all(map(math.isfinite, values)):
        return None
    sign = 1 if s.mode == "max" else -1
    worst = sign * values[0] >= max(sign * v for v in values)
    moved = abs(values[-1] - values[0]) > MOVED * abs(values[0])
    size = max(len(loss) // 5, 1)
    better = len(loss) >= LEAST_STEPS and sum(loss[-size:]) < (1 - MOVED) * sum(loss[:size])
    if not (worst and moved and better and rates[-1] <= CUT * max(rates)):
        return None
    way = ("max", "rise", "fell") if s.mode == "max" else ("min", "fall", "rose")
    return fired(
        f"ReduceLROnPlateau with mode {way[0]!r} waits for a value to {way[1]} that {way[2]} from {values[0]:.4g} to "
        f"{values[-1]:.4g} in {len(values)} calls, while the training loss fell from {sum(loss[:size]) / size:.4g} to "
        f"{sum(loss[-size:]) / size:.4g}; it cut the rate from {max(rates):.3g} to {rates[-1]:.3g}",
        "mode 'min' for a loss or an error, 'max' for an accuracy",
        s.where,
        first_step=s.first_call_step,
        basis="heuristic",
        values=list(values[:10]),
    )


def _harmed(mine: list[Step]) -> bool:
    """The rate went up and down again, or almost to nothing."""
    rates = [t.rates[0] for t in mine if t.rates]
    rises = sum(b > a for a, b in zip(rates, rates[1:], strict=False))
    return rises > 1 or rates[-1] < 1e-3 * max(rates)


CHECK = Check(
    fault="scheduler-misused",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("learning-rate-decays-too-early", "learning-rate-too-low", "learning-rate-too-high"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 20, shuffle=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=5 * len(loader))
    for _ in range(5):
        for features, target in loader:
            loss = nn.functional.mse_loss(net(features), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 20, shuffle=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=10)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5 * len(loader) - 10)
    scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, cosine], milestones=[10])
    for _ in range(5):
        for features, target in loader:
            loss = nn.functional.mse_loss(net(features), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
