"""Do training batches follow the order of the classes instead of being samples of the whole?

Why it matters: a batch of one class pushes the whole network towards that class; the next batch of another
class undoes it. Batch normalisation sees one class at a time. The loss looks small inside each stretch and
the validation accuracy stays near chance.

Remedy: DataLoader(..., shuffle=True), or a fresh torch.randperm(n) each epoch when batching by hand; for an
IterableDataset shuffle the shards and keep a shuffle buffer.

Known limits: judged by class labels that reach a loss function, one for each example, inside one pass over
the data (a loader's iteration, or until the examples come back); a time series without class labels is not
judged. Training that draws at random is never blamed for a single odd batch: see the threshold.

Source: Goodfellow, Bengio, Courville 2016, Deep Learning, section 8.1.3 (minibatches must be selected
randomly); the DataLoader's default is shuffle=False.
"""

import math
from collections import Counter
from dataclasses import dataclass

from trainloud.checks.streams import labels_by_step, main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Iteration
from trainloud.core.trace import Trace, unpack_prints

BLOCK = 24  # examples that are judged together at least: a batch of one is always of one class
LEAST_BLOCKS = 8  # of one pass over the data
MOST_CLASSES = 1000
EFFECT = 0.5  # corrected Cramer's V squared: 0 for samples of the whole, 1 if every block is of one class
DEVIATIONS = 10.0  # standard deviations of chi-square under shuffling
JUMPS = 0.5  # share of neighbouring blocks with different main class: alternating batches of a GAN have 1


@dataclass
class Mix:
    """How one pass over the data mixes its classes."""

    effect: float
    excess: float
    """Standard deviations of chi-square above its expectation."""
    purity: float
    """Mean share of the most frequent class of a block."""
    jumps: float
    blocks: int
    classes: int
    first_step: int


def passes_over_data(trace: Trace) -> list[list[int]]:
    """Steps of each pass over the training data."""
    whole = {i.iteration for i in trace.all(Iteration) if i.phase == "train"}
    groups: dict[int, list[int]] = {}
    for s in trace.steps:
        if s.epoch in whole:
            groups.setdefault(s.epoch, []).append(s.index)
    return list(groups.values()) if groups else _by_return(trace)


def _by_return(trace: Trace) -> list[list[int]]:
    """Batches made by hand: a pass ends when examples of the first batch come back."""
    network = main_network(trace)
    batches = [b for b in trace.trained_batches if network and b.network == network.network and b.prints]
    if not batches:
        return []
    seen: set[int] = set()
    passes: list[list[int]] = [[]]
    for b in batches:
        values = list(unpack_prints(b.prints))
        if sum(v in seen for v in values) * 2 > len(values):
            passes.append([])
            seen = set()
        seen.update(values)
        passes[-1].append(b.step)
    return passes if len(passes) > 1 else []


def mix(labels: dict[int, list[float]], steps: list[int]) -> Mix | None:
    """The statistics of one pass; None if there is too little to judge."""
    blocks: list[Counter[float]] = []
    open_block: list[float] = []
    for step in steps:
        open_block.extend(labels.get(step, ()))
        if len(open_block) >= BLOCK:
            blocks.append(Counter(open_block))
            open_block = []
    total: Counter[float] = sum(blocks, Counter())
    n, k, b = total.total(), len(total), len(blocks)
    if b < LEAST_BLOCKS or not 2 <= k <= MOST_CLASSES or any(not float(v).is_integer() for v in total):
        return None
    chi = sum((c[v] - c.total() * t / n) ** 2 / (c.total() * t / n) for c in blocks for v, t in total.items())
    freedom = (b - 1) * (k - 1)
    most = n * min(b - 1, k - 1)
    main = [c.most_common(1)[0] for c in blocks]
    return Mix(
        (chi - freedom) / max(most - freedom, 1e-9),
        (chi - freedom) / math.sqrt(2 * freedom),
        sum(m[1] / c.total() for m, c in zip(main, blocks, strict=True)) / b,
        sum(x[0] != y[0] for x, y in zip(main, main[1:], strict=False)) / (b - 1),
        b,
        k,
        steps[0],
    )


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    labels = labels_by_step(trace)
    if not labels:
        return unknown("no class labels, one for each example, reached a loss function with gradients")
    passes = passes_over_data(trace)
    if not passes:
        return unknown("where one pass over the training data ends could not be seen")
    found = [m for p in passes if (m := mix(labels, p))]
    if not found:
        return unknown(f"no pass over the data gave {LEAST_BLOCKS} blocks of {BLOCK} examples with two classes or more")
    bad = [m for m in found if m.effect >= EFFECT and m.excess >= DEVIATIONS and (m.jumps <= JUMPS or _alone(trace))]
    if len(bad) < len(found):
        best = min(found, key=lambda m: m.effect)
        return passed(f"batches mix the {best.classes} classes: corrected V squared {max(best.effect, 0):.2f}")
    worst = bad[0]
    loop = next((i.made or i.where for i in trace.all(Iteration) if i.phase == "train"), None)
    network = main_network(trace)
    return fired(
        f"in each of {len(bad)} passes over the data, blocks of {BLOCK} examples or more hold "
        f"{worst.purity:.0%} one class on average ({worst.classes} classes, {worst.blocks} blocks, chi-square "
        f"{worst.excess:.0f} standard deviations above shuffled data)",
        "the class mix of the whole in every batch (corrected V squared 0)",
        loop or (network.where if network else None),
        first_step=worst.first_step,
        effect=worst.effect,
        purity=worst.purity,
    )


def _alone(trace: Trace) -> bool:
    """One trained network and one optimiser: no alternation of tasks between steps."""
    return len(trace.networks) == 1 and len({s.optimizer for s in trace.steps}) == 1


CHECK = Check(
    fault="training-data-not-shuffled",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("learning-rate-too-high", "batchnorm-statistics-stale", "final-bias-not-initialised"),
)


def bad() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    y = torch.arange(4).repeat_interleave(200)
    x = torch.randn(800, 10) + torch.nn.functional.one_hot(y, 10) * 2
    loader = DataLoader(TensorDataset(x, y), batch_size=32)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for inputs, labels in loader:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    y = torch.arange(4).repeat_interleave(200)
    x = torch.randn(800, 10) + torch.nn.functional.one_hot(y, 10) * 2
    loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for inputs, labels in loader:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
