"""Does every prediction meet its own target, or does broadcasting pair each with all?

Why it matters: a prediction of shape (N, 1) minus a target of shape (N,) has shape (N, N). The mean over it
pulls every prediction towards the mean of the batch: the loss falls a little and the network learns the
average. PyTorch warns for mse_loss; a hand-written loss says nothing.

Remedy: give both the same shape before the loss: `pred.squeeze(1)`, or `target.unsqueeze(1)`.

Known limits: a hand-written loss is seen where it subtracts the target from a network's output outside the
network and without torch.compile. Pairs made on purpose with `unsqueeze` or `[:, None]` are left alone.

Source: deepset-ai/FARM#229; LAMDA-Tabular/TALENT#92.
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.place import Place
from trainloud.core.records import Batch, LossSample, Meeting

ELEMENTWISE = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss", "kl_div", "soft_margin_loss")
DIFFERENCES = ("sub", "rsub", "subtract")
Shape = tuple[int, ...]


def broadcast(a: Shape, b: Shape) -> Shape:
    """The shape of an elementwise operation on two tensors; () if they do not fit."""
    width = max(len(a), len(b))
    pairs = zip((1,) * (width - len(a)) + a, (1,) * (width - len(b)) + b, strict=True)
    shape = []
    for m, n in pairs:
        if m != n and 1 not in (m, n):
            return ()
        shape.append(max(m, n))
    return tuple(shape)


def blown_up(a: Shape, b: Shape) -> bool:
    """Equal but for axes of length 1, in a different number of axes, and larger together than either."""
    if len(a) == len(b) or [n for n in a if n != 1] != [n for n in b if n != 1]:
        return False
    return broadcast(a, b) not in ((), a, b)


def faults(runs: Runs) -> list[tuple[int, str, Place | None, Shape, Shape, Shape]]:
    """(step, what, where, prediction, target, result) of every meeting of training that blew up, in order."""
    trace = runs.watched
    found = []
    for s in trace.all(LossSample):
        if s.phase == "train" and s.kind in ELEMENTWISE and blown_up(s.input.shape, s.target.shape):
            result = broadcast(s.input.shape, s.target.shape)
            found.append((s.step, s.kind, s.where, s.input.shape, s.target.shape, result))
    sizes = {(b.step, b.size) for b in trace.trained_batches}
    for m in trace.all(Meeting):
        a, b = m.output.shape, m.other.shape
        if m.phase != "train" or m.op not in DIFFERENCES or m.axis_added or not blown_up(a, b):
            continue
        if (m.step, a[0]) in sizes and a[0] == b[0]:
            found.append((m.step, "a subtraction", m.where, a, b, m.result_shape))
    return sorted(found, key=lambda f: f[0])


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    losses = [s for s in trace.all(LossSample) if s.phase == "train"]
    meetings = [m for m in trace.all(Meeting) if m.phase == "train" and m.op in DIFFERENCES]
    bad = faults(runs)
    if bad:
        step, what, where, given, target, result = bad[0]
        return fired(
            f"{what} gets a prediction of shape {given} and a target of shape {target}: broadcasting makes "
            f"{result}, each prediction against every target, at {len({b[0] for b in bad})} sampled steps",
            f"both of one shape, {max(given, target, key=len)[:1]} examples against their own targets",
            where,
            first_step=step,
            prediction=given,
            target=target,
            result=result,
        )
    if losses:
        return passed(f"{losses[0].kind} gets {losses[0].input.shape} and {losses[0].target.shape}")
    if meetings and trace.all(Batch):
        return passed(f"a prediction of {meetings[0].output.shape} meets a target of {meetings[0].other.shape}")
    return unknown("no loss function of torch was called, and no output was seen to meet a target")


CHECK = Check(
    fault="loss-broadcast",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("learning-rate-too-low", "input-ignored", "inputs-and-labels-misaligned", "final-bias-not-initialised"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 5)
    y = x @ torch.randn(5)
    net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(400).split(50):
            loss = ((net(x[rows]) - y[rows]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 5)
    y = x @ torch.randn(5)
    net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(400).split(50):
            loss = ((net(x[rows]).squeeze(1) - y[rows]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
