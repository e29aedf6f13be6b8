"""Does the loss suit its targets?

Why it matters: cross-entropy takes a softmax over its outputs. Over a single output that is always 1, so the loss is 0
whatever the network says; over the examples of a batch, or with targets that are no probabilities, it is a number
without meaning. kl_div wants log-probabilities first and probabilities second; anything else can even fall below zero.

Remedy: squared or absolute error for numbers; cross-entropy with one output a class and class numbers as targets;
binary cross-entropy for yes/no labels; `F.kl_div(log_q, p)` or `F.kl_div(log_q, log_p, log_target=True)`.

Known limits: squared error on class numbers is a warning only where rounded outputs are compared with them, for grades
and counts are numbers too. Losses written by hand are not looked at.

Source: PyTorch documentation of CrossEntropyLoss, KLDivLoss ("input is expected to be in the log-space") and
SoftMarginLoss (targets 1 or -1).
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, Severity, fired, passed, unknown
from trainloud.core.records import Divergence, LossSample, Meeting, Tensor

SLACK = 1e-3  # of probabilities and their logarithms; half precision stays under it
SUM_SLACK = 0.02  # of the mean sum of target rows
LEAST = 2  # sampled calls that agree
NUMBERS = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
MOST_CLASSES = 100


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    samples = [s for s in trace.all(LossSample) if s.phase == "train"]
    divergences = trace.all(Divergence)
    if not samples and not divergences:
        return unknown("no loss function of torch was called in training")
    told: dict[str, list[tuple[LossSample | Divergence, str, str, Severity]]] = {}
    for s in samples:
        for problem in (_cross_entropy(s), _margin(s)):
            if problem is not None:
                told.setdefault(problem[0], []).append((s, *problem[1:]))
    for d in divergences:
        problem = _divergence(d)
        if problem is not None:
            told.setdefault(problem[0], []).append((d, *problem[1:]))
    for cases in told.values():
        if len(cases) >= LEAST:
            case, measured, expected, severity = cases[0]
            return fired(
                f"{measured}, in {len(cases)} sampled calls", expected, case.where, first_step=case.step,
                severity=severity, calls=len(cases),
            )  # fmt: skip
    by_number = _class_numbers(samples, trace.all(Meeting))
    return by_number or passed(f"the targets of {len(samples) + len(divergences)} sampled losses suit them")


Problem = tuple[str, str, str, Severity]


def _cross_entropy(s: LossSample) -> Problem | None:
    if s.kind != "cross_entropy" or not s.input.shape:
        return None
    soft = s.target.dtype.startswith(("float", "bfloat", "double"))
    if s.classes == 1 and s.total > 1:
        return (
            "one", f"cross-entropy got one output an example (input {s.input.shape}, target {s.target.shape}): the "
            f"softmax of a single number is 1, the loss {s.value or 0.0:.3g} whatever the network says",
            "a squared error for a number, or binary cross-entropy for a yes or no", "error",
        )  # fmt: skip
    if not soft or s.target.mean is None or s.target.low is None or s.target.high is None:
        return None
    total = s.target.mean * s.classes
    if s.target.low < -SLACK:
        return (
            "negative", f"cross-entropy got targets of shape {s.target.shape} from {s.target.low:.3g} to "
            f"{s.target.high:.3g}, which are no probabilities", "class numbers, or rows of probabilities that sum to 1",
            "error",
        )  # fmt: skip
    if abs(total - 1) > SUM_SLACK:
        over = "over the examples of the batch" if len(s.input.shape) == 1 else "over the outputs"
        sure = len(s.input.shape) == 1 or s.target.high > 1 + SLACK
        return (
            "sums", f"cross-entropy takes its softmax {over} (input {s.input.shape}), but the targets there sum to "
            f"{total:.3g} on average (from {s.target.low:.3g} to {s.target.high:.3g})",
            "targets that sum to 1: class numbers, or probabilities; several yes/no labels want binary cross-entropy",
            "error" if sure else "warning",
        )  # fmt: skip
    return None


def _margin(s: LossSample) -> Problem | None:
    t = s.target
    if s.kind == "soft_margin_loss" and t.low == 0 and t.high == 1:
        return (
            "margin", f"soft_margin_loss got targets of 0 and 1 (shape {t.shape}): those of 0 give a constant loss",
            "targets of -1 and 1", "error",
        )  # fmt: skip
    return None


def _divergence(d: Divergence) -> Problem | None:
    low, high = d.input.low, d.input.high
    if low is None or high is None:
        return None
    if low >= -SLACK and high <= 1 + SLACK:
        return (
            "probabilities", f"kl_div got values from {low:.3g} to {high:.3g} as its first argument (shape "
            f"{d.input.shape}): probabilities, where it expects their logarithms", "log_softmax(...) as first argument",
            "error",
        )  # fmt: skip
    if high > SLACK and d.row_sums is not None and not _one(d.exp_row_sums):
        return (
            "logits", f"kl_div got values up to {high:.3g} as its first argument (shape {d.input.shape}), whose "
            f"exponentials sum to {d.exp_row_sums[0] if d.exp_row_sums else 0:.3g} and more a row: no "
            "log-probabilities",
            "log_softmax(...) as first argument", "error",
        )  # fmt: skip
    return _divergence_target(d, d.target)


def _divergence_target(d: Divergence, t: Tensor) -> Problem | None:
    if t.low is None or t.high is None:
        return None
    if not d.log_target and t.low < -SLACK:
        return (
            "log-target", f"kl_div got targets from {t.low:.3g} to {t.high:.3g} (shape {t.shape}) without log_target: "
            "logarithms, where it expects probabilities", "probabilities, or log_target=True", "error",
        )  # fmt: skip
    if d.log_target and t.low >= 0 and t.high > SLACK:
        return (
            "target", f"kl_div got targets from {t.low:.3g} to {t.high:.3g} (shape {t.shape}) with log_target=True: "
            "probabilities, where it expects their logarithms", "log-probabilities, or no log_target", "error",
        )  # fmt: skip
    return None


def _one(sums: tuple[float, float] | None) -> bool:
    return sums is not None and abs(sums[0] - 1) < SUM_SLACK and abs(sums[1] - 1) < SUM_SLACK


def _class_numbers(samples: list[LossSample], meetings: tuple[Meeting, ...]) -> Finding | None:
    """Squared errors on 0, 1, 2 ... where equal answers are counted too."""
    for s in samples:
        if s.kind not in NUMBERS or s.target.high is None or not 2 <= s.target.high < MOST_CLASSES or s.target.low != 0:
            continue
        if s.target.dtype.startswith("int") or s.classes:
            continue
        counted = [m for m in meetings if m.op == "eq" and m.other.dtype == "int64" and m.other.high == s.target.high]
        if counted and s.input.shape[-1:] in ((1,), s.target.shape[-1:]):
            return fired(
                f"{s.kind} is taken on targets from {s.target.low:g} to {s.target.high:g} (shape {s.target.shape}), "
                "and "
                "outputs are counted as right where they equal them: class numbers, of which 2 is no mean of 1 and 3",
                "cross-entropy with one output a class",
                s.where,
                first_step=s.step,
                severity="note",
                basis="heuristic",
            )
    return None


CHECK = Check(
    fault="wrong-loss-for-task",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=(
        "class-range-mismatch",
        "loss-not-differentiable",
        "optimizer-step-missing",
        "bad-initialisation",
        "vanishing-gradient",
        "final-bias-not-initialised",
        "loss-broadcast",
        "missing-log-softmax-before-nll",
        "gradient-path-cut",
        "parameters-unused",
        "output-range-too-narrow",
    ),
)


def bad():
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 6)
    p = torch.softmax(2 * x[:, :3], 1)
    net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(40):
            q = torch.softmax(net(x[rows]), 1)
            loss = nn.functional.kl_div(q, p[rows], reduction="batchmean")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good():
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 6)
    p = torch.softmax(2 * x[:, :3], 1)
    net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(200).split(40):
            log_q = torch.log_softmax(net(x[rows]), 1)
            loss = nn.functional.kl_div(log_q, p[rows], reduction="batchmean")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
