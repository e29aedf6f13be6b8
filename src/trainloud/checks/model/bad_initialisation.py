"""Do weights start all zero, all equal or far too large?

Why it matters: two layers in a row that start at zero give each other no gradient and stay at zero for ever. Rows that
start equal get equal gradients and stay equal: the layer has one unit, however wide it is. Far too large weights
make a network sure of wrong answers before it has seen anything.

Remedy: leave PyTorch's default or use He's or Xavier's rule; where a branch must start at zero, set only its last layer
to zero.

Known limits: zero-initialised last layers, residual branches and adapters start to learn at once and are not
reported. Large logits are reported only where they come straight from a linear layer, not from a scaled cosine. Wide
weights (a deviation of 1, say) are reported where they do harm at once: a loss far above that of a constant, or
saturated activations; weights that were loaded are not.

Source: yz93/LAVT-RIS#25; Karpathy, "A Recipe for Training Neural Networks" ("verify loss @ init").
"""

import math

from trainloud.checks.model._parameters import History, histories, known, listed
from trainloud.checks.stepping import loaded
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Activation, LossSample, Network, Parameter
from trainloud.core.trace import Trace

LEAST_SAMPLES = 5  # sampled steps, beyond the first four
TIMES, NATS = 3.0, 3.0  # loss at step 0 over the best constant's: both
LINEAR = ("addmm", "mm", "linear", "convolution", "mkldnnconvolution", "cudnnconvolution", "unsafeview", "bmm")
GAIN = 5.0  # deviation of a weight times the root of its fan-in: He's rule gives 1.4, PyTorch's default 0.6
FAN_IN = 16  # inputs of a weight matrix, from which its deviation says something
MOST_WEIGHTS = 0.5  # share of the elements of such matrices that are too wide
WORSE = 3.0  # loss at step 0 over that of the best constant
SATURATED = 0.5  # share of a sigmoid's or tanh's values at its ends at step 0

Entry = tuple[Network, Parameter, History]


def _stuck_at_zero(entries: list[Entry]) -> Finding | None:
    """Zero weights with a gradient that is there and exactly zero at each sampled step."""
    stuck = [
        (n, p, h) for n, p, h in entries
        if p.zero and all(s.gradient == 0 and s.weight == 0 for _, s in h)
    ]  # fmt: skip
    if not stuck:
        return None
    network, _, history = stuck[0]
    return fired(
        f"{listed([p.name + ' ' + str(p.shape) for _, p, _ in stuck])} start at zero, and their gradient is exactly "
        f"zero in all {len(history)} sampled steps up to step {history[-1][0]}: they can never leave zero",
        "a gradient other than zero from the first or second step on",
        network.defined or network.where,
        first_step=history[0][0],
        severity="error",
        basis="proof",
        parameters=[p.name for _, p, _ in stuck],
    )


def _rows_equal(entries: list[Entry]) -> Finding | None:
    """Equal rows that move and stay equal."""
    same = [
        (n, p, h) for n, p, h in entries
        if p.rows_equal and all(s.rows_equal for _, s in h) and any(s.gradient and s.update for _, s in h)
    ]  # fmt: skip
    if not same:
        return None
    network, _, history = same[0]
    return fired(
        f"all rows of {listed([p.name + ' ' + str(p.shape) for _, p, _ in same])} start equal and are still equal at "
        f"step {history[-1][0]} although they are trained: each layer is one unit wide",
        "rows that differ",
        network.defined or network.where,
        first_step=history[0][0],
        severity="error",
        basis="proof",
        parameters=[p.name for _, p, _ in same],
    )


