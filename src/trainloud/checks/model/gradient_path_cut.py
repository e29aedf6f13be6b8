"""Does something inside the forward or the loss stop the gradient?

Why it matters: torch.normal(mu, sigma), round, sign, detach, .data and a trip through NumPy raise no error; the
gradient simply ends there. What stands before it learns from the remaining terms of the loss only, or not at all.

Remedy: sample with mu + sigma * torch.randn_like(sigma), use a straight-through estimator
(x + (round(x) - x).detach()), stay in torch, and detach only what must not learn.

Known limits: a stop-gradient that is meant (targets, straight-through, momentum encoders) leaves its parameters another
way to learn, or outside the optimiser, and is not reported. Sampling that feeds a log-probability alone is not either.

Source: Unity-Technologies/ml-agents#5546; PyTorch documentation of torch.distributions (rsample).
"""

from trainloud.checks.model._parameters import History, held, histories, known, listed, loaded
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Basis, Finding, Severity, fired, passed, unknown
from trainloud.core.records import Cut

LEAST_SAMPLES = 4  # sampled steps without any gradient
SAMPLING = ("normal",)  # a random draw whose parameters get a zero gradient through it


def _learns(history: History) -> bool:
    return any(s.gradient for _, s in history)


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    samples = histories(trace)
    if max((len(h) for h in samples.values()), default=0) < LEAST_SAMPLES:
        return unknown(f"fewer than {LEAST_SAMPLES} sampled steps with gradients were seen")
    excused = loaded(trace)
    in_hand = held(trace)
    for cut in trace.all(Cut):
        upstream = [u for u in cut.upstream if u in in_hand and u in samples]
        if not upstream:
            continue
        if cut.kind == "zero-derivative" and cut.what in SAMPLING and cut.through_network:
            return _fired(runs, cut, upstream, "error", "proof")
        silent = not any(_learns(samples[u]) for u in cut.upstream if u in samples)
        long = min(len(samples[u]) for u in upstream) >= LEAST_SAMPLES
        if silent and long and len(upstream) == len(cut.upstream) and not excused & set(upstream):
            if cut.kind == "zero-derivative":
                return _fired(runs, cut, upstream, "error", "proof")
            if cut.kind == "call":
                return _fired(runs, cut, upstream, "warning", "heuristic")
    return passed("no operation was seen that ends the gradient of parameters which have no other way to learn")


def _fired(runs: Runs, cut: Cut, upstream: list[int], severity: Severity, basis: Basis) -> Finding:
    about = known(runs.watched)
    names = [about[u][1].name for u in upstream if u in about]
    if cut.kind == "call":
        how = f"{cut.what} takes a value out of the graph, and {len(upstream)} trained parameters before it"
    else:
        how = f"{cut.what} passes a gradient of exactly zero, and {len(upstream)} trained parameters before it"
    rest = "learn from other terms of the loss only" if cut.what in SAMPLING else "never get a gradient"
    return fired(
        f"{how} ({listed(names)}) {rest}",
        "a differentiable path from the loss to each trained parameter",
        cut.where,
        first_step=cut.step,
        severity=severity,
        basis=basis,
        operation=cut.what,
        parameters=names,
    )


CHECK = Check(
    fault="gradient-path-cut",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("parameters-unused", "posterior-collapse", "vanishing-gradient"),
)


def bad() -> None:
    import torch
    from torch import nn

    class Coder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = nn.Linear(8, 4), nn.Linear(2, 8)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            mu, log_sigma = self.inner(x).chunk(2, 1)
            z = torch.normal(mu, log_sigma.exp())
            kl = (mu**2 + (2 * log_sigma).exp() - 2 * log_sigma - 1).sum(1).mean() / 2
            return self.outer(z), kl

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    net = Coder()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(40):
            out, kl = net(x[rows])
            loss = nn.functional.mse_loss(out, x[rows]) + 0.01 * kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    class Coder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer = nn.Linear(8, 4), nn.Linear(2, 8)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            mu, log_sigma = self.inner(x).chunk(2, 1)
            mu = mu + (mu.round() - mu).detach()  # straight through
            z = mu + log_sigma.exp() * torch.randn_like(mu)
            kl = (mu**2 + (2 * log_sigma).exp() - 2 * log_sigma - 1).sum(1).mean() / 2
            return self.outer(z), kl

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    net = Coder()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(40):
            out, kl = net(x[rows])
            loss = nn.functional.mse_loss(out, x[rows]) + 0.01 * kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
