"""Do the batch norms of a frozen backbone keep changing?

Why it matters: requires_grad=False stops gradients, not running statistics. In training mode the norms of a frozen,
pretrained part normalise with each batch and move their statistics to the new data, so the features that the head
was trained on are not those that it gets in evaluation.

Remedy: after `model.train()` put the frozen part back: `backbone.eval()`.

Known limits: asked of norms that came with statistics, whose surrounding module has no trainable parameter at any
sampled step, and whose statistics have moved. Moving them on purpose (adapting to a new domain) looks the same.

Source: PyTorch documentation, "Locally disabling gradient computation" (evaluation mode); keras-team/keras#9214.
"""

from collections import defaultdict

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import NormEval, NormInput

DRIFT = 0.1  # of the running mean, in running standard deviations, in the median over channels
LEAST = 3  # sampled forwards


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    if not trace.networks:
        return unknown("no trained network was seen")
    groups: dict[tuple[int, str], list[NormInput]] = defaultdict(list)
    for n in trace.all(NormInput):
        groups[n.network, n.module].append(n)
    frozen = {k: g for k, g in groups.items() if len(g) >= LEAST and g[0].updates > 0 and all(n.frozen for n in g)}
    moved = {k: g for k, g in frozen.items() if g[-1].drift > DRIFT}
    if moved:
        (number, name), group = max(moved.items(), key=lambda item: item[1][-1].drift)
        last = group[-1]
        network = trace.networks.get(number)
        return fired(
            f"{len(moved)} batch norms of frozen modules run in training mode; the running mean of {name!r} has "
            "moved by "
            f"{last.drift:.2g} standard deviations in {last.updates - group[0].updates} batches",
            "statistics that stay as they were loaded: evaluation mode for the frozen part",
            network.where if network is not None else last.where,
            first_step=group[0].step,
            drift=last.drift,
            norms=len(moved),
        )
    if not groups and not trace.all(NormEval):
        return unknown("no batch norm was seen")
    return passed(f"none of {len(groups)} batch norms in training mode is frozen and moves", frozen=len(frozen))


CHECK = Check(
    fault="frozen-batchnorm-drifts",
    severity="warning",
    basis="experiment",
    judge=judge,
)


def bad():
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = 3 * torch.randn(320, 6) + 2
    y = (x[:, 0] > 2).long()
    body = nn.Sequential(nn.Linear(6, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU())
    net = nn.Sequential(body, nn.Linear(16, 2))
    for _ in range(40):
        body(x - 2)  # stands for pretraining on other data
    for p in body.parameters():
        p.requires_grad = False
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
    body = nn.Sequential(nn.Linear(6, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU())
    net = nn.Sequential(body, nn.Linear(16, 2))
    for _ in range(40):
        body(x - 2)  # stands for pretraining on other data
    for p in body.parameters():
        p.requires_grad = False
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        net.train()
        body.eval()
        for rows in torch.randperm(256).split(32):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            print((net(x[256:]).argmax(1) == y[256:]).float().mean())
