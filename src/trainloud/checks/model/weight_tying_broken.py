"""Are an embedding and a head that began equal still one?

Why it matters: weights that were meant to be shared, but were copied (`nn.Parameter(embed.weight.clone())`, a deep
copy, a load or a conversion after tying), begin equal and then each goes its own way: twice the parameters, and none of
what tying gives.

Remedy: assign the very Parameter, `head.weight = embed.weight`, after loading and moving, and before the optimiser is
made.

Known limits: asked of an embedding and another layer of the same shape in one network whose values were equal, to the
last bit, before the first step. Starting a head from an embedding's values on purpose looks the same.

Source: Press and Wolf, Using the Output Embedding to Improve Language Models (2017); PyTorch/XLA documentation on
tying."""

from trainloud.checks.stepping import parameters
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Twins

APART = 1e-4  # largest difference over the largest value


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    if not trace.networks:
        return unknown("no trained network was seen")
    owners = {(n.network, p.name): p.owner for n in trace.networks.values() for p in n.parameters}
    last: dict[tuple[int, tuple[str, str]], Twins] = {}
    for t in trace.all(Twins):
        last[t.network, t.names] = t
    pairs = [t for t in last.values() if t.was == "object" or _tied(owners, t)]
    for t in pairs:
        if t.apart > APART and t.moved and t.uids[0] != t.uids[1]:
            how = "were one tensor" if t.was == "object" else "had equal values to the last bit"
            network = trace.networks[t.network]
            return fired(
                f"{t.names[0]} and {t.names[1]} of shape {t.shape} {how} at the first forward and differ by "
                f"{t.apart:.2g} of their size at step {t.step}",
                "one Parameter in both places",
                network.where,
                first_step=network.step,
                apart=t.apart,
            )
    known = len(parameters(trace))
    return passed(f"{len(pairs)} pairs of {known} parameters were tied, and still are", pairs=len(pairs))


def _tied(owners: dict[tuple[int, str], str], t: Twins) -> bool:
    """One is torch's embedding and the other is not."""
    kinds = [owners.get((t.network, name)) for name in t.names]
    return None not in kinds and (kinds[0] == "Embedding") != (kinds[1] == "Embedding")


CHECK = Check(fault="weight-tying-broken", severity="warning", basis="experiment", judge=judge)


def bad():
    import torch
    from torch import nn

    torch.manual_seed(0)
    text = torch.randint(0, 20, (160, 8))
    text[:, 1::2] = (text[:, ::2] + 1) % 20
    embed, head = nn.Embedding(20, 16), nn.Linear(16, 20)
    head.weight = nn.Parameter(embed.weight.detach().clone())
    net = nn.Sequential(embed, nn.Linear(16, 16), nn.Tanh(), head)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(160).split(32):
            x, y = text[rows, :-1], text[rows, 1:]
            loss = nn.functional.cross_entropy(net(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good():
    import torch
    from torch import nn

    torch.manual_seed(0)
    text = torch.randint(0, 20, (160, 8))
    text[:, 1::2] = (text[:, ::2] + 1) % 20
    embed, head = nn.Embedding(20, 16), nn.Linear(16, 20)
    head.weight = embed.weight
    net = nn.Sequential(embed, nn.Linear(16, 16), nn.Tanh(), head)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(160).split(32):
            x, y = text[rows, :-1], text[rows, 1:]
            loss = nn.functional.cross_entropy(net(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
