"""Does each optimiser step raise the loss that should fall?

Why it matters: with a minus too many (or a minus forgotten before a log-likelihood, or `maximize=True`) the optimiser
walks uphill. The number that backward gets may even fall, while the network becomes surely wrong.

Remedy: minimise the loss itself; for a likelihood or a score, minimise its negative, once.

Known limits: judged where one network is trained by one optimiser and each of its losses is a loss function of torch or
a mean of errors or log probabilities written out. A loss that is raised beside another that falls (an adversary, a
reversal) and rewards that weight each example are left alone.

Source: PyTorch forum, "Loss is negative and keeps decreasing".
"""

import itertools
import math

from trainloud.checks.objectives import by_step, term_values
from trainloud.checks.stepping import by_optimizer, first_records
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Objective, Term
from trainloud.core.trace import Trace

BOTTOMLESS = 1e6  # times the loss at the start, below zero: log-likelihoods fall by hundreds, errors without end
FALLEN_STEPS = 8  # the last ones before the loss is no longer finite, of which nearly all fell
LEAST_STEPS = 4  # sampled steps
OFTEN = 0.95  # share of their backwards
SAME = 1.01  # times: weights of a loss that only had its sign turned
RISEN = 1.02  # times: the loss at the last sampled steps over that at the first
KINDS = ("kl_div",)  # its sign depends on the order of its arguments


def uphill(o: Objective, maximised: bool) -> bool:
    """Every loss in it is followed upwards, evenly over its elements."""
    terms = [t for t in o.terms if t.kind not in KINDS and t.weight]
    return bool(terms) and all((t.weight < 0) != maximised and t.even for t in terms)


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    groups = by_optimizer(trace)
    if len(groups) != 1:
        return unknown(f"{len(groups)} optimisers stepped; judged only with one")
    number = next(iter(groups))
    made = first_records(trace).get(number)
    maximised = made is not None and made.settings.get("maximize", 0.0) > 0
    known = [o for group in by_step(trace).values() for o in group if any(t.weight for t in o.terms)]
    if len({o.step for o in known}) < LEAST_STEPS:
        if (deep := _bottomless(trace)) is not None:
            return deep
        return unknown(f"known losses were followed at {len({o.step for o in known})} sampled steps; 4 are needed")
    bad = [o for o in known if uphill(o, maximised)]
    if len(bad) < OFTEN * len(known):
        return passed(f"the losses in {len(known) - len(bad)} of {len(known)} sampled backwards are followed downwards")
    if _by_reward(bad):
        return passed("single examples are weighted one by one, as by rewards")
    if _attack(trace, number):
        return passed("what is optimised are no weights of the network that gives the loss")
    return _fired(bad, known, maximised)


def _bottomless(trace: Trace) -> Finding | None:
    """A loss of unknown kind that falls without end, as an error does that is made larger."""
    values = [s.loss for s in trace.steps if s.loss is not None]
    finite = list(itertools.takewhile(math.isfinite, values))
    if len(finite) < FALLEN_STEPS:
        return None
    start, end = sum(finite[:3]) / 3, finite[-1]
    falling = sum(b < a for a, b in itertools.pairwise(finite[-FALLEN_STEPS:]))
    if end > -BOTTOMLESS * max(abs(start), 1.0) or falling < FALLEN_STEPS - 2:
        return None
    return fired(
        f"the loss fell from {start:.4g} to {end:.4g} within {len(finite)} steps: what is minimised has no "
        "least value, as an error with the wrong sign",
        "a loss that has a lower end",
        first_step=0,
        basis="proof",
        start=start,
        end=end,
    )


def _by_reward(bad: list[Objective]) -> bool:
    """Each loss is that of one example, with a weight of its own: a wrong sign is the same for all."""
    terms = [t for o in bad for t in o.terms if t.weight]
    weights = sorted(abs(t.weight) for t in terms)
    return all(t.elements <= 1 for t in terms) and weights[-1] > SAME * weights[0]


def _attack(trace: Trace, number: int) -> bool:
    """The optimiser holds none of the trained networks' parameters: an input is sought, not a network."""
    uids = {p.uid for n in trace.networks.values() for p in n.parameters if p.requires_grad}
    made = first_records(trace).get(number)
    return made is not None and not uids & set(made.uids)


def _fired(bad: list[Objective], known: list[Objective], maximised: bool) -> Finding:
    term = bad[0].terms[0]
    terms: list[tuple[int, Term]] = [
        (o.step, t) for o in bad for t in o.terms if t.kind == term.kind and t.where == term.where
    ]
    went = term_values(terms)
    rose = went is not None and (not math.isfinite(went[1]) or went[1] > RISEN * went[0])
    moved = f"; its mean went from {went[0]:.4g} to {went[1]:.4g}" if went else ""
    how = "maximises what backward is given" if maximised else f"is given {term.kind} at weight {term.weight:.3g}"
    return fired(
        f"at {len(bad)} of {len(known)} sampled backwards the optimiser {how}, so that its steps raise it{moved}",
        "a weight above zero, and a loss that falls",
        term.where or bad[0].where,
        first_step=bad[0].step,
        severity="error" if rose else "warning",
        weight=term.weight,
        maximize=maximised,
        sampled=len(known),
    )


CHECK = Check(
    fault="loss-sign-wrong",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=("learning-rate-too-high", "exploding-gradient", "bad-initialisation", "vanishing-gradient", "dead-relu",
              "saturated-activation", "non-finite-hidden"),
)  # fmt: skip


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(net.parameters(), lr=5e-2)
    for _ in range(4):
        for rows in torch.randperm(200).split(20):
            log_likelihood = nn.functional.log_softmax(net(x[rows]), 1)
            loss = -nn.functional.nll_loss(log_likelihood, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = (x @ torch.randn(8, 3)).argmax(1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(net.parameters(), lr=5e-2)
    for _ in range(4):
        for rows in torch.randperm(200).split(20):
            log_likelihood = nn.functional.log_softmax(net(x[rows]), 1)
            loss = nn.functional.nll_loss(log_likelihood, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
