"""Do the same examples stand in the training data again and again?

Why it matters: a copied example counts as often as it is copied. The network fits the copies, an epoch
shows less than it seems to, and copies that land on both sides of a split make validation a memory test.

Remedy: drop the copies before splitting (`DataFrame.drop_duplicates`, or a set of hashes of the inputs);
look whether files were listed twice or a join multiplied the rows.

Known limits: judged inside one complete iteration of a loader, where different positions of the data set
gave the same bits; a sampler that draws a position twice on purpose is not blamed, and neither are inputs
of few numbers, which repeat by nature. Near copies are not seen.

Source: Barz and Denzler 2020, Do we train on test data? Purging CIFAR of near-duplicates.
"""

from collections import Counter

from trainloud.checks.examples import drawn_indices, varied
from trainloud.checks.streams import epochs, main_network, prints
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Iteration

SHARE = 0.2  # of the positions of one epoch that repeat another one: public data sets hold a few percent
SHARE_NOTE = 0.01
LEAST_DRAWN = 50  # positions


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    network = main_network(trace)
    if network is None:
        return unknown("no training batch was seen")
    complete = epochs(trace, network.network)
    if not complete:
        return unknown("no complete iteration of a training loader was seen")
    first = complete[0]
    values = prints(first)
    indices = drawn_indices(trace, first[0].iteration)
    if len(values) < LEAST_DRAWN:
        return unknown(f"one epoch gave {len(values)} examples, fewer than {LEAST_DRAWN}")
    if not varied(trace, network.network):
        return unknown("an example has so few different numbers that equal ones are natural")
    if len(indices) != len(values):
        return unknown("which positions of the data set the batches came from is not known")
    positions = len(set(indices))
    copies = positions - len(set(values))
    share = copies / positions
    if share < SHARE_NOTE:
        return passed(f"{len(set(values))} distinct examples from {positions} positions of the data set")
    loop = next((i.made or i.where for i in trace.all(Iteration) if i.iteration == first[0].iteration), None)
    most = Counter(values).most_common(1)[0][1]
    return fired(
        f"{positions} positions of the data set gave only {len(set(values))} distinct examples in one epoch: "
        f"{share:.1%} are copies, bit for bit, the most frequent one stands {most} times",
        f"as many distinct examples as positions ({positions})",
        loop or network.where,
        first_step=first[0].step,
        severity="warning" if share >= SHARE else "note",
        copies=copies,
    )


CHECK = Check(fault="duplicate-examples", severity="warning", basis="proof", judge=judge, symptoms=("overfitting",))


def bad() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(200, 10)
    x = torch.cat([x, x[:150], x[:100]])  # the second and third files repeat the first
    y = (x[:, :3].sum(1) > 0).long()
    loader = DataLoader(TensorDataset(x, y), batch_size=30, shuffle=True)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for inputs, labels in loader:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(200, 10)
    x = torch.cat([x, x[:150], x[:100]]).unique(dim=0)
    y = (x[:, :3].sum(1) > 0).long()
    loader = DataLoader(TensorDataset(x, y), batch_size=30, shuffle=True)
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for inputs, labels in loader:
            loss = nn.functional.cross_entropy(net(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
