"""Did loading a checkpoint leave most of the weights at their random start?

Why it matters: with strict=False a name that does not match is skipped in silence. A prefix ("module.",
"_orig_mod.", "model.") on every name means that nothing was loaded at all, and fine-tuning starts from noise.

Remedy: look at the result of `load_state_dict(..., strict=False)` (missing_keys, unexpected_keys); strip or
add the prefix; load strictly wherever the architectures are the same.

Known limits: a state that fills a part of the module and brings nothing that the module lacks is taken for
intended (a backbone under a new head); so is a partial match whose names do not correspond.

Source: pytorch/examples#1029; pytorch#141256.
"""

from trainloud.core.check import Check, Runs
from trainloud.core.finding import Finding, fired, passed, unknown
from trainloud.core.records import Checkpoint

MOSTLY = 0.5  # of the module's elements found in the state
PREFIXED = 0.5  # of the missing names that stand in the state under a prefix


def prefixed(one: Checkpoint) -> list[tuple[str, str]]:
    """(missing name, name in the state) that differ by a prefix only, on either side."""
    pairs = []
    for wanted in one.missing:
        for given in one.unexpected:
            if given.endswith("." + wanted) or wanted.endswith("." + given):
                pairs.append((wanted, given))
                break
    return pairs


def judge(runs: Runs) -> Finding:
    loads = [c for c in runs.watched.all(Checkpoint) if c.action == "load"]
    if not loads:
        return unknown("no state dict was loaded into a module")
    bad = [c for c in loads if c.matched < MOSTLY and c.missing and c.unexpected]
    if not bad:
        least = min(c.matched for c in loads)
        return passed(f"{len(loads)} loads filled at least {least:.0%} of the module, or brought nothing it lacks")
    one = min(bad, key=lambda c: c.matched)
    pairs = prefixed(one)
    by_name = len(pairs) >= PREFIXED * len(one.missing)
    nothing = one.matched == 0
    hint = f"; {pairs[0][1]!r} in the state would be {pairs[0][0]!r}" if pairs else ""
    return fired(
        f"load_state_dict filled {one.matched:.0%} of the elements of {one.kind}: {len(one.missing)} names missing "
        f"(such as {one.missing[0]!r}), {len(one.unexpected)} unexpected (such as {one.unexpected[0]!r}){hint}",
        "names that match: nothing missing, nothing unexpected",
        one.where,
        first_step=one.step,
        severity="error" if by_name or nothing else "note",
        matched=one.matched,
        missing=list(one.missing[:10]),
        unexpected=list(one.unexpected[:10]),
    )


CHECK = Check(
    fault="checkpoint-not-loaded", severity="error", basis="proof", judge=judge, symptoms=("bad-initialisation",)
)


def bad() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x[:, :3].sum(1) > 0).long()
    trained = nn.DataParallel(nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2)))
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    net.load_state_dict({k: v.clone() for k, v in trained.state_dict().items()}, strict=False)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def good() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(400, 10)
    y = (x[:, :3].sum(1) > 0).long()
    trained = nn.DataParallel(nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2)))
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))
    net.load_state_dict({k.removeprefix("module."): v.clone() for k, v in trained.state_dict().items()})
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        for rows in torch.randperm(400).split(50):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
