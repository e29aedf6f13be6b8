"""Were the statistics that scale the inputs taken from training and evaluation data together?

Why it matters: the evaluated examples then had a part in their own preparation. For a mean and a scale the effect on
the figure is often small, for feature selection or imputation it is not; either way the figure is not one for new
data.

Remedy: split first; fit the scaler on the training part (`scaler.fit(x_train)`), and only apply it to the rest.

Known limits: judged for float tables, (rows, columns), whose distinct rows all fit into what is kept: the columns
must have mean 0 and standard deviation 1 (or range 0 to 1) to five digits over the union of both parts, and not
over the training part. Rows that were never fed to the network break the equality, and then nothing is said.

Source: Kapoor and Narayanan 2023, Leakage and the reproducibility crisis in machine-learning-based science (L1.2);
scikit-learn, "Common pitfalls", data leakage during pre-processing.
"""

import math

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.place import Place
from trainloud.core.records import Table

EXACT = 5e-5  # of a mean, in standard deviations; float32 of a standardised column misses 0 by 1e-6
AWAY = 20.0  # times EXACT: how far the training part alone must be off; sampling error of 10,000 rows is 200 times
SHARE = 0.8  # of the columns
LEAST_COLUMNS = 3
LEAST_ROWS = 20  # in each part
LEAST_LEVELS = 12  # different values among 64 rows: one-hot columns have range 0 to 1 by nature
EDGE = 1e-6  # of a range


def deviation(mean: float, square: float) -> float:
    return math.sqrt(max(square - mean * mean, 0.0))


def union(a: Table, b: Table) -> list[tuple[float, float]]:
    """(mean, standard deviation) of each column over the rows of both."""
    n = a.rows + b.rows
    found = []
    for k in range(len(a.means)):
        mean = (a.rows * a.means[k] + b.rows * b.means[k]) / n
        found.append((mean, deviation(mean, (a.rows * a.squares[k] + b.rows * b.squares[k]) / n)))
    return found


def standardised(train: Table, scored: Table, where: Place | None) -> Finding | None:
    columns = [k for k, n in enumerate(train.levels) if n >= LEAST_LEVELS]
    if len(columns) < LEAST_COLUMNS:
        columns = [k for k, n in enumerate(train.levels) if n > 1]
    if len(columns) < LEAST_COLUMNS:
        return None
    both = union(train, scored)
    n = train.rows + scored.rows
    exact = [k for k in columns if _is_standard(*both[k], n)]
    alone = [k for k in exact if abs(train.means[k]) > AWAY * EXACT]
    if len(exact) < SHARE * len(columns) or len(exact) < LEAST_COLUMNS or len(alone) < SHARE * len(exact):
        return None
    worst = max(alone, key=lambda k: abs(train.means[k]))
    return fired(
        f"{len(exact)} of {len(columns)} columns have mean 0 (to {max(abs(both[k][0]) for k in exact):.1g}) and "
        f"standard deviation 1 over the {train.rows} training and {scored.rows} evaluated rows together, and not over "
        f"the training rows alone: column {worst} has mean {train.means[worst]:+.4f} there",
        "mean 0 and standard deviation 1 over the training rows alone",
        where,
        columns=len(exact),
        worst=train.means[worst],
    )


def _is_standard(mean: float, std: float, n: int) -> bool:
    return abs(mean) < EXACT and (abs(std - 1) < EXACT or abs(std * math.sqrt(n / max(n - 1, 1)) - 1) < EXACT)


def ranged(train: Table, scored: Table, where: Place | None) -> Finding | None:
    """Each column fills its range exactly over both parts, and some do not over the training part."""
    columns = [k for k, n in enumerate(train.levels) if n >= LEAST_LEVELS]
    if len(columns) < LEAST_COLUMNS:
        return None
    for low, high in ((0.0, 1.0), (-1.0, 1.0)):
        exact = [
            k
            for k in columns
            if abs(min(train.lows[k], scored.lows[k]) - low) < EDGE
            and abs(max(train.highs[k], scored.highs[k]) - high) < EDGE
        ]
        short = [k for k in exact if train.lows[k] > low + EDGE or train.highs[k] < high - EDGE]
        if len(exact) == len(columns) and len(short) >= 1:
            k = short[0]
            return fired(
                f"all {len(exact)} columns reach exactly from {low:g} to {high:g} over the {train.rows} training and "
                f"{scored.rows} evaluated rows together; {len(short)} do not over the training rows alone: column {k} "
                f"goes from {train.lows[k]:.4f} to {train.highs[k]:.4f} there",
                f"{low:g} and {high:g} as the least and greatest training values",
                where,
                columns=len(exact),
                short=len(short),
            )
    return None


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    tables = trace.all(Table)
    judged = 0
    for train in tables:
        scored = next((t for t in tables if t.network == train.network and t.phase == "eval"), None)
        if train.phase != "train" or scored is None or len(scored.means) != len(train.means):
            continue
        if not (train.complete and scored.complete) or min(train.rows, scored.rows) < LEAST_ROWS:
            continue
        judged += 1
        network = trace.networks.get(train.network)
        where = network.where if network else None
        bad = standardised(train, scored, where) or ranged(train, scored, where)
        if bad is not None:
            return bad
    if not judged:
        return unknown("no float table was seen whole, in training and in evaluation")
    return passed("the columns are not standardised over training and evaluation rows together")


CHECK = Check(fault="preprocessing-fitted-on-all-data", severity="warning", basis="proof", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = 5 + 3 * torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 15).long()
    x = (x - x.mean(0)) / x.std(0)
    train, validation = x[:400], x[400:]
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(train[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("validation", nn.functional.cross_entropy(net(validation), y[400:]).item())


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = 5 + 3 * torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 15).long()
    x = (x - x[:400].mean(0)) / x[:400].std(0)
    train, validation = x[:400], x[400:]
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(train[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("validation", nn.functional.cross_entropy(net(validation), y[400:]).item())
