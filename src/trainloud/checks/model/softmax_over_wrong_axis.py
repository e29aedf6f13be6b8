"""Is a softmax taken over the batch or the sequence instead of the classes?

Why it matters: a softmax over the batch makes the examples of a batch compete with each other for one class.
The numbers look like probabilities and the loss falls, yet each prediction depends on its neighbours.

Remedy: give the softmax the axis that holds the classes, usually dim=-1 or dim=1.

Known limits: seen where a softmax inside the network runs over axis 0 and the chart shows that examples are
mixed, or where log-softmax goes straight into nll_loss. Softmax over a sequence inside attention is legitimate.

Source: PyTorch forum reports of implicit or wrong `dim`; Karpathy, "A Recipe for Training Neural Networks".
"""

from trainloud.checks.model._mixing import verdict
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import LossSample

MOST_ROW_SUM = 1.05  # of probabilities over the classes: above 1 by more than rounding in bfloat16


def _at_loss(runs: Runs) -> tuple[LossSample, float] | None:
    """A loss input straight out of a softmax whose rows sum to more than one over the classes."""
    for s in runs.watched.all(LossSample):
        if s.phase != "train" or s.classes < 2 or not s.origins:
            continue
        sums = {"logsoftmax": s.exp_row_sums, "softmax": s.row_sums}.get(s.origins[0].op)
        if sums is not None and sums[1] > MOST_ROW_SUM:
            return s, sums[1]
    return None


def judge(runs: Runs) -> Finding:
    at_loss = _at_loss(runs)
    if at_loss is not None:
        sample, most = at_loss
        return fired(
            f"the input of {sample.kind} (shape {sample.input.shape}) comes straight out of a softmax, yet its rows "
            f"sum to up to {most:.3g} over the {sample.classes} classes",
            "probabilities that sum to 1 over the classes",
            sample.origins[0].where or sample.where,
            first_step=sample.step,
            most_row_sum=most,
        )
    found = verdict(runs.watched)
    chart = found.chart
    if found.reason or chart is None:
        return unknown(found.reason)
    if found.name != "softmax-over-wrong-axis":
        return passed("no softmax that mixes the examples of a batch was seen")
    return fired(
        f"a softmax inside the network runs over axis 0 of length {chart.shape[0]}, where the examples of the batch "
        f"stand; exchanging the other examples changes an output by {chart.spread:.3g} times its own scale",
        "a softmax over the axis that holds the classes",
        chart.softmax_where,
        first_step=chart.step,
        spread=chart.spread,
        shape=chart.shape,
    )


CHECK = Check(fault="softmax-over-wrong-axis", severity="error", basis="proof", judge=judge)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(dim=0))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(25):
            loss = nn.functional.nll_loss((net(x[rows]) + 1e-8).log(), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(dim=1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(25):
            loss = nn.functional.nll_loss((net(x[rows]) + 1e-8).log(), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
