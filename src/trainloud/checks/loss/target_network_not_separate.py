"""Is a bootstrapped target held still while the network learns from it?

Why it matters: a target such as r + g * V(next) is made by the network itself. With a gradient through it, the network
also moves the target towards its prediction, and learns values that are wrong; with a target network that is never
refreshed it learns the values of the untrained network, and no more.

Remedy: compute the target under `torch.no_grad()` with a copy of the network, and load the trained weights into that
copy every so many steps (or mix them in: target = 0.995 * target + 0.005 * weights).

Known limits: targets of the form data + share * prediction, seen outside of the networks. Residual-gradient methods,
which want the gradient through the target, would be reported. A refresh that is due after the end of the run looks like
one that is missing, so only long runs are judged.

Source: Mnih et al., Human-level control through deep reinforcement learning (2015); PyTorch tutorial on DQN.
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Bootstrap, Optimizer, Refresh
from trainloud.core.trace import Trace

LEAST = 3  # sampled targets with a gradient
LONG = 500  # steps without a refresh


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    seen = trace.all(Bootstrap)
    if not seen:
        return unknown("no target made of data and a network's own prediction was seen")
    learnt = [b for b in seen if b.gradient and _trained(trace, b.target)]
    if len(learnt) >= LEAST:
        first = learnt[0]
        return fired(
            f"in {len(learnt)} of {len(seen)} sampled comparisons the bootstrapped target of shape {first.shape} "
            "carries a "
            "gradient into parameters that an optimiser holds",
            "a target computed under torch.no_grad(), or detached",
            first.where,
            first_step=first.step,
            targets=len(learnt),
        )
    last: dict[tuple[int, int], Refresh] = {(r.network, r.target): r for r in trace.all(Refresh)}
    for r in last.values():
        if r.online_changed and not r.changed and r.step - r.since >= LONG:
            return fired(
                f"in {r.step - r.since} steps no weight of the network that makes the targets has changed, while "
                "the one "
                "that learns from them did",
                "a target network that takes over the trained weights now and then",
                r.where,
                first_step=r.since,
                steps=r.step - r.since,
            )
    return passed(
        f"{len(seen) - len(learnt)} of {len(seen)} sampled bootstrapped targets carry no gradient that is used"
    )


def _trained(trace: Trace, number: int) -> bool:
    network = trace.networks.get(number)
    held = {u for o in trace.all(Optimizer) for u in o.uids}
    return network is not None and any(p.uid in held for p in network.parameters)


CHECK = Check(fault="target-network-not-separate", severity="warning", basis="experiment", judge=judge)


def bad():
    import copy

    import torch
    from torch import nn

    torch.manual_seed(0)
    state, after = torch.randn(256, 4), torch.randn(256, 4)
    action = torch.randint(0, 3, (256,))
    reward, ends = state[:, 0] + 0.1 * action, (torch.rand(256) < 0.1).float()
    net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
    held = copy.deepcopy(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for step in range(60):
        rows = torch.randint(0, 256, (32,))
        value = net(state[rows]).gather(1, action[rows][:, None]).squeeze(1)
        target = reward[rows] + 0.9 * (1 - ends[rows]) * net(after[rows]).max(1).values
        loss = nn.functional.smooth_l1_loss(value, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 9:
            held.load_state_dict(net.state_dict())


def good():
    import copy

    import torch
    from torch import nn

    torch.manual_seed(0)
    state, after = torch.randn(256, 4), torch.randn(256, 4)
    action = torch.randint(0, 3, (256,))
    reward, ends = state[:, 0] + 0.1 * action, (torch.rand(256) < 0.1).float()
    net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
    held = copy.deepcopy(net)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for step in range(60):
        rows = torch.randint(0, 256, (32,))
        value = net(state[rows]).gather(1, action[rows][:, None]).squeeze(1)
        with torch.no_grad():
            target = reward[rows] + 0.9 * (1 - ends[rows]) * held(after[rows]).max(1).values
        loss = nn.functional.smooth_l1_loss(value, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 9:
            held.load_state_dict(net.state_dict())
