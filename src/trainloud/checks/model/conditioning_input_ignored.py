"""Does each of the network's inputs have an effect on its output?

Why it matters: a condition (a class, a time, a question, a mask, a second modality) that is passed and then lost inside
`forward` leaves a network that trains well without it. Samples cannot be steered and the second input adds nothing.

Remedy: follow the argument through `forward` to the place where it should join the others, and check that its branch is
not overwritten, multiplied by zero or normalised over an axis of length 1.

Known limits: only arguments that stand by themselves, have a row for each example and differ between examples are
asked about; what a dict or a list of tensors holds may be there for others. Answers that are passed for a loss inside
the forward, and whatever is used in training mode alone, are not reported.

Source: Karpathy, A Recipe for Training Neural Networks.
"""

from trainloud.checks.model._dependence import LEAST_STEP, late, looks, reason
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Argument, Dependence


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    found = looks(trace)
    if not found:
        return unknown(reason(trace))
    early = asked = 0
    for number, group in found.items():
        candidates = [a for a in group[0].arguments if _asked(a)]
        asked += len(candidates)
        for a in candidates:
            if not all(_silent(d, a.name) for d in group):
                continue
            if late(group):
                return _fired(runs, number, group, a)
            early += 1
    if early:
        return unknown(f"{early} arguments have no effect so far, but fewer than {LEAST_STEP} steps were made")
    return passed(f"all arguments that vary between examples ({asked}) moved the outputs", arguments=asked)


def _asked(a: Argument) -> bool:
    return a.direct and a.varied and a.rows and not a.answer and not a.related


def _silent(d: Dependence, name: str) -> bool:
    """It has no effect while another one has."""
    others = any(_asked(a) and not a.ignored for a in d.arguments if a.name != name)
    return others and any(a.name == name and a.ignored for a in d.arguments)


def _fired(runs: Runs, number: int, group: list[Dependence], a: Argument) -> Finding:
    network = runs.watched.networks.get(number)
    named = f"argument {a.name}" if a.name.isdigit() else f"argument {a.name!r}"
    return fired(
        f"{named} of shape {a.shape} differs between examples, yet exchanging it across the batch, or putting it to "
        f"zero, left every output the same to the last bit, in evaluation and in training mode, at step "
        f"{group[0].step} and still at step {group[-1].step}",
        "an output that changes with each input, or an input less",
        (network.defined or network.where) if network is not None else None,
        first_step=group[0].step,
        argument=a.name,
        shape=list(a.shape),
    )


CHECK = Check(
    fault="conditioning-input-ignored",
    severity="warning",
    basis="experiment",
    judge=judge,
    symptoms=("parameters-unused",),
)


def bad():
    import torch
    from torch import nn

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.label, self.mix, self.out = nn.Embedding(3, 4), nn.Linear(8, 16), nn.Linear(16, 4)

        def forward(self, z, label):
            h = torch.cat([z, self.label(label)], 1)
            h = self.mix(torch.cat([z, torch.zeros_like(z)], 1)).relu()
            return self.out(h)

    torch.manual_seed(0)
    z, label = torch.randn(192, 4), torch.randint(0, 3, (192,))
    y = z.roll(1, 1) + 0.2 * label[:, None]
    net = Decoder()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for rows in torch.randperm(192).split(32):
            loss = nn.functional.mse_loss(net(z[rows], label[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good():
    import torch
    from torch import nn

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.label, self.mix, self.out = nn.Embedding(3, 4), nn.Linear(8, 16), nn.Linear(16, 4)

        def forward(self, z, label):
            h = torch.cat([z, self.label(label)], 1)
            return self.out(self.mix(h).relu())

    torch.manual_seed(0)
    z, label = torch.randn(192, 4), torch.randint(0, 3, (192,))
    y = z.roll(1, 1) + 0.2 * label[:, None]
    net = Decoder()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for rows in torch.randperm(192).split(32):
            loss = nn.functional.mse_loss(net(z[rows], label[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
