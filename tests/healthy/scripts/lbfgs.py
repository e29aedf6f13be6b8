"""Curve fitting with a small tanh network and LBFGS, full batch."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.linspace(-3, 3, 160).unsqueeze(1)
y = torch.sin(2 * x) + 0.3 * x + 0.05 * torch.randn_like(x)
chosen = torch.randperm(160)
train, held_out = chosen[:120], chosen[120:]
x, y = (x - x[train].mean()) / x[train].std(), (y - y[train].mean()) / y[train].std()

model = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=10, history_size=20, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x[train]), y[train])
    loss.backward()
    return loss


for epoch in range(40):
    loss = optimizer.step(closure)
    if epoch % 5 == 4:
        with torch.no_grad():
            val = nn.functional.mse_loss(model(x[held_out]), y[held_out])
        print(f"epoch {epoch + 1}: train {loss.item():.4f}, held out {val.item():.4f}")
