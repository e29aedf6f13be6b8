"""Do the same examples, or windows cut from the same sequence, stand in training and in validation?

Why it matters: a network can know by heart what it has seen. A validation figure on examples from training
measures memory, not generalisation, and every decision made with it (the epoch, the settings) is wrong.

Remedy: split once, before anything is copied, cut into windows or augmented; split by group (person,
utterance, document, day) where examples belong together; assert that the two sets of identifiers are
disjoint.

Known limits: judged by exact fingerprints of what entered the network, so near copies and groups without
shared values are not seen; what repeats naturally inside training (short discrete inputs) is taken off;
data that are augmented anew each time cannot be compared; sequences of a single channel are compared as
wholes only.

Source: Kapoor and Narayanan 2023, Leakage and the reproducibility crisis in machine-learning-based science.
"""

from collections import Counter

from trainloud.checks.examples import Evaluated, continuous, evaluated, ever_changing, natural_rate, width
from trainloud.checks.frames import Windows, shared_windows
from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Network

SHARED = 0.05  # of a validation set, beyond the natural rate: chance copies are rarer
SHARED_NOTE = 0.01  # of a validation set: worth a note
LEAST_SHARED = 10  # examples
LEAST_SCORED = 30  # examples of a validation set
LEAST_NUMBERS = 4  # that make up an example: fewer repeat by nature
COVERED = 0.98  # of training: from here on the evaluated set is the training set itself


def suspects(groups: list[Evaluated], total: Counter[int]) -> list[Evaluated]:
    """The evaluated sets that are meant to be unseen: neither the training set nor all of training."""
    return [
        g
        for g in groups
        if not g.trained and len(g.distinct) >= LEAST_SCORED and g.count and g.known < COVERED * g.count
        and len(total.keys() & g.distinct) < COVERED * len(total)
    ]  # fmt: skip


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None:
        return unknown("no training batch was seen")
    groups, total = evaluated(trace, network.network)
    if not total or not groups:
        return unknown("no evaluation pass with fingerprints was seen beside training")
    if width(trace, network.network) < LEAST_NUMBERS:
        return unknown("an example has too few numbers to be told from another")
    held_out = suspects(groups, total)
    if not held_out:
        return unknown("every evaluated set was the training data, or too small")
    windows = shared_windows(trace, network.network)
    if windows is not None and windows.leaking:
        return _windows_found(windows, network)
    # Examples of continuous numbers are equal only if they were copied: nothing is to be taken off.
    natural = 0.0 if continuous(trace, network.network) else natural_rate(trace, network.network, total)
    if natural is None:
        worst = max(held_out, key=lambda g: g.share)
        if worst.share < SHARED:
            return passed(f"{worst.share:.1%} of the evaluated examples had been seen in training")
        return unknown("training draws its examples at random with replacement, or repeats them by nature")
    if ever_changing(trace, network.network):
        return unknown("training examples change at every visit (augmentation): copies cannot be recognised")
    worst = max(held_out, key=lambda g: g.share)
    beyond = worst.share - natural
    if beyond < SHARED_NOTE or len(total.keys() & worst.distinct) < LEAST_SHARED:
        return passed(
            f"{worst.share:.1%} of the {len(worst.distinct)} evaluated examples stand in training too, against "
            f"{natural:.1%} that repeat inside training"
        )
    return _examples_found(worst, natural, total, network)


def _examples_found(worst: Evaluated, natural: float, total: Counter[int], network: Network) -> Finding:
    common = len(total.keys() & worst.distinct)
    serious = worst.share - natural >= SHARED
    return fired(
        f"{common} of the {len(worst.distinct)} distinct examples of an evaluated set had been trained on, bit for "
        f"bit ({worst.share:.1%} of its least pass), against {natural:.1%} of training examples that repeat by nature",
        "no example of validation in training",
        worst.where or network.where,
        first_step=worst.first_step,
        severity="error" if serious else "note",
        shared=worst.share,
        natural=natural,
    )


def _windows_found(windows: Windows, network: Network) -> Finding:
    return fired(
        f"of {windows.judged} evaluated sequences of {windows.per} time steps, {windows.overlapping} consist to at "
        f"least half of time steps that stand, bit for bit, in training sequences (median {windows.median:.0%})",
        "windows of one recording on one side of the split only (a border of a contiguous split aside)",
        windows.where or network.where,
        remedy="Split by recording (utterance, person, day) before cutting windows: with GroupShuffleSplit.",
        median=windows.median,
    )


CHECK = Check(
    fault="train-validation-leak",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("time-split-at-random", "evaluation-on-training-data"),
)


def bad() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    data = TensorDataset(x, y)
    train = torch.utils.data.Subset(data, torch.randperm(600)[:450].tolist())
    validation = torch.utils.data.Subset(data, torch.randperm(600)[450:].tolist())
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for inputs, labels in DataLoader(train, 32, shuffle=True):
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            for inputs, labels in DataLoader(validation, 50):
                nn.functional.cross_entropy(net(inputs), labels)


def good() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(600, 10)
    y = (x[:, :3].sum(1) > 0).long()
    data = TensorDataset(x, y)
    order = torch.randperm(600).tolist()
    train = torch.utils.data.Subset(data, order[:450])
    validation = torch.utils.data.Subset(data, order[450:])
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for inputs, labels in DataLoader(train, 32, shuffle=True):
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            for inputs, labels in DataLoader(validation, 50):
                nn.functional.cross_entropy(net(inputs), labels)
