"""Are most units of a rectified layer zero for every example?

Why it matters: a ReLU that is never active passes no gradient, so the weights before it stay as they are: the layer
has lost that unit for good. Too high a rate, unscaled inputs or a bad start kill whole layers.

Remedy: scale the inputs, lower the learning rate, initialise with He's rule, or use LeakyReLU or GELU.

Known limits: sparse layers are common; only layers with nearly all units silent over hundreds of examples are reported.
Rectifiers that do not follow a weight layer (hinge terms, distances) are left out.

Source: yz93/LAVT-RIS#25; Karpathy, CS231n notes on ReLU.
"""

from trainloud.checks.model._activations import after_layers
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown

NEVER = 0.8  # share of units never active; 40 to 50 % in one layer is common in sound networks
SILENT = 0.995  # share of zeros in the last samples, for layers that died later
LEAST_UNITS = 8
LEAST_EXAMPLES = 200
LEAST_SAMPLES = 3  # sampled steps


def judge(runs: Runs) -> Finding:
    groups = [g for g in after_layers(runs.watched, ("relu",)) if g[-1].units >= LEAST_UNITS]
    judged = [g for g in groups if g[-1].examples >= LEAST_EXAMPLES and len({a.step for a in g}) >= LEAST_SAMPLES]
    if not judged:
        return unknown(f"no ReLU of {LEAST_UNITS} units or more was seen on {LEAST_EXAMPLES} examples or more")
    dead = [
        g for g in judged
        if g[-1].never_active >= NEVER or all(a.zero_share >= SILENT for a in g[-3:])
    ]  # fmt: skip
    worst = max(judged, key=lambda g: g[-1].never_active)[-1]
    if not dead:
        return passed(f"at most {worst.never_active:.0%} of the units of a ReLU layer were never active")
    last = max((g[-1] for g in dead), key=lambda a: (a.never_active, a.zero_share))
    if last.never_active >= NEVER:
        shown = f"{last.never_active:.0%} of the {last.units} units of a ReLU were never active over {last.examples}"
        shown += f" examples, and {last.zero_share:.1%} of its values are zero at step {last.step}"
    else:
        shown = f"{last.zero_share:.1%} of the values of a ReLU with {last.units} units are zero at the last sampled"
        shown += f" steps, up to step {last.step}, where it was active before"
    return fired(
        f"{shown} ({len(dead)} of {len(judged)} ReLU layers)",
        f"under {NEVER:.0%} of the units silent",
        last.where,
        first_step=dead[0][0].step,
        never_active=last.never_active,
        zero_share=last.zero_share,
        units=last.units,
        layers=len(dead),
    )


CHECK = Check(
    fault="dead-relu",
    severity="warning",
    basis="heuristic",
    judge=judge,
    symptoms=("vanishing-gradient", "input-ignored"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x[:, 0] > 0).long()
    net = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 2))
    nn.init.constant_(net[0].bias, -20.0)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
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
    x = torch.randn(400, 10)
    y = (x[:, 0] > 0).long()
    net = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
