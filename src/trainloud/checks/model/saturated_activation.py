"""Do the sigmoid or tanh units of a layer live at their flat ends?

Why it matters: at the ends the derivative is almost zero, so hardly any gradient passes and the layers before it do
not learn. Unscaled inputs or too large weights push a whole layer there at the first step.

Remedy: scale the inputs to mean 0 and deviation 1, initialise with Xavier's rule, put a normalisation before it, or
use a rectifier.

Known limits: gates that are closed or open on purpose sit at one end; only layers that sit at both ends, from the
first steps on, are reported. Gates inside nn.LSTM and nn.GRU are not visible.

Source: Glorot and Bengio 2010; Karpathy, CS231n notes.
"""

from trainloud.checks.model._activations import after_layers
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown

SATURATED = 0.75  # share of values within 1 % of an end, at the first steps and still at the last
ONE_END = 0.1  # share of the saturated values at least at either end; a closed gate sits at one
LEAST_UNITS = 8
LEAST_SAMPLES = 3  # sampled steps


def judge(runs: Runs) -> Finding:
    groups = [g for g in after_layers(runs.watched, ("sigmoid", "tanh")) if g[-1].units >= LEAST_UNITS]
    judged = [g for g in groups if len({a.step for a in g}) >= LEAST_SAMPLES]
    if not judged:
        return unknown(f"no sigmoid or tanh of {LEAST_UNITS} units or more after a layer was seen inside a network")
    stuck = []
    for g in judged:
        ends = [min(a.saturated_low, a.saturated - a.saturated_low) / max(a.saturated, 1e-9) for a in g]
        if all(a.saturated >= SATURATED for a in (*g[:3], *g[-2:])) and max(ends) >= ONE_END:
            stuck.append(g)
    if not stuck:
        most = max(g[-1].saturated for g in judged)
        return passed(f"at most {most:.0%} of the values of a sigmoid or tanh layer are at its ends at the last sample")
    first, last = stuck[0][0], stuck[0][-1]
    return fired(
        f"{first.saturated:.0%} of the values of a {first.op} with {first.units} units lie within 1 % of its ends at "
        f"step {first.step}, and {last.saturated:.0%} at step {last.step} ({len(stuck)} of {len(judged)} such layers)",
        f"under {SATURATED:.0%} of the values at the flat ends",
        last.where,
        first_step=first.step,
        saturated=last.saturated,
        units=last.units,
        layers=len(stuck),
    )


CHECK = Check(
    fault="saturated-activation", severity="warning", basis="heuristic", judge=judge, symptoms=("vanishing-gradient",)
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.rand(400, 20) * 255 - 128
    y = (x[:, 0] > 0).long()
    net = nn.Sequential(nn.Linear(20, 32), nn.Tanh(), nn.Linear(32, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.rand(400, 20) * 2 - 1
    y = (x[:, 0] > 0).long()
    net = nn.Sequential(nn.Linear(20, 32), nn.Tanh(), nn.Linear(32, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
