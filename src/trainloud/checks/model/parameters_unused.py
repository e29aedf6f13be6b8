"""Are there trainable parameters that never take part?

Why it matters: a layer that was declared and then forgotten in `forward` makes the network smaller than its author
believes, and stops DistributedDataParallel.

Remedy: call the layer in `forward`, or delete it.

Known limits: a warning for layers that the person's own code declares and an optimiser holds; a note for parts of
library models, which carry heads that a task does not need (poolers). Layers that serve in a later phase of training
count as unused until then.

Source: PyTorch DistributedDataParallel documentation ("find_unused_parameters").
"""

from trainloud.checks.model._parameters import elements, held, histories, known, listed
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Cut

LEAST_SAMPLES = 4  # sampled steps


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    about = known(trace)
    ran = {u for c in trace.all(Cut) for u in c.upstream}
    cut = {u for c in trace.all(Cut) if c.kind != "detached" for u in c.upstream}
    judged = {u: h for u, h in histories(trace).items() if u in about and len(h) >= LEAST_SAMPLES}
    if not any(s.gradient for h in judged.values() for _, s in h):
        return unknown(f"fewer than {LEAST_SAMPLES} sampled steps with gradients were seen")
    unused = [about[u] for u, h in judged.items() if u not in cut and all(s.gradient is None for _, s in h)]
    if not unused:
        if any(all(s.gradient is None for _, s in h) for h in judged.values()):
            return passed("each trainable parameter without a gradient stands before a place that ends the gradient")
        return passed(f"each of {len(judged)} trainable parameters got a gradient in some sampled step")
    network = unused[0][0]
    names = [p.name for n, p in unused if n is network]
    own = held(trace)
    share = sum(elements(p) for _, p in unused) / max(sum(elements(about[u][1]) for u in judged), 1)
    ran_too = any(p.uid in ran for _, p in unused)
    how = "; what their layers give is dropped before the loss" if ran_too else " and take no part in the forward"
    return fired(
        f"{len(unused)} of {len(judged)} trainable parameters never got a gradient{how} "
        f"({share:.1%} of the elements): {listed(names)}",
        "each trainable parameter takes part",
        network.defined or network.where,
        first_step=network.step,
        severity="warning" if any(p.declared and p.uid in own for _, p in unused) else "note",
        parameters=names,
        share=share,
    )


CHECK = Check(fault="parameters-unused", severity="warning", basis="proof", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.c(self.a(x).relu())

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x[:, 0] > 0).long()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.c(self.b(self.a(x).relu()).relu())

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x[:, 0] > 0).long()
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
