"""Under a gradient scaler, is the clipping done after the gradients were scaled back?

Why it matters: with a GradScaler the gradients are some ten thousand times too large until `unscale_` or
`step`. Clipped before that, each is cut to the limit and then divided by the scale: what remains is next to
nothing, and the limit means something else whenever the scale changes.

Remedy: call `scaler.unscale_(optimizer)` between `backward` and `clip_grad_norm_`.

Known limits: judged only where clip_grad_norm_ and a GradScaler are used together.

Source: milesial/Pytorch-UNet#468; PyTorch documentation, "Automatic Mixed Precision examples".
"""

from trainloud.checks.stepping import Sample, first_records, samples
from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown

LEAST = 3  # sampled steps that were clipped under a scaler
SMALLER = 16.0  # times: the gradient at the step against the limit that it was clipped to
OFTEN = 0.9


def remaining(s: Sample) -> float:
    """Gradient norm that the optimiser used over the norm that clipping left."""
    assert s.step.clip is not None
    limit, norm = s.step.clip
    return s.norm / max(min(limit, norm), 1e-30)


def judge(runs: Runs) -> Finding:
    trace = runs.watched
    looked = 0
    for number, group in samples(trace).items():
        clipped = [s for s in group if s.step.scaled and s.step.clip and s.step.clip[1] > s.step.clip[0] and s.norm > 0]
        looked += sum(bool(s.step.scaled and s.step.clip) for s in group)
        bad = [s for s in clipped if remaining(s) * SMALLER < 1]
        if len(bad) < LEAST or len(bad) < OFTEN * len(clipped):
            continue
        made = first_records(trace).get(number)
        first = bad[0]
        assert first.step.clip is not None
        return fired(
            f"gradients were clipped from a norm of {first.step.clip[1]:.3g} to {first.step.clip[0]:.3g} while still "
            f"scaled: {made.kind if made else 'the optimiser'} then used a gradient of norm {first.norm:.1e}, at "
            f"{len(bad)} of {len(clipped)} sampled clipped steps",
            f"a gradient of norm {first.step.clip[0]:.3g} after clipping to that limit",
            first.where or (made.where if made else None),
            first_step=first.step.index,
            limit=first.step.clip[0],
            norm_clipped=first.step.clip[1],
            norm_used=first.norm,
        )
    if not looked:
        return unknown("no step with both a GradScaler and clip_grad_norm_ was looked at")
    return passed(f"clipped gradients kept their norm up to the step, at {looked} sampled steps")


CHECK = Check(
    fault="mixed-precision-misused",
    severity="warning",
    basis="proof",
    judge=judge,
    symptoms=("gradient-clipping-too-tight", "learning-rate-too-low", "vanishing-gradient"),
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
    scaler = torch.amp.GradScaler("cpu")
    for _ in range(3):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x @ torch.randn(8, 1)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
    scaler = torch.amp.GradScaler("cpu")
    for _ in range(3):
        for rows in torch.randperm(200).split(20):
            loss = nn.functional.mse_loss(net(x[rows]), y[rows])
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
