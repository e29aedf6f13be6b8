"""Does a recurrent or attention layer run over the batch axis as if it were time?

Why it matters: PyTorch's recurrent and attention layers take (time, batch, features) unless batch_first=True.
Given (batch, time, features) they treat the examples of a batch as one sequence: each example sees its random
neighbours, and time steps are never related to each other. No shape error is raised.

Remedy: make the layer with batch_first=True, or transpose the input to (time, batch, features) and the output back.

Known limits: judged only where the examples are known to stand on that axis (a DataLoader's batch size, or
examples that come again in other company); a recurrence over the batch is called so whatever layer makes it.

Source: AndersonJo/dqn-pytorch#1; PyTorch documentation of nn.GRU ("batch_first").
"""

from trainloud.checks.model._mixing import verdict
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown


def judge(runs: Runs) -> Finding:
    found = verdict(runs.watched)
    chart = found.chart
    if found.reason or chart is None:
        return unknown(found.reason)
    if found.name != "batch-first-confused":
        return passed("no layer was seen to run over the batch axis")
    layer = f"{chart.sequence} took axis 0 for time" if chart.sequence else "outputs change with earlier examples only"
    network = runs.watched.networks.get(chart.network)
    return fired(
        f"{layer}: input {chart.shape} has the examples on axis 0, and the output of an example changes by "
        f"{chart.spread:.3g} times its own scale when the others are exchanged",
        "a layer that runs over the time axis, and outputs that depend on their own example alone",
        chart.sequence_where or (network.defined or network.where if network is not None else None),
        first_step=chart.step,
        spread=chart.spread,
        shape=chart.shape,
        ordered=chart.ordered,
    )


CHECK = Check(fault="batch-first-confused", severity="error", basis="proof", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(4, 8)
            self.head = nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out, _ = self.rnn(x)
            return self.head(out[:, -1])

    torch.manual_seed(0)
    x = torch.randn(120, 6, 4)
    y = (x.sum((1, 2)) > 0).long()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=20, shuffle=True)
    net = Last()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for a, b in loader:
            loss = nn.functional.cross_entropy(net(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(4, 8)
            self.head = nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out, _ = self.rnn(x.transpose(0, 1))
            return self.head(out[-1])

    torch.manual_seed(0)
    x = torch.randn(120, 6, 4)
    y = (x.sum((1, 2)) > 0).long()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=20, shuffle=True)
    net = Last()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for a, b in loader:
            loss = nn.functional.cross_entropy(net(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
