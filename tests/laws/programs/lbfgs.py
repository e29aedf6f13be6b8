"""LBFGS with a closure that is called several times a step, with random feature dropout inside it."""

import hashlib

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(60, 3)
y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.1 * torch.randn(60, 1)
model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=6, line_search_fn="strong_wolfe")
calls = 0


def closure():
    global calls
    calls += 1
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x + 0.01 * torch.randn_like(x)), y)
    loss.backward()
    return loss


for epoch in range(8):
    print(optimizer.step(closure).item(), calls)


def digest(*things):
    h = hashlib.sha256()
    for thing in things:
        h.update(thing.detach().numpy().tobytes() if torch.is_tensor(thing) else repr(thing).encode())
    return h.hexdigest()


print(digest(*model.state_dict().values()))
print(digest(torch.get_rng_state()))
