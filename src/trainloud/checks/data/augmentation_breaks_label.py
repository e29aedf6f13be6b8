"""Does random augmentation change what the label means, but not the label?

Why it matters: a mirrored left turn is a right turn, a flipped 6 is a 9. Where the flip is random and the label stays,
the same picture comes with two labels, and no network can tell them apart: those classes stay at a coin's toss.

Remedy: leave out the transformation, or change the label with it.

Known limits: asked only where examples change from epoch to epoch and training has not come near zero. The random
draws of training are held at one value, once near 1 (so that `if random() < p` never augments) and once at 0. Held-out
figures decide, on held-out examples that are the same in each pass: augmentation that merely slows training down is
left alone.

Source: Karpathy (2019), "A Recipe for Training Neural Networks", step 4 ("data augment"); open-mmlab/mmaction2#590.
"""

from collections.abc import Sequence

from trainloud.checks.learning import (
    chance,
    held_out,
    losses,
    not_comparable,
    shown,
    stands_still,
    start_of,
    wrong_share,
)
from trainloud.checks.streams import epochs, main_network, pass_prints, prints, train_prints
from trainloud.core.check import Check, Runs
from trainloud.core.experiment import Experiment
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Iteration
from trainloud.core.trace import Trace
from trainloud.experiments.compare import drop, end_of

OFF = Experiment(("random-draws=0.999",), question="is the network better without random augmentation?")
ALWAYS = Experiment(("random-draws=0",), question="is the network better with augmentation always on?")
CHANGING = 0.1  # share of an epoch's examples with other bits than in the epoch before
UNSOLVED = 0.05  # of the loss at the start that is left at the end: below, augmentation costs little
HALVED = 0.6  # of the held-out error as it is, that is left at most
LOWER = 0.5  # of the training loss as it is, that is left at most
CONSTANT = 0.9  # share of a pass's examples that come in another pass of the same run
COMMON = 0.1  # the same between two runs: a script without a seed splits its data anew in each
SURE = 4.0  # standard errors between two shares of wrong predictions


def changing(trace: Trace) -> float:
    """Share of the second epoch's examples whose bits did not come in the first.

    Without a loader: share of the last examples whose bits had not come before, if some of them had.
    """
    network = main_network(trace)
    if network is None:
        return 0.0
    whole = epochs(trace, network.network)
    if len(whole) > 1:
        first, second = set(prints(whole[0])), prints(whole[1])
    else:
        drawn = train_prints(trace, network.network)
        cut = len(drawn) * 4 // 5
        first, second = set(drawn[:cut]), drawn[cut:]
    new = sum(p not in first for p in second) / len(second) if second else 0.0
    return new if len(whole) > 1 or new < 1 - CHANGING else 0.0


def relevant(runs: Runs) -> bool:
    left = end_of(losses(runs.watched)).mean
    return changing(runs.watched) >= CHANGING and left > UNSOLVED * abs(start_of(runs.watched))


def same_held_out(a: Trace, b: Trace) -> bool:
    """Both runs were scored on examples of the same kind: the same in each pass of a run, and some common to both."""
    passes = [[set(pass_prints(t, p)) for p in [q for q in t.passes if q.scored] or t.passes] for t in (a, b)]
    if not all(p and p[-1] for p in passes):
        return False
    constant = all(_common(p[0], p[-1]) > CONSTANT for p in passes)
    return constant and _common(passes[0][-1], passes[1][-1]) > (COMMON if min(map(len, passes)) > 1 else CONSTANT)


def _common(a: set[int], b: set[int]) -> float:
    return len(a & b) / max(min(len(a), len(b)), 1)


def asks(runs: Runs) -> Sequence[Experiment]:
    if not_comparable(runs.watched) or not relevant(runs) or not held_out(runs.watched):
        return ()
    return (OFF, ALWAYS)


