"""Does the state of one batch leak into the next, though the two have nothing to do with each other?

Why it matters: a hidden state that is kept on the module and not reset makes an answer depend on which examples came
before. Training with shuffled sequences then learns from noise, and evaluation depends on the order of the batches.

Remedy: begin each batch with a fresh state: pass none (PyTorch then starts from zeros), or reset the one that is kept
before each new sequence. Keep it only where the next batch continues the same sequences, as in truncated BPTT.

Known limits: recurrent layers and cells of torch. Reported only where the order of the examples was seen to be random;
data in a fixed order may be consecutive.

Source: PyTorch word language model example (repackage_hidden); PyTorch documentation of GRU (h_0 defaults to zeros).
"""

from collections.abc import Sequence

from trainloud.checks.streams import train_prints
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Carried, Iteration, Recurrence
from trainloud.core.trace import Trace, unpack_prints

LEAST = 2  # successive steps between which the state was handed on
LEAST_PAIRS = 16  # neighbours that are seen again, before their order says something
KEPT = 0.3  # share of them that are neighbours again: in a random order it is near 0


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    carried = trace.all(Carried)
    if not carried:
        if trace.all(Recurrence):
            return passed(
                f"recurrent layers began {len(trace.all(Recurrence))} later steps without an earlier one's state"
            )
        return unknown("no recurrent layer ran in two successive training steps")
    if any(c.continues for c in carried):
        return passed(f"state was handed on {len(carried)} times, between batches of consecutive text")
    if len(carried) < LEAST:
        return unknown("state was handed on once only")
    first = carried[0]
    order = _in_random_order(trace, first.network)
    if not order:
        return unknown("state is handed on from step to step, and whether the batches continue each other is not known")
    return fired(
        f"the {first.module} began {len(carried)} of the first steps with the state of shape {first.shape} that the "
        f"step before had left, to the last bit, while {order}",
        "a fresh state for examples that do not continue those of the batch before",
        first.where,
        first_step=first.step,
        carried=len(carried),
    )


def _in_random_order(trace: Trace, network: int) -> str:
    """What shows that neighbouring examples are unrelated; "" if nothing does."""
    for i in trace.all(Iteration):
        if i.phase == "train" and i.indices:
            indices = list(unpack_prints(i.indices))
            steps = [b - a for a, b in zip(indices, indices[1:], strict=False)]
            if len(steps) >= LEAST_PAIRS and sum(s < 0 for s in steps) > KEPT * len(steps):
                return f"the loader draws in random order (indices {', '.join(map(str, indices[:4]))} ...)"
    again, neighbours = _again(train_prints(trace, network))
    if again >= LEAST_PAIRS and neighbours <= KEPT * again:
        return f"of {again} neighbouring examples that came again only {neighbours} were neighbours again"
    return ""


def _again(prints: Sequence[int]) -> tuple[int, int]:
    """(examples that came again with a successor, those that had the same successor as before)."""
    follows: dict[int, int] = {}
    again = same = 0
    for a, b in zip(prints, prints[1:], strict=False):
        if a in follows:
            again += 1
            same += follows[a] == b
        follows[a] = b
    return again, same


CHECK = Check(
    fault="recurrent-state-carried-over",
    severity="warning",
    basis="experiment",
    judge=judge,
    symptoms=("batch-examples-mixed",),
)


def bad():
    import torch
    from torch import nn

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.out = nn.GRU(3, 12, batch_first=True), nn.Linear(12, 2)
            self.state = None

        def forward(self, x):
            # the state of the batch before is still there
            out, state = self.rnn(x, self.state)
            self.state = state.detach()
            return self.out(out[:, -1])

    torch.manual_seed(0)
    x = torch.randn(128, 6, 3)
    y = (x[:, :, 0].sum(1) > 0).long()
    net = Reader()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for rows in torch.randperm(128).split(32):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good():
    import torch
    from torch import nn

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.out = nn.GRU(3, 12, batch_first=True), nn.Linear(12, 2)
            self.state = None

        def forward(self, x):
            self.state = None
            out, state = self.rnn(x, self.state)
            self.state = state.detach()
            return self.out(out[:, -1])

    torch.manual_seed(0)
    x = torch.randn(128, 6, 3)
    y = (x[:, :, 0].sum(1) > 0).long()
    net = Reader()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(4):
        for rows in torch.randperm(128).split(32):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
