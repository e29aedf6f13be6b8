"""Does a penalty on the weights outweigh the loss on the data?

Why it matters: a sum of squares over all weights is a large number; with a factor that looks small it still outweighs a
mean over a batch. The optimiser then shrinks the weights, and hardly looks at the data.

Remedy: print both parts. Lower the factor until the data's part leads, or use the optimiser's `weight_decay`.

Known limits: seen where the penalty is computed from weights alone and added to what the networks' outputs gave. A
penalty on activations or on a latent's distribution is not told from a part of the task.

Source: Karpathy, "A Recipe for Training Neural Networks" (regularise last); PyTorch forum, "L1/L2 regularization".
"""

from statistics import median

from trainloud.checks.objectives import by_step
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Objective
from trainloud.core.trace import Trace

LEAST = 3  # sampled backwards with a penalty
TIMES = 10.0  # gradient of the penalty over the rest: the data's part is under a tenth
HARMFUL = 2.0  # the same, where the loss on the data has hardly fallen
HARDLY = 0.1  # of the first sampled ones, by which it has
STILL = 0.5  # times: later on the two are in balance where the weights have given way, never far below
FIRST = 8  # sampled backwards: before the weights have given way
LEAST_SHARE = 0.5  # of the trained elements are under the penalty


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    known = [o for group in by_step(trace).values() for o in group if o.penalty is not None and o.data is not None]
    if not known:
        seen = len(trace.all(Objective))
        if not seen:
            return unknown("no backward was looked at closely")
        return passed(f"none of {seen} sampled backwards had a part made of weights alone")
    if len(known) < LEAST:
        return unknown(f"a penalty was seen in {len(known)} backwards; at least {LEAST} are needed")
    ratios = [o.penalty / max(o.data, 1e-30) for o in known if o.penalty is not None and o.data is not None]
    early = median(ratios[:FIRST])
    share = _share(trace, known[0])
    if early < (HARMFUL if _data_stands_still(known) else TIMES) or median(ratios) < STILL or share < LEAST_SHARE:
        return passed(
            f"the penalty's gradient is {early:.2g} times the data's in the first steps, on {share:.0%} of the weights"
        )
    first = known[0]
    return fired(
        f"a penalty on {first.penalised} weights ({share:.0%} of those trained) gives a gradient of norm "
        f"{first.penalty:.3g} at step {first.step}, the rest of the objective {first.data:.3g}: {early:.3g} times as "
        f"much over the first {min(FIRST, len(known))} sampled backwards" + _value(first),
        "a penalty whose gradient is well below that of the data",
        first.penalty_where or first.where,
        first_step=first.step,
        ratio=early,
        ratio_all=median(ratios),
        sampled=len(known),
    )


def _data_stands_still(known: list[Objective]) -> bool:
    """The part of the objective that is a loss is hardly lower at the end of the samples than at the beginning."""
    values = [sum(p) for o in known if (p := [t.value * t.weight for t in o.terms if t.value is not None])]
    if len(values) < 2 * LEAST:
        return False
    first, last = median(values[:LEAST]), median(values[-LEAST:])
    return last > first - HARDLY * abs(first)


def _share(trace: Trace, o: Objective) -> float:
    """Share of the trained elements that stand under the penalty."""
    shapes = {p.uid: p.shape for n in trace.networks.values() for p in n.parameters if p.requires_grad}
    whole = 0
    for shape in shapes.values():
        size = 1
        for n in shape:
            size *= n
        whole += size
    return min(o.penalised / whole, 1.0) if whole else 1.0


def _value(o: Objective) -> str:
    parts = [t.value * t.weight for t in o.terms if t.value is not None and t.reduction != "sum"]
    return f"; backward starts from {o.value:.4g}, of which {sum(parts):.4g} is the loss" if parts and o.value else ""


CHECK = Check(
    fault="penalty-dominates-loss",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("weight-decay-too-strong", "vanishing-gradient", "capacity-too-small", "input-ignored",
              "learning-rate-too-low", "dead-relu", "bad-initialisation", "exploding-gradient"),
)  # fmt: skip


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            loss = loss + 1.0 * sum(p.pow(2).sum() for p in net.parameters())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            loss = loss + 1e-4 * sum(p.pow(2).sum() for p in net.parameters())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
