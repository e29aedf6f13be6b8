"""Does the output for one example depend on the other examples of its batch?

Why it matters: each example must be judged on its own. When a `view` stands where a transpose belongs, or a
reduction runs over the wrong axis, the network sees a blend of unrelated examples; the loss still falls a
little, so nothing looks broken.

Remedy: find the `view`, `reshape`, `mean`, `norm` or attention that joins examples, and move the batch axis with
`transpose` or `permute` before it. Check with two batches that share one example: its output must be the same.

Known limits: batch norm is set aside by judging in evaluation mode. Networks whose inputs relate examples
(graphs), whose output compares them (similarity matrices), that judge another network's output, or whose
batch is always the whole data set are not judged. Mixture of experts with a capacity limit mixes by design.

Source: timbmg/Sentence-VAE#15; zhouhaoyi/Informer2020#59; Karpathy, "A Recipe for Training Neural Networks"
("use backprop to chart dependencies").
"""

from trainloud.checks.model._mixing import verdict
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown

LITTLE = 1e-3  # of an output's own scale: more means that another axis than the first holds the examples


def judge(runs: Runs) -> Finding:
    found = verdict(runs.watched)
    chart = found.chart
    if found.reason or chart is None:
        return unknown(found.reason)
    if found.name and found.name != "batch-examples-mixed":
        return passed(f"examples are mixed, and {found.name} names the cause")
    if not found.name:
        if chart.spread >= LITTLE:
            return passed("no example's output depends on the others")
        return passed(f"an output changes by {chart.spread:.2g} of its own scale when the other examples are exchanged")
    network = runs.watched.networks.get(chart.network)
    return fired(
        f"with one example of the batch kept and all others exchanged, its output changed by {chart.spread:.3g} times "
        f"what its own exchange changes (input {chart.shape}, evaluation mode)",
        "no change: the output of an example depends on that example alone",
        network.defined or network.where if network is not None else None,
        first_step=chart.step,
        spread=chart.spread,
        shape=chart.shape,
    )


CHECK = Check(fault="batch-examples-mixed", severity="error", basis="proof", judge=judge, symptoms=("input-ignored",))


def bad() -> None:
    import torch
    from torch import nn

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(5, 8, batch_first=True, bidirectional=True)
            self.head = nn.Linear(16, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            _, h = self.rnn(x)  # (directions, batch, hidden)
            return self.head(h.view(x.shape[0], 16))

    torch.manual_seed(0)
    x = torch.randn(120, 7, 5)
    y = x.mean(1)[:, :3].argmax(1)
    net = Tagger()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(120).split(20):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(5, 8, batch_first=True, bidirectional=True)
            self.norm = nn.BatchNorm1d(16)
            self.head = nn.Linear(16, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            _, h = self.rnn(x)  # (directions, batch, hidden)
            return self.head(self.norm(h.transpose(0, 1).reshape(x.shape[0], 16)))

    torch.manual_seed(0)
    x = torch.randn(120, 7, 5)
    y = x.mean(1)[:, :3].argmax(1)
    net = Tagger()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(120).split(20):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
