"""Reduced precision, accumulation, an EMA copy, checkpoints through memory, a manual update, torch.compile."""

import copy
import hashlib
import io

import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(128, 10), torch.randint(0, 2, (128,)).float()
model = nn.Sequential(nn.Linear(10, 32), nn.LayerNorm(32), nn.GELU(), nn.Dropout(0.25), nn.Linear(32, 1))
fast = torch.compile(model, backend="eager")
ema = copy.deepcopy(model).requires_grad_(False)
mine = nn.Parameter(torch.zeros(1))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(40):
    chosen = torch.randperm(128)[:16]
    with torch.autocast("cpu", torch.bfloat16):
        logits = fast(x[chosen]).squeeze(1) + mine
        loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), y[chosen]) / 2
    loss.backward()
    if step % 2:
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad():
            mine -= 0.1 * mine.grad
            mine.grad = None
            for slow, now in zip(ema.parameters(), model.parameters()):
                slow.lerp_(now, 0.1)
        kept = io.BytesIO()
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, kept)
    if step == 20:
        state = torch.load(io.BytesIO(kept.getvalue()))
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    print(loss.item())


def digest(*things):
    h = hashlib.sha256()
    for thing in things:
        h.update(thing.detach().numpy().tobytes() if torch.is_tensor(thing) else repr(thing).encode())
    return h.hexdigest()


moments = [v for s in optimizer.state_dict()["state"].values() for v in s.values()]
print(digest(*model.state_dict().values(), *ema.state_dict().values(), mine, *moments, kept.getvalue()))
print(digest(torch.get_rng_state()))
