"""Is only a part of the validation set ever scored?

Why it matters: a figure over the first batch, or without the last one, is not the figure of the validation
set: it is noisier, and where the order follows classes it is about some classes only.

Remedy: score every batch (no `break` or early `return` in the loop) and leave `drop_last=False` on evaluation
loaders; if a part is enough, draw it at random and say so.

Known limits: only DataLoaders of known length are judged, not batches cut by hand; one complete pass over the
data set anywhere in the run is enough to pass, and so is drawing another random part each time.

Source: silent-bug reports on a `return` inside the evaluation loop; DataLoader documentation, drop_last.
"""

from collections.abc import Sequence

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Batch, Iteration
from trainloud.core.trace import Trace, unpack_prints

LEAST_PASSES = 2  # one early stop is a sanity check or a look at a picture
LOST = 0.02  # share of the examples that drop_last may lose
LOST_WARNING = 0.1  # from here on a warning


def scored_sets(trace: Trace) -> dict[int, list[Iteration]]:
    """Data set -> its evaluation iterations; sets that are also trained on are left out."""
    trained = {i.dataset for i in trace.all(Iteration) if i.phase == "train"}
    used = {b.iteration for b in trace.all(Batch) if b.phase == "eval" and b.passage >= 0}
    found: dict[int, list[Iteration]] = {}
    for i in trace.all(Iteration):
        if i.phase == "eval" and i.dataset not in trained and i.iteration in used and i.length:
            found.setdefault(i.dataset, []).append(i)
    return found


def complete(one: Iteration) -> bool:
    return one.exhausted or (one.length is not None and one.drawn >= one.length)


def same_part(some: Sequence[Iteration]) -> bool:
    """Each pass drew the same positions, as far as is known: not a new random part each time."""
    drawn = [unpack_prints(i.indices) for i in some if i.indices]
    if len(drawn) < LEAST_PASSES:
        return True
    shortest = min(map(len, drawn))
    parts = [set(d[:shortest]) for d in drawn]
    return all(len(parts[0] & p) >= 0.9 * len(parts[0]) for p in parts[1:])


def lost_share(trace: Trace, one: Iteration) -> float:
    """Share of the data set that drop_last left out of a complete iteration."""
    sizes = [b.size for b in trace.all(Batch) if b.iteration == one.iteration and b.passage >= 0]
    count = len(unpack_prints(one.indices)) if one.indices else one.drawn * max(sizes, default=0)
    if not one.drop_last or not one.dataset_length or not count or count > one.dataset_length:
        return 0.0
    return 1 - count / one.dataset_length


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    groups = scored_sets(trace)
    if not groups:
        return unknown("no evaluation loader of known length with a data set of its own was seen")
    lost = 0.0
    for some in groups.values():
        whole = [i for i in some if complete(i)]
        if not whole and len(some) >= LEAST_PASSES and same_part(some):
            first = some[0]
            most = max(i.drawn / (i.length or 1) for i in some)
            return fired(
                f"none of {len(some)} evaluation passes over this data set went to its end: at most {most:.0%} of its "
                f"batches were scored ({first.drawn} of {first.length} in the first pass), the same part each time",
                "all batches of the evaluation set scored",
                first.where,
                first_step=first.step,
                share=most,
            )
        least = min((lost_share(trace, i) for i in whole), default=0.0)
        lost = max(lost, least)
        if least > LOST:
            return fired(
                f"drop_last leaves {least:.1%} of the {whole[0].dataset_length} evaluation examples unscored",
                f"every example scored (at most {LOST:.0%} lost)",
                whole[0].made or whole[0].where,
                first_step=whole[0].step,
                severity="warning" if least > LOST_WARNING else "note",
                lost=least,
            )
    if any(not any(map(complete, some)) for some in groups.values()):
        return unknown("an evaluation set was drawn from in part only, once or at random")
    return passed(f"{len(groups)} evaluation sets were scored to their end ({lost:.1%} lost)")


CHECK = Check(
    fault="evaluation-incomplete",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("metric-averaged-over-uneven-batches",),
)


def bad() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    train = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=50, shuffle=True)
    validation = DataLoader(TensorDataset(x[400:], y[400:]), batch_size=50)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)

    def accuracy():
        right = total = 0
        with torch.no_grad():
            for inputs, labels in validation:
                right += (net(inputs).argmax(1) == labels).sum().item()
                total += len(labels)
                return right / total

    for _ in range(4):
        for inputs, labels in train:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print("validation", accuracy())


def good() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    train = DataLoader(TensorDataset(x[:400], y[:400]), batch_size=50, shuffle=True)
    validation = DataLoader(TensorDataset(x[400:], y[400:]), batch_size=50)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)

    def accuracy():
        right = total = 0
        with torch.no_grad():
            for inputs, labels in validation:
                right += (net(inputs).argmax(1) == labels).sum().item()
                total += len(labels)
        return right / total

    for _ in range(4):
        for inputs, labels in train:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print("validation", accuracy())
