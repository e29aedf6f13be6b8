"""Is a model that reads left to right asked for the very token that it has just been given?

Why it matters: a next-token model whose targets are not shifted by one learns to copy its input. The loss
falls to zero within an epoch, and the model can say nothing about what comes next.

Remedy: predict the next token: outputs [:, :-1] against targets [:, 1:], once, either in the data set or
in the loss.

Known limits: reported only for networks that were shown, by exchanging parts of a real batch, to see the
past and the present of a place but not its future: an autoencoder or an encoder-decoder that copies, and
a network without memory, are left alone.

Source: huggingface/transformers#3711.
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Copying, LossSample

COPIED = 0.99  # share of counted targets that equal the input at their place
UNSEEN = 1e-4  # relative change of an output that rounding can explain in single precision


def is_causal(c: Copying) -> bool:
    return c.own > UNSEEN and c.past > UNSEEN >= c.future


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    samples = [
        s
        for s in trace.all(LossSample)
        if s.phase == "train" and s.classes > 1 and "int" in s.target.dtype and s.copies
    ]
    if not samples:
        return unknown("no loss with class targets in the layout of an integer input was seen")
    bad = [s for s in samples if s.copies.get("0", 0.0) >= COPIED]
    if len(bad) < len(samples):
        shares = ", ".join(f"{float(v):.0%} {k} places later" for k, v in sorted(samples[0].copies.items()))
        return passed(f"targets equal inputs: {shares}")
    charts = [c for c in trace.all(Copying) if c.agreement >= COPIED]
    if not charts:
        return unknown("targets equal inputs place by place, but no output was shown to depend on other places")
    causal = [c for c in charts if is_causal(c)]
    if not causal:
        return passed("targets equal inputs place by place, of a network that does not read left to right")
    first, chart = bad[0], causal[0]
    return fired(
        f"{first.copies['0']:.0%} of the targets equal the input (argument {chart.argument}) at the same place in "
        f"{len(bad)} sampled calls, and the network reads left to right: exchanging later inputs changes an "
        f"output by {chart.future:.1e}, earlier ones by {chart.past:.2g}, its own by {chart.own:.2g}",
        "targets one place ahead of the input",
        first.where,
        first_step=first.step,
        copies=first.copies,
        past=chart.past,
        future=chart.future,
    )


CHECK = Check(
    fault="target-equals-input",
    severity="error",
    basis="experiment",
    judge=judge,
    symptoms=("future-leaks-into-past", "target-leaks-into-features"),
)


def bad() -> None:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(12, 16)
            self.rnn = nn.GRU(16, 32, batch_first=True)
            self.head = nn.Linear(32, 12)

        def forward(self, tokens):
            return self.head(self.rnn(self.embed(tokens))[0])

    torch.manual_seed(0)
    text = torch.randint(0, 12, (128, 10)).cumsum(1) % 12
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(128).split(32):
            logits = net(text[rows])
            loss = nn.functional.cross_entropy(logits.reshape(-1, 12), text[rows].reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(12, 16)
            self.rnn = nn.GRU(16, 32, batch_first=True)
            self.head = nn.Linear(32, 12)

        def forward(self, tokens):
            return self.head(self.rnn(self.embed(tokens))[0])

    torch.manual_seed(0)
    text = torch.randint(0, 12, (128, 10)).cumsum(1) % 12
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(128).split(32):
            logits = net(text[rows, :-1])
            loss = nn.functional.cross_entropy(logits.reshape(-1, 12), text[rows, 1:].reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
