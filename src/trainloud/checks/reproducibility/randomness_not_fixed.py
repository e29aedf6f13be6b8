"""Do two runs of the script with the same arguments do the same?

Why it matters: without fixed random numbers no change can be judged by one run: a better figure may be luck, and a
bug that comes and goes cannot be found.

Remedy: seed every source that the script uses before the first random number is drawn: `random`, NumPy (also
generators made with `default_rng()`), torch, and each DataLoader's workers; sort what comes from a set or a directory.

Known limits: the first steps are compared, losses and the exact examples. A script that sets no seed at all gets a
note; one that sets a seed and differs all the same gets a warning. Differences in the last digits are left alone.

Source: PyTorch documentation, "Reproducibility"; Karpathy (2019), "A Recipe for Training Neural Networks", step 2,
"fix random seed".
"""

import math
from collections.abc import Sequence

from trainloud.checks.learning import losses
from trainloud.core.check import Check, Runs
from trainloud.core.experiment import REPETITION, Experiment
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Seeded
from trainloud.core.trace import Trace

STEPS = 5
AGAIN = Experiment((), STEPS, "do two runs do the same?", routine=True)
TOLERANCE = 1e-3  # relative: another number of threads changes the order of sums, and single precision keeps 7 digits


def asks(runs: Runs) -> Sequence[Experiment]:
    return (AGAIN,)


def judge(runs: Runs) -> Finding:
    if REPETITION not in runs:
        return unknown(runs.why_not(REPETITION))
    first, again = runs.watched, runs[REPETITION]
    steps = min(STEPS, len(first.steps), len(again.steps))
    a, b = losses(first)[:steps], losses(again)[:steps]
    if not a or len(a) != len(b):
        return unknown("the losses of the first steps are not known in both runs")
    data = _same_examples(first, again, steps)
    start = a[0] == b[0] or math.isclose(a[0], b[0], rel_tol=TOLERANCE)
    if start and data is not False:
        seen = "and the same examples " if data else ""
        return passed(f"two runs had the same first loss ({a[0]:.6g}) {seen}over {steps} steps", steps=steps)
    seeds = first.all(Seeded)
    said = f"a second run with the same arguments began with a loss of {b[0]:.6g} instead of {a[0]:.6g}"
    if data is False:
        said += " and on other examples"
    return fired(
        f"{said}; " + (f"the script fixes {', '.join(s.source for s in seeds)}" if seeds else "no seed was set"),
        "the same losses on the same examples",
        seeds[0].where if seeds else None,
        first_step=0,
        severity="warning" if seeds else "note",
        first=a,
        again=b,
    )


def _same_examples(a: Trace, b: Trace, steps: int) -> bool | None:
    """Whether the same examples entered the first steps, in the same order; None if unknown."""
    seen = [[x.prints for x in t.trained_batches if x.step < steps and x.prints] for t in (a, b)]
    return seen[0] == seen[1] if seen[0] and seen[1] else None


CHECK = Check(
    fault="randomness-not-fixed",
    severity="warning",
    basis="experiment",
    judge=judge,
    needs=(),
    asks=asks,
)


def bad() -> None:
    import numpy as np
    import torch
    from torch import nn

    torch.manual_seed(0)
    rng = np.random.default_rng()
    x = torch.from_numpy(rng.normal(size=(200, 8))).float()
    y = x.sum(1, keepdim=True)
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import numpy as np
    import torch
    from torch import nn

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(200, 8))).float()
    y = x.sum(1, keepdim=True)
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
