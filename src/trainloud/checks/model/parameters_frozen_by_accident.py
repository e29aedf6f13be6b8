"""Do layers that the optimiser is to train run without gradients?

Why it matters: a forgotten `torch.no_grad()` around a part of the forward freezes that part. Its weights stay random,
the optimiser holds them and moves nothing, and the rest learns on top.

Remedy: remove the no_grad, or, if the part is to be frozen, set requires_grad to False and keep it from the optimiser.

Known limits: a backbone whose weights were loaded from a state dict is taken to be frozen on purpose, as is one that
the optimiser does not hold. Parameters with requires_grad False are a choice that this check does not question.

Source: faults seen in fine-tuning scripts; pytorch/pytorch documentation of torch.no_grad.
"""

from trainloud.checks.model._parameters import held, histories, known, listed, loaded
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Checkpoint, Cut

LEAST_SAMPLES = 4  # sampled steps without a gradient


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    samples = histories(trace)
    if max((len(h) for h in samples.values()), default=0) < LEAST_SAMPLES:
        return unknown(f"fewer than {LEAST_SAMPLES} sampled steps with gradients were seen")
    about, in_hand, from_file = known(trace), held(trace), loaded(trace)
    frozen: dict[int, Cut] = {}
    for cut in trace.all(Cut):
        if cut.kind == "no-grad" and in_hand.issuperset(cut.upstream) and not from_file & set(cut.upstream):
            if all(s.gradient is None for u in cut.upstream for _, s in samples.get(u, ())):
                frozen |= dict.fromkeys(cut.upstream, cut)
    if not frozen:
        return passed("every layer that ran without gradients was loaded, or is not in the optimiser's hands")
    cut = next(iter(frozen.values()))
    names = [about[u][1].name for u in frozen if u in about]
    pretrained = any(c.action == "load" for c in trace.all(Checkpoint))
    return fired(
        f"{len(frozen)} parameters that an optimiser holds ({listed(names)}) belong to layers that ran with gradients "
        f"off inside a training forward, and got none in {max(len(samples.get(u, ())) for u in frozen)} sampled steps",
        "gradients on, or parameters that no optimiser holds",
        cut.where,
        first_step=cut.step,
        severity="note" if pretrained else "warning",
        parameters=names,
    )


CHECK = Check(
    fault="parameters-frozen-by-accident",
    severity="warning",
    basis="heuristic",
    judge=judge,
    symptoms=("parameters-unused", "gradient-path-cut"),
)


def bad() -> None:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(8, 16), nn.Linear(16, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                x = self.body(x).relu()
            return self.head(x)

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
            self.body, self.head = nn.Linear(8, 16), nn.Linear(16, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():  # frozen on purpose: the optimiser has the head alone
                x = self.body(x).relu()
            return self.head(x)

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x[:, 0] > 0).long()
    net = Net()
    optimizer = torch.optim.Adam(net.head.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
