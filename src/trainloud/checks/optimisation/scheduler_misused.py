"""Is the learning-rate schedule stepped as often as its horizon expects?

Why it matters: a schedule counts its calls. Made for epochs and stepped for each batch it runs through many
times, or to zero at once; made for batches and stepped for each epoch it stays at its start; never stepped
it does nothing. The run trains at other rates than its author believes.

Remedy: give the horizon (T_max, total_steps, step_size) in the unit in which `step()` is called: once a
batch, or once an epoch.

Known limits: judged only where the horizon equals the number of epochs or of steps of this run; schedules
from lambdas have no horizon. Warm restarts and cyclic schedules may go round as they like.

Source: ivadomed#55; nianticlabs/manydepth#46.
"""

from trainloud.checks.stepping import by_optimizer
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import End, Scheduler, Step

FOR_EPOCHS = ("CosineAnnealingLR", "PolynomialLR")
FOR_STEPS = ("OneCycleLR", "CosineAnnealingLR", "LinearLR", "PolynomialLR")
LEAST_STEPS = 20  # of its optimiser
LEAST_EPOCHS = 2
SEVERAL = 4.0  # times more calls than the horizon, or fewer
CLOSE = 0.1  # relative: a horizon of steps // batches * epochs is a few short


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
        epochs = len({t.epoch for t in mine if t.epoch >= 0})
        if len(mine) < LEAST_STEPS or (epochs and epochs < LEAST_EPOCHS):
            continue
        judged.append(s)
        found = _never(s, mine, epochs) or _against_horizon(s, mine, epochs)
        if found is not None:
            return found
    if not judged:
        return unknown("no schedule was in force for long enough")
    return passed("; ".join(f"{s.kind}: {s.calls} calls" + _of(s.horizon) for s in judged[:4]))


def _of(horizon: float | None) -> str:
    return f" for a horizon of {horizon:g}" if horizon else ""


def _never(s: Scheduler, mine: list[Step], epochs: int) -> Finding | None:
    if s.calls or len({t.rates for t in mine}) > 1:
        return None
    over = f" over {epochs} epochs" if epochs else ""
    return fired(
        f"{s.kind} was made and never stepped: its optimiser made {len(mine)} steps{over} at the rate "
        f"{mine[0].rates[0] if mine[0].rates else 0:.3g}",
        "a call of step() for each epoch or batch",
        s.where,
        first_step=mine[0].index,
        calls=0,
        steps=len(mine),
    )


def _against_horizon(s: Scheduler, mine: list[Step], epochs: int) -> Finding | None:
    """The horizon is the number of epochs and the calls are for steps, or the other way round."""
    horizon = s.horizon
    if not horizon or epochs < LEAST_EPOCHS:
        return None
    each_step = abs(s.calls - len(mine)) <= CLOSE * len(mine)
    each_epoch = abs(s.calls - epochs) <= 1
    if s.kind in FOR_EPOCHS and each_step and horizon == epochs and s.calls >= SEVERAL * epochs:
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