def judge(runs: Runs) -> Finding:
    watched = runs.watched
    if why := not_comparable(watched):
        return unknown(why)
    share = changing(watched)
    if share < CHANGING:
        return passed(f"{share:.0%} of the examples came with other bits when they came again")
    end = end_of(losses(watched))
    if not relevant(runs):
        return passed(f"with random augmentation the loss ends at {shown(end)}")
    if not held_out(watched):
        return unknown("no held-out figure was seen that could decide")
    tried = [e for e in (OFF, ALWAYS) if e.name in runs and held_out(runs[e.name])]
    if not tried:
        return unknown(runs.why_not(OFF.name))
    if not all(same_held_out(watched, runs[e.name]) for e in tried):
        return unknown("the held-out examples are drawn at random too, so that their figures cannot be compared")
    best = min(tried, key=lambda e: held_out(runs[e.name])[-1][1])
    error, without = held_out(watched)[-1], held_out(runs[best.name])[-1]
    said = (
        f"the training loss ends at {shown(end)} with random augmentation, at {shown(losses(runs[best.name]))} with "
        f"its draws held at {best.name.partition('=')[2]}; the held-out error is {error[1]:.4g} against "
        f"{without[1]:.4g}"
    )
    gain = drop(losses(watched), losses(runs[best.name]))
    if not stands_still(watched, start_of(watched)):
        return passed(f"{said}; the training loss still falls, and augmentation may merely slow it down")
    harmed = without[1] < HALVED * error[1] and gain.beyond() and gain.mean > LOWER * abs(end.mean)
    if not (harmed and _significant(watched, runs[best.name], error, without)):
        return passed(said)
    loader = next((i for i in watched.all(Iteration) if i.phase == "train"), None)
    return fired(
        f"{said}: the augmentation makes examples that contradict their labels",
        "a held-out error that random augmentation does not raise",
        loader.made if loader else None,
        first_step=0,
        changing=share,
        chance=chance(runs),
        held_out={"as it is": error[1], best.name: without[1]},
    )


def _significant(a: Trace, b: Trace, error: tuple[int, float, int], without: tuple[int, float, int]) -> bool:
    """Two shares of wrong predictions by the normal approximation; mean losses by their ratio alone."""
    if not (wrong_share(a) and wrong_share(b)):
        return True
    p, q, n = wrong_share(a)[-1][1], wrong_share(b)[-1][1], min(error[2], without[2])
    deviation = ((p * (1 - p) + q * (1 - q)) / max(n, 1)) ** 0.5
    return p - q > SURE * max(deviation, 1e-9)


CHECK = Check(
    fault="augmentation-breaks-label",
    severity="error",
    basis="experiment",
    judge=judge,
    symptoms=("labels-noisy", "capacity-too-small", "class-imbalance-ignored", "learning-rate-too-high"),
    needs=("random-draws",),
    asks=asks,
)


def bad() -> None:
    import random

    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    random.seed(0)
    torch.manual_seed(0)

    class Arrows(Dataset):  # type: ignore[type-arg]
        def __init__(self, count, augment):
            self.y = torch.randint(0, 2, (count,))
            self.x = 0.3 * torch.randn(count, 1, 8, 8)
            for k in range(count):
                self.x[k, 0, :, :4] += 1.0 if self.y[k] else 0.0
                self.x[k, 0, :, 4:] += 0.0 if self.y[k] else 1.0
            self.augment = augment

        def __len__(self):
            return len(self.y)

        def __getitem__(self, k):
            x = self.x[k]
            if self.augment and random.random() < 0.5:
                x = x.flip(-1)
            return x, self.y[k]

    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    train, valid = DataLoader(Arrows(400, True), 20, shuffle=True), DataLoader(Arrows(400, False), 100)
    for _ in range(5):
        net.train()
        for x, y in train:
            loss = nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            right = sum((net(x).argmax(1) == y).sum().item() for x, y in valid)
        print("right", right / 400)


def good() -> None:
    import random

    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    random.seed(0)
    torch.manual_seed(0)

    class Arrows(Dataset):  # type: ignore[type-arg]
        def __init__(self, count, augment):
            self.y = torch.randint(0, 2, (count,))
            self.x = 0.3 * torch.randn(count, 1, 8, 8)
            for k in range(count):
                self.x[k, 0, :, :4] += 1.0 if self.y[k] else 0.0
                self.x[k, 0, :, 4:] += 0.0 if self.y[k] else 1.0
            self.augment = augment

        def __len__(self):
            return len(self.y)

        def __getitem__(self, k):
            x = self.x[k]
            if self.augment and random.random() < 0.5:
                x = x.flip(-2)
            return x, self.y[k]

    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    train, valid = DataLoader(Arrows(400, True), 20, shuffle=True), DataLoader(Arrows(400, False), 100)
    for _ in range(5):
        net.train()
        for x, y in train:
            loss = nn.functional.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            right = sum((net(x).argmax(1) == y).sum().item() for x, y in valid)
        print("right", right / 400)
