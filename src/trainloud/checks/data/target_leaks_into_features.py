"""Is one of the input columns the target itself, up to scale and offset?

Why it matters: a column that is the answer makes every figure look perfect in training and in validation
alike, and the network is useless where the answer is not known yet.

Remedy: take the target out of the table before the list of feature columns is made (`frame.pop("price")`);
drop columns that are computed from the target or known only after it.

Known limits: judged on two-dimensional float inputs and one target value an example, in the first four
training batches; only an exact affine copy (correlation 1 up to rounding) is reported as a warning, so a
noisy proxy is not. A task with a single input column, or a binary target, is a note only: there the relation
can be the task.

Source: Kaufman, Rosset and Perlich 2012, Leakage in Data Mining; Kapoor and Narayanan 2023.
"""

from collections import Counter

from trainloud.checks.streams import labels_by_step, main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Door

EXACT = 1e-8  # 1 - correlation: float32 copies stay below 1e-12, a smooth series one sample later above 1e-6
NEARLY = 1e-3  # 1 - correlation in the other batches, where a clipped or rounded value may break the copy
LEAST_BATCHES = 2  # that show the same column
LEAST_VALUES = 3  # different targets: two values are matched by any binary column that happens to agree


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None:
        return unknown("no training batch was seen")
    doors = [d for d in trace.all(Door) if d.network == network.network and d.phase == "train" and d.outer]
    judged = [d for d in doors if d.leak_column >= 0 and d.leak_correlation > 0]
    if len(judged) < LEAST_BATCHES:
        return unknown("fewer than two training batches with a table of floats and one target an example were seen")
    hits = [d for d in judged if 1 - d.leak_correlation <= EXACT]
    column, times = Counter(d.leak_column for d in hits).most_common(1)[0] if hits else (-1, 0)
    near = [d for d in judged if d.leak_column == column and 1 - d.leak_correlation <= NEARLY]
    if times < LEAST_BATCHES or len(near) < len(judged):
        best = max(judged, key=lambda d: d.leak_correlation)
        return passed(f"largest correlation of a column with the target: {best.leak_correlation:.4f}")
    labels = labels_by_step(trace)
    values = {v for d in judged for v in labels.get(d.step, ())}
    by_nature = len(judged[0].columns) == 1 or 0 < len(values) < LEAST_VALUES
    return fired(
        f"column {column} of the input (shape {judged[0].tensors[0].shape}) is an exact affine function of the "
        f"target in {times} of {len(judged)} sampled training batches (correlation {hits[0].leak_correlation:.9f})",
        "no input column that gives the target away",
        network.where,
        first_step=hits[0].step,
        severity="note" if by_nature else None,
        column=column,
        correlation=hits[0].leak_correlation,
    )


CHECK = Check(
    fault="target-leaks-into-features",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("target-equals-input", "final-bias-not-initialised"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    table = torch.randn(400, 6)
    table[:, 5] = table[:, :5].sum(1) + torch.randn(400)  # the price stands in the last column
    price = (table[:, 5] - table[:, 5].mean()) / table[:, 5].std()
    net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.mse_loss(net(table[rows]).squeeze(1), price[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    table = torch.randn(400, 6)
    table[:, 5] = table[:, :5].sum(1) + torch.randn(400)
    price = (table[:, 5] - table[:, 5].mean()) / table[:, 5].std()
    features = table[:, :5]
    net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.mse_loss(net(features[rows]).squeeze(1), price[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
