"""Do columns or channels without any variation enter the network?

Why it matters: a column that never changes carries no information; a whole input that never changes means
that the network can only learn the targets' mean. It is usually a broken join, a wrong file, a zeroed buffer
or a division by the wrong number.

Remedy: look at one batch just before `model(x)`: per-column mean and standard deviation. Find where a
constant column lost its values, or drop it.

Known limits: judged on the first four training batches; a column can be rare rather than dead, so single constant
columns are a note. An input without any variation is a warning, and so is a fifth of the columns of a whole table.
Pixels at the border and words that are absent are constant by nature: inputs with more than 64 columns are judged as
a whole only.

Source: Karpathy 2019, A Recipe for Training Neural Networks, step 1 ("become one with the data").
"""

from dataclasses import replace

from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Door, Table
from trainloud.core.trace import Trace

LEAST_EXAMPLES = 32  # over the sampled batches, to call a whole input constant
ENOUGH_EXAMPLES = 128  # over the sampled batches, to call one column constant
MOST_COLUMNS = 64  # tables wider than this are pictures or word counts
LEAST_ROWS, NARROW = 500, 48  # of a whole table, and its columns: small pictures, laid flat, have more
LEAST_DEAD, SEVERAL = 2, 0.2  # columns, and their share of all: a rare category more or less is the data's own
LIKE = 1e-6  # of the range, below which a spread is rounding


def constant_columns(doors: list[Door]) -> list[tuple[int, float]]:
    """(column, its value) of the columns that have one value over all sampled batches."""
    found = []
    for k in range(len(doors[0].columns)):
        low, high = min(d.columns[k][2] for d in doors), max(d.columns[k][3] for d in doors)
        if high - low <= LIKE * max(abs(low), abs(high)):
            found.append((k, low))
    return found


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None:
        return unknown("no training batch was seen")
    doors = [d for d in trace.all(Door) if d.network == network.network and d.phase == "train" and d.outer]
    doors = [d for d in doors if d.columns and len(d.columns) == len(doors[0].columns)]
    if not doors:
        return unknown("no float input with columns or channels was seen")
    others = [t for t in doors[0].tensors if t.shape != next(x.shape for x in doors[0].tensors if "float" in x.dtype)]
    examples = sum(d.tensors[0].shape[0] for d in doors)
    dead = constant_columns(doors)
    wide, shape = len(doors[0].columns), doors[0].tensors[0].shape
    if len(dead) == wide and not others and examples >= LEAST_EXAMPLES:
        return fired(
            f"all {wide} columns or channels of the input (shape {shape}) have one and the same value in every "
            f"one of {examples} sampled examples (first: {dead[0][1]:.4g})",
            "values that differ from example to example",
            network.where,
            first_step=doors[0].step,
            severity="warning",
            columns=wide,
        )
    whole = _in_whole_table(trace, network.network)
    if whole is not None:
        return replace(whole, where=network.where, first_step=doors[0].step)
    informative = [(k, v) for k, v in dead if v not in (0.0, 1.0)] if len(shape) == 2 else dead
    if informative and wide <= MOST_COLUMNS and examples >= ENOUGH_EXAMPLES and len(dead) < wide:
        column, value = informative[0]
        return fired(
            f"{len(informative)} of {wide} columns or channels of the input (shape {shape}) have one value in all "
            f"{examples} sampled examples; column {column} is always {value:.4g}",
            "columns that vary, or a column of ones as an intercept",
            network.where,
            first_step=doors[0].step,
            severity="note",
            columns=[k for k, _ in informative][:20],
        )
    return passed(f"{wide - len(dead)} of {wide} columns or channels vary over {examples} sampled examples")


def _in_whole_table(trace: Trace, network: int) -> Finding | None:
    """Several columns of a narrow table have one value in all the rows that training saw."""
    table = next((t for t in trace.all(Table) if t.network == network and t.phase == "train" and t.complete), None)
    if table is None or table.rows < LEAST_ROWS or not 0 < len(table.lows) <= NARROW:
        return None
    pairs = list(zip(table.lows, table.highs, strict=True))
    dead = [k for k, (low, high) in enumerate(pairs) if high - low <= LIKE * max(abs(low), abs(high))]
    if len(dead) < LEAST_DEAD or not SEVERAL * len(pairs) <= len(dead) < len(pairs):
        return None
    return fired(
        f"{len(dead)} of {len(pairs)} columns have one value in all {table.rows} different rows that training saw "
        f"(column {dead[0]} is always {table.lows[dead[0]]:.4g})",
        "columns that vary",
        severity="warning",
        basis="heuristic",
        columns=dead[:20],
    )


CHECK = Check(
    fault="constant-or-dead-features",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("input-carries-no-signal", "input-ignored", "stopped-too-early"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (400, 10), dtype=torch.uint8)
    y = (pixels[:, :3].float().sum(1) > 380).long()
    x = (pixels / 256).long().float()  # whole numbers below one are all zero
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
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
    pixels = torch.randint(0, 256, (400, 10), dtype=torch.uint8)
    y = (pixels[:, :3].float().sum(1) > 380).long()
    x = pixels.float() / 127.5 - 1
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
