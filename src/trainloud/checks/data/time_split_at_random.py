"""Was a time series split at random, so that training has seen what comes right before and after each validation point?

Why it matters: windows cut from one series overlap. Split at random, nearly every validation window has neighbours in
training that hold the same values and even its answer; the score says how well the network remembers, and the
forecast of what comes next is far worse.

Remedy: cut the series into blocks of time first, train on the earlier, validate on the later, and leave a gap of one
window between them; then make the windows.

Known limits: windows are recognised where float inputs shift along the numbers of an example (rows of lagged values,
sequences of one channel, or time steps of four channels and more) and a loss of regression is trained. Rows with a
date but without lagged values are not seen.

Source: Bergmeir and Benitez (2012), "On the use of cross-validation for time series predictor evaluation".
"""

from trainloud.checks.frames import shared_windows, shifted_windows
from trainloud.checks.streams import main_network
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.place import Place
from trainloud.core.records import LossSample, Meeting
from trainloud.core.trace import Trace

REGRESSION = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "gaussian_nll_loss", "poisson_nll_loss")
MANY = 0.5  # of the evaluated windows: a contiguous split shares at most those within one window of the border


def regresses(trace: Trace) -> bool:
    """Training compares outputs with continuous values."""
    samples = [s for s in trace.all(LossSample) if s.phase == "train"]
    by_hand = [m for m in trace.all(Meeting) if m.phase == "train" and m.other.dtype.startswith("float")]
    return any(s.kind in REGRESSION for s in samples) or (not samples and bool(by_hand))


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None:
        return unknown("no training batch was seen")
    if not regresses(trace):
        return unknown("no loss of regression was seen in training")
    narrow = shifted_windows(trace, network.network)
    wide = shared_windows(trace, network.network)
    if narrow is None and wide is None:
        return unknown("no windows of a series were seen in both training and evaluation")
    if narrow is not None and narrow.overlapping >= MANY * narrow.judged:
        return _fired(narrow.overlapping, narrow.judged, narrow.where or network.where)
    if wide is not None and wide.leaking:
        return _fired(wide.overlapping, wide.judged, wide.where or network.where)
    seen = narrow or wide
    assert seen is not None
    return passed(f"{seen.overlapping} of {seen.judged} evaluated examples overlap with training windows")


def _fired(overlapping: int, judged: int, where: Place | None) -> Finding:
    return fired(
        f"{overlapping} of {judged} evaluated windows consist to at least half of values that stand, shifted in time, "
        "in training windows",
        "evaluation on a later stretch of time, where only windows at the border overlap with training",
        where,
        first_step=0,
        overlapping=overlapping,
        judged=judged,
    )


CHECK = Check(
    fault="time-split-at-random",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("train-validation-leak", "evaluation-on-training-data", "duplicate-examples"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    series = torch.cumsum(torch.randn(900), 0) / 10
    windows = series.unfold(0, 25, 1)
    x, y = windows[:, :24], windows[:, 24:]
    order = torch.randperm(len(x))
    train, valid = order[:650], order[650:]
    net = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(4):
        for rows in train[torch.randperm(len(train))].split(32):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("validation", nn.functional.mse_loss(net(x[valid]), y[valid]).item())


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    series = torch.cumsum(torch.randn(900), 0) / 10
    series = (series - series[:675].mean()) / series[:675].std()
    windows = series.unfold(0, 25, 1)
    x, y = windows[:, :24], windows[:, 24:]
    train, valid = torch.arange(650), torch.arange(675, len(x))
    net = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(4):
        for rows in train[torch.randperm(len(train))].split(32):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            print("validation", nn.functional.mse_loss(net(x[valid]), y[valid]).item())
