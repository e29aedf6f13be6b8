"""Of several optimisers, is each stepped after the backward of its own network?

Why it matters: the wrong one of two optimisers is stepped: one network takes a second step on old
gradients, the other never learns. In adversarial training both losses move all the same.

Remedy: pair each loss with its optimiser: `loss_d.backward(); optimizer_d.step()`.

Known limits: found where one optimiser is never stepped although its parameters get gradients, while
another steps without a fresh gradient of its own.

Source: Lornatang/ESRGAN-PyTorch#39.
"""

from trainloud.checks.stepping import Sample, first_records, has_gradient, samples
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import IdleOptimizer, ParameterSample
from trainloud.core.trace import Trace

LEAST = 3  # sampled steps with gradients for the one that is never stepped
NEVER = 0.8  # share of sampled steps on old gradients from which on they are simply never cleared
WITHOUT_OWN = 0.3  # share of the other's sampled steps without a fresh gradient of its own: half, if it steps twice


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    stepped = first_records(trace)
    idle = [o for o in trace.all(IdleOptimizer) if o.uids]
    if not stepped or len(stepped) + len(idle) < 2:
        return unknown("fewer than two optimisers were made")
    found = samples(trace)
    for waiting in idle:
        history = _history(found, waiting)
        got = [s for s, ps in history if any(has_gradient(p) for p in ps)]
        moved = len({tuple(p.weight for p in ps) for _, ps in history}) > 1
        if len(got) < LEAST or moved:
            continue
        for number, group in found.items():
            blind = [s for s in group if _without_fresh(s)]
            left = sum(any(p.stale for p in s.parameters) for s in blind)
            never_cleared = left >= NEVER * len(group)  # another fault
            if number >= 0 and len(blind) >= max(LEAST, WITHOUT_OWN * len(group)) and not never_cleared:
                return _fired(trace, waiting, number, blind, len(group), len(got))
    return passed(f"{len(stepped)} optimisers stepped, {len(idle)} did not; each that stepped had fresh gradients")


def _history(found: dict[int, list[Sample]], waiting: IdleOptimizer) -> list[tuple[Sample, list[ParameterSample]]]:
    """The parameters of an optimiser that never stepped, at all sampled steps of the others."""
    uids = set(waiting.uids)
    rows = [(s, [p for p in (*s.parameters, *s.others) if p.uid in uids]) for group in found.values() for s in group]
    return [(s, ps) for s, ps in rows if ps and not any(p.held for p in ps)]


def _without_fresh(s: Sample) -> bool:
    """None of its parameters got a gradient since its last step: none is there, or each was left from before."""
    return s.step.backwards > 0 and all(p.stale or not has_gradient(p) for p in s.parameters)


def _fired(trace: Trace, waiting: IdleOptimizer, number: int, blind: list[Sample], sampled: int, got: int) -> Finding:
    other = first_records(trace)[number]
    return fired(
        f"{waiting.kind} over {len(waiting.uids)} parameters was never stepped, although they had gradients at {got} "
        f"sampled steps; {other.kind} over {len(other.uids)} others was stepped {len(blind)} of {sampled} sampled "
        "times without a fresh gradient of its own",
        "each optimiser stepped after the backward that gave its own parameters gradients",
        blind[0].where or waiting.where,
        first_step=blind[0].step.index,
        idle=len(waiting.uids),
        blind=len(blind),
        sampled=sampled,
    )


CHECK = Check(
    fault="optimizers-swapped",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("optimizer-misses-parameters", "zero-grad-missing", "learning-rate-too-low"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    real = torch.randn(320, 2) * 0.3 + 1
    maker = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    judge_net = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    opt_maker = torch.optim.Adam(maker.parameters(), lr=1e-3)
    opt_judge = torch.optim.Adam(judge_net.parameters(), lr=1e-3)
    bce = nn.BCEWithLogitsLoss()
    for _ in range(3):
        for rows in torch.randperm(320).split(32):
            fake = maker(torch.randn(32, 4))
            opt_judge.zero_grad()
            loss = bce(judge_net(real[rows]), torch.ones(32, 1)) + bce(judge_net(fake.detach()), torch.zeros(32, 1))
            loss.backward()
            opt_maker.step()
            opt_maker.zero_grad()
            bce(judge_net(maker(torch.randn(32, 4))), torch.ones(32, 1)).backward()
            opt_maker.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    real = torch.randn(320, 2) * 0.3 + 1
    maker = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    judge_net = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    opt_maker = torch.optim.Adam(maker.parameters(), lr=1e-3)
    opt_judge = torch.optim.Adam(judge_net.parameters(), lr=1e-3)
    bce = nn.BCEWithLogitsLoss()
    for _ in range(3):
        for rows in torch.randperm(320).split(32):
            fake = maker(torch.randn(32, 4))
            opt_judge.zero_grad()
            loss = bce(judge_net(real[rows]), torch.ones(32, 1)) + bce(judge_net(fake.detach()), torch.zeros(32, 1))
            loss.backward()
            opt_judge.step()
            opt_maker.zero_grad()
            bce(judge_net(maker(torch.randn(32, 4))), torch.ones(32, 1)).backward()
            opt_maker.step()
