"""Does the latent variable carry anything?

Why it matters: where the divergence term outweighs the reconstruction, or the decoder does without, the encoder gives
every example a standard normal. The loss looks settled, and samples and codes say nothing about the data.

Remedy: weigh the terms alike (both summed, or both averaged, over the same axes), raise the weight of the divergence
slowly from 0, keep some free bits for each dimension, and make the decoder weaker.

Known limits: samples of the form m + s * noise against a standard normal, at the last sampled steps of a run
of at least 100 steps.

Source: Bowman et al., Generating Sentences from a Continuous Space (2016); He et al., Lagging Inference Networks
(2019)."""

from collections import defaultdict

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.place import Place
from trainloud.core.records import Latent

NOTHING = 0.02  # nats for the strongest dimension: less than a thirtieth of a bit
STILL = 0.1  # standard deviation of the means over the examples, where noise has 1
LEAST_STEPS = 100
LATE = 0.4  # share of the run after which a sample is late
LEAST = 2  # late samples, the last of which count


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    seen = trace.all(Latent)
    if not seen:
        return unknown("no sample of the form m + s * noise was seen in a training forward")
    total = len(trace.steps)
    if total < LEAST_STEPS:
        return unknown(f"{total} steps were made; a latent variable is judged after {LEAST_STEPS}")
    sites: dict[tuple[int, Place | None], list[Latent]] = defaultdict(list)
    for n in seen:
        if n.step >= total * LATE:
            sites[n.network, n.where].append(n)
    for group in sites.values():
        if len(group) >= LEAST and all(_empty(n) for n in group[-LEAST:]):
            last = group[-1]
            return fired(
                f"the latent variable of shape {last.shape} is a standard normal for every example: its divergence is "
                f"{last.divergence:.2g} nats in all and {last.largest:.2g} in the strongest dimension at step "
                f"{last.step}, "
                f"and its means vary by {last.spread:.2g} between examples",
                "a divergence of some nats, in some dimensions",
                last.where,
                first_step=group[0].step,
                divergence=last.divergence,
                largest=last.largest,
            )
    late = [n for g in sites.values() for n in g]
    if not late:
        return unknown("no sample late in the run")
    return passed(f"the divergence from a standard normal is {late[-1].divergence:.3g} nats late in training")


def _empty(n: Latent) -> bool:
    return n.largest < NOTHING and n.spread < STILL


CHECK = Check(fault="posterior-collapse", severity="warning", basis="experiment", judge=judge)


def bad():
    import torch
    from torch import nn

    class Coder(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.outer = nn.Linear(8, 4), nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 8))

        def forward(self, x):
            mu, log_var = self.inner(x).chunk(2, 1)
            z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
            return self.outer(z), mu, log_var

    torch.manual_seed(0)
    x = torch.randn(256, 2) @ torch.randn(2, 8)
    net = Coder()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(25):
        for rows in torch.randperm(256).split(32):
            out, mu, log_var = net(x[rows])
            kl = (mu**2 + log_var.exp() - log_var - 1).sum(1).mean() / 2
            loss = nn.functional.mse_loss(out, x[rows], reduction="none").sum(1).mean() + 40 * kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good():
    import torch
    from torch import nn

    class Coder(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.outer = nn.Linear(8, 4), nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 8))

        def forward(self, x):
            mu, log_var = self.inner(x).chunk(2, 1)
            z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
            return self.outer(z), mu, log_var

    torch.manual_seed(0)
    x = torch.randn(256, 2) @ torch.randn(2, 8)
    net = Coder()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(25):
        for rows in torch.randperm(256).split(32):
            out, mu, log_var = net(x[rows])
            kl = (mu**2 + log_var.exp() - log_var - 1).sum(1).mean() / 2
            loss = nn.functional.mse_loss(out, x[rows], reduction="none").sum(1).mean() + 0.1 * kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
