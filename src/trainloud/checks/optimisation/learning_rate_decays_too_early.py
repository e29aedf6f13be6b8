"""Does the schedule take the learning rate to nothing while most of the run is still to come?

Why it matters: at a rate of zero an optimiser step changes nothing. A horizon that is too short (steps
divided by epochs instead of multiplied, epochs counted as steps) ends training early, and the rest of the
run costs time and looks like a plateau.

Remedy: compute the horizon from what is really run (batches times epochs, over the accumulation), and print
the rate from time to time.

Known limits: schedules that follow the validation loss (ReduceLROnPlateau) may stop early for a reason and
are only noted; a rate between 1 % and 0 for the last third of a run is a normal decay.

Source: blueprints-for-text-analytics-python/blueprints-text#7.
"""

from trainloud.checks.stepping import by_optimizer, first_records
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Scheduler, Step
from trainloud.core.trace import Trace

LEAST_STEPS = 20  # of one optimiser
NOTHING = 1e-6  # of the peak: single precision keeps seven digits
NOTHING_FOR = 0.5  # share of an optimiser's steps at the end of the run
WASTED_FOR = 0.3  # the same: enough to warn
SMALL = 0.01  # of the peak
SMALL_FOR = 0.62  # exponential decay to a hundred-thousandth of the peak spends 60 % of the run below 1 %


def tail(steps: list[Step], level: float) -> int:
    """How many of the last steps had every group's rate at or below `level` of that group's peak."""
    width = min((len(s.rates) for s in steps), default=0)
    peaks = [max(s.rates[g] for s in steps) for g in range(width)]
    count = 0
    for s in reversed(steps):
        if not all(s.rates[g] <= level * peaks[g] for g in range(width)):
            break
        count += 1
    return count


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    groups = {n: [s for s in steps if s.rates] for n, steps in by_optimizer(trace).items()}
    groups = {n: s for n, s in groups.items() if len(s) >= LEAST_STEPS and max(max(t.rates) for t in s) > 0}
    if not groups:
        return unknown(f"no optimiser made {LEAST_STEPS} steps with a learning rate")
    longest = 0.0
    for number, steps in groups.items():
        nothing, small = tail(steps, NOTHING), tail(steps, SMALL)
        longest = max(longest, small / len(steps))
        if nothing >= NOTHING_FOR * len(steps):
            return _fired(trace, number, steps, nothing, "error")
        if nothing >= WASTED_FOR * len(steps):
            return _fired(trace, number, steps, nothing, "warning")
        if small >= SMALL_FOR * len(steps):
            return _fired(trace, number, steps, small, "warning")
    return passed(f"the rate was below {SMALL:.0%} of its peak for the last {longest:.0%} of the steps")


def _fired(trace: Trace, number: int, steps: list[Step], count: int, severity: str) -> Finding:
    schedules = [s for s in {s.scheduler: s for s in trace.all(Scheduler)}.values() if s.optimizer == number]
    made = first_records(trace).get(number)
    where = schedules[0].where if schedules else made.where if made else None
    if any(s.kind == "ReduceLROnPlateau" for s in schedules) or not schedules:
        severity = "note" if severity == "warning" or schedules else "warning"
    start = steps[-count]
    peak = max(max(s.rates) for s in steps)
    least = max(start.rates)
    return fired(
        f"the learning rate of {made.kind if made else 'the optimiser'} peaked at {peak:.3g} and was {least:.3g} or "
        f"less from step {start.index} on, for {count} of {len(steps)} steps ({count / len(steps):.0%})",
        "a rate that falls to nothing only near the end of the run",
        where,
        first_step=start.index,
        severity=severity,  # type: ignore[arg-type]
        basis="proof" if severity == "error" else "heuristic",
        peak=peak,
        steps_at_the_end=count,
        steps=len(steps),
    )


CHECK = Check(
    fault="learning-rate-decays-too-early",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("learning-rate-too-low", "optimizer-step-missing", "capacity-too-small"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    epochs, batches = 5, 10
    total = batches // epochs
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / total))
    for _ in range(epochs):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
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
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    epochs, batches, warmup = 5, 10, 5
    total = batches * epochs

    def rate(step):
        return step / warmup if step < warmup else max(0.0, (total - step) / (total - warmup))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    for _ in range(epochs):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