def _too_large(trace: Trace) -> Finding | None:
    """Cross-entropy at step 0 far above that of the best constant."""
    for s in trace.all(LossSample):
        if s.step or s.phase != "train" or s.kind != "cross_entropy" or not s.origins or s.reduction != "mean":
            continue
        if s.value is None or not s.best_constant or s.origins[0].op not in LINEAR or not math.isfinite(s.value):
            continue
        expected = max(s.best_constant, math.log(max(s.classes, 2)))
        if s.value > TIMES * expected and s.value > expected + NATS:
            return fired(
                f"cross-entropy at step 0 is {s.value:.3g} for {s.classes} classes, with logits from "
                f"{s.input.low:.3g} to {s.input.high:.3g}",
                f"about ln {s.classes} = {math.log(s.classes):.3g}: small logits at the start",
                s.where,
                first_step=0,
                loss=s.value,
                classes=s.classes,
            )
    return None


def _fan_in(p: Parameter) -> int:
    return math.prod(p.shape[1:])


def _too_wide(trace: Trace) -> Finding | None:
    """Weight matrices far wider than any rule, and harm by it at the first step."""
    given = loaded(trace)
    for network in trace.networks.values():
        matrices = [
            p for p in network.parameters
            if p.requires_grad and len(p.shape) >= 2 and p.shape[0] > 1 and _fan_in(p) >= FAN_IN
            and "Embedding" not in p.owner and p.uid not in given
        ]  # fmt: skip
        wide = [p for p in matrices if math.isfinite(p.std) and p.std * math.sqrt(_fan_in(p)) >= GAIN]
        whole = sum(math.prod(p.shape) for p in matrices)
        if network.step or not wide or sum(math.prod(p.shape) for p in wide) < MOST_WEIGHTS * whole:
            continue
        harm = _harm(trace, network)
        if harm:
            p = max(wide, key=lambda q: q.std * math.sqrt(_fan_in(q)))
            return fired(
                f"{listed([q.name + ' ' + str(q.shape) for q in wide])} start with a deviation of {p.std:.3g} for "
                f"{_fan_in(p)} inputs, which multiplies a signal by {p.std * math.sqrt(_fan_in(p)):.3g}; {harm}",
                f"a deviation near {math.sqrt(2 / _fan_in(p)):.2g} (He's rule)",
                network.defined or network.where,
                first_step=0,
                parameters=[q.name for q in wide],
                gain=p.std * math.sqrt(_fan_in(p)),
            )
    return None


def _harm(trace: Trace, network: Network) -> str:
    for s in trace.all(LossSample):
        if s.step == 0 and s.phase == "train" and s.value is not None and s.best_constant and s.reduction == "mean":
            if not s.value <= WORSE * s.best_constant:
                return f"{s.kind} at step 0 is {s.value:.3g}, and {s.best_constant:.3g} for the best constant"
    for a in trace.all(Activation):
        if a.step == 0 and a.network == network.network and a.op in ("sigmoid", "tanh") and not a.last:
            if a.saturated >= SATURATED and a.units >= 8:
                return f"{a.saturated:.0%} of the values of a {a.op} lie at its ends at step 0"
    return ""


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    about = known(trace)
    entries = [
        (*about[uid], h) for uid, h in histories(trace).items()
        if uid in about and len(about[uid][1].shape) >= 2 and len(h) >= LEAST_SAMPLES
    ]  # fmt: skip
    found = _stuck_at_zero(entries) or _rows_equal(entries) or _too_wide(trace) or _too_large(trace)
    if found is not None:
        return found
    if not entries:
        return unknown(f"fewer than {LEAST_SAMPLES} sampled steps of a network with weight matrices were seen")
    return passed(f"none of {len(entries)} weight matrices is stuck at zero or has equal rows")


CHECK = Check(
    fault="bad-initialisation",
    severity="warning",
    basis="heuristic",
    judge=judge,
    symptoms=("dead-relu", "saturated-activation", "vanishing-gradient", "exploding-gradient", "gradient-path-cut",
              "final-bias-not-initialised", "input-ignored", "conditioning-input-ignored"),
)  # fmt: skip


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 6)
    y = (x[:, 0] > 0).long()
    net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
    for p in net.parameters():
        nn.init.constant_(p, 0.1)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(200).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 6)
    y = (x[:, 0] > 0).long()
    net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
    nn.init.zeros_(net[2].weight)  # the last layer may start at zero
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(5):
        for rows in torch.randperm(200).split(40):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
