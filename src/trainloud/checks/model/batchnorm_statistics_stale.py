"""Does batch norm evaluate with statistics of the data?

Why it matters: in evaluation a batch norm uses its running mean and variance. With a momentum of 0, or in an averaged
copy whose norms were never updated, they are still 0 and 1; with a momentum near 1 they are those of the last batch
alone. Training looks well and validation is worse, or jumps from epoch to epoch.

Remedy: leave `momentum` at 0.1: in PyTorch it is the share of the new batch, so what other libraries call 0.99 is 0.01
here. After averaging weights run `torch.optim.swa_utils.update_bn(loader, model)`.

Known limits: asked of networks that were seen in evaluation mode. A running mean that lags behind is reported only
after many batches and where it lies more than a standard deviation away.

Source: PyTorch documentation of BatchNorm2d (momentum) and torch.optim.swa_utils.update_bn.
"""

from collections import defaultdict

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import NormEval, NormInput

NEAR_ONE = 0.9  # momentum at which nine tenths of the statistics are the last batch's
LEAST_UPDATES = 50  # batches after which a running mean should have arrived
SLOW = 0.05  # momentum under which it may not have
AWAY = 1.0  # standard deviations between the running mean and the batch's, in the median over channels
LEAST = 3  # sampled forwards


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    evaluated = trace.all(NormEval)
    if not evaluated:
        return unknown("no network with batch norms was seen in evaluation mode after training began")
    for e in evaluated:
        if e.fresh:
            which = "the network" if e.trained else "a copy of a network"
            return fired(
                f"{e.fresh} of {e.norms} batch norms (first {e.module!r}) of {which} evaluated at step {e.step} "
                "still hold "
                "the statistics that they were made with: mean 0 and variance 1",
                "running statistics that training batches have updated",
                e.where,
                first_step=e.step,
                fresh=e.fresh,
            )
    networks = {e.network for e in evaluated}
    groups: dict[tuple[int, str], list[NormInput]] = defaultdict(list)
    for n in trace.all(NormInput):
        if n.network in networks and not n.frozen:
            groups[n.network, n.module].append(n)
    for (_, name), group in groups.items():
        found = _stale(name, group)
        if found is not None:
            return found
    return passed(f"{len(groups)} batch norms keep running statistics of the data", norms=len(groups))


def _stale(name: str, group: list[NormInput]) -> Finding | None:
    last = group[-1]
    if last.momentum is None or len(group) < LEAST:
        return None
    if last.momentum >= NEAR_ONE:
        return fired(
            f"batch norm {name!r} has momentum {last.momentum:g}: {last.momentum:.0%} of the statistics that it "
            "evaluates "
            f"with are the last batch's, of {last.batch} examples",
            "a momentum of about 0.1, the share of the new batch",
            last.where,
            first_step=group[0].step,
            momentum=last.momentum,
        )
    late = [n for n in group if n.updates >= LEAST_UPDATES]
    if len(late) >= LEAST and last.momentum < SLOW and all(n.away > AWAY for n in late[-LEAST:]):
        return fired(
            f"after {last.updates} batches at momentum {last.momentum:g} the running mean of batch norm {name!r} is "
            f"{last.away:.2g} standard deviations away from the batch's",
            f"less than {AWAY:g}",
            last.where,
            first_step=last.step,
            away=last.away,
        )
    return None


CHECK = Check(
    fault="batchnorm-statistics-stale",
    severity="warning",
    basis="experiment",
    judge=judge,
    symptoms=("train-eval-preprocessing-mismatch",),
)


def bad():
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = 3 * torch.randn(320, 6) + 2
    y = (x[:, 0] > 2).long()
    net = nn.Sequential(nn.Linear(6, 16, bias=False), nn.BatchNorm1d(16, momentum=0.0), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        net.train()
        for rows in torch.randperm(256).split(32):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            print((net(x[256:]).argmax(1) == y[256:]).float().mean())


def good():
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = 3 * torch.randn(320, 6) + 2
    y = (x[:, 0] > 2).long()
    net = nn.Sequential(nn.Linear(6, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        net.train()
        for rows in torch.randperm(256).split(32):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            print((net(x[256:]).argmax(1) == y[256:]).float().mean())
