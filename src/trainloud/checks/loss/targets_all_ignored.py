"""Does anything count in the loss, or are all targets ignored?

Why it matters: where every target carries ignore_index, the loss is nan (0/0) or 0 and the batch teaches
nothing. A wrong ignore_index, a label mask turned around or a prompt longer than the context do this
without an error.

Remedy: look at one batch of targets just before the loss and count those that differ from ignore_index;
mend the masking, or drop examples in which nothing is left to learn.

Known limits: masks multiplied onto an unreduced loss are not seen.

Source: huggingface/trl#1625; PyTorch documentation of CrossEntropyLoss (ignore_index).
"""

from collections import defaultdict

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import LossSample

KINDS = ("cross_entropy", "nll_loss")
ENOUGH = 4  # sampled calls at one line, before "all of them" means more than bad luck
OFTEN = 0.1  # share of calls with nothing to learn, above which it is more than a rare short example


def judge(runs: Runs) -> Finding:
    samples = [s for s in runs.watched.all(LossSample) if s.kind in KINDS and s.phase == "train"]
    if not samples:
        return unknown("no call of cross_entropy or nll_loss with gradients was seen")
    sites: dict[object, list[LossSample]] = defaultdict(list)
    for s in samples:
        sites[s.where].append(s)
    findings = [f for group in sites.values() if (f := _site(group, len(sites) == 1)) is not None]
    if findings:
        return next((f for f in findings if f.severity is None), findings[0])
    counted = sum(s.total - s.ignored for s in samples)
    total = sum(s.total for s in samples)
    return passed(f"{counted} of {total} targets count ({counted / max(total, 1):.0%})", counted=counted, total=total)


def _site(group: list[LossSample], only: bool) -> Finding | None:
    """What the calls at one line show; None if all is well there."""
    empty = [s for s in group if s.ignored == s.total]
    if not empty:
        return None
    first = empty[0]
    share = len(empty) / len(group)
    blind = first.reduction != "mean"  # a sum over nothing is 0: harmless where another loss teaches
    everything = share == 1 and len(group) >= ENOUGH
    if everything and (only or not blind):
        severity = None
    elif share >= OFTEN and not blind:
        severity = "warning"
    else:
        severity = "note"
    value = "0" if blind else "nan"
    return fired(
        f"in {len(empty)} of {len(group)} sampled calls all {first.total} targets (shape {first.target.shape}) are "
        f"ignored, so that the loss is {value}",
        "in every batch some targets that count",
        first.where,
        first_step=first.step,
        severity=severity,  # type: ignore[arg-type]
        share=share,
        total=first.total,
    )


CHECK = Check(
    fault="targets-all-ignored",
    severity="error",
    basis="proof",
    judge=judge,
    symptoms=(
        "non-finite-hidden",
        "non-finite-values-in-data",
        "exploding-gradient",
        "optimizer-step-missing",
        "vanishing-gradient",
        "gradient-path-cut",
    ),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    tokens = torch.randint(1, 20, (64, 12))
    labels = tokens.roll(-1, 1)
    labels[:, :] = torch.where(tokens > 0, torch.tensor(-100), labels)  # meant: where tokens == 0
    net = nn.Sequential(nn.Embedding(20, 16), nn.Linear(16, 20))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(64).split(16):
            loss = nn.functional.cross_entropy(net(tokens[rows]).flatten(0, 1), labels[rows].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    tokens = torch.randint(1, 20, (64, 12))
    labels = tokens.roll(-1, 1)
    labels[:, :9] = -100  # only the answer at the end counts
    net = nn.Sequential(nn.Embedding(20, 16), nn.Linear(16, 20))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):
        for rows in torch.randperm(64).split(16):
            loss = nn.functional.cross_entropy(net(tokens[rows]).flatten(0, 1), labels[rows].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
