"""Regression where next to nothing can be learned: the inputs explain two percent of the variance, as is known."""

import torch
from torch import nn

torch.manual_seed(5)
x = torch.randn(3000, 6)
y = 0.12 * x[:, 0] + 0.05 * x[:, 1] + torch.randn(3000)
train_x, train_y, val_x, val_y = x[:2000], y[:2000], x[2000:], y[2000:]

net = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
best = float("inf")
for epoch in range(12):
    for rows in torch.randperm(len(train_x)).split(32):
        loss = nn.functional.mse_loss(net(train_x[rows])[:, 0], train_y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        error = nn.functional.mse_loss(net(val_x)[:, 0], val_y).item()
    best = min(best, error)
    print(f"epoch {epoch}: R squared {1 - error / val_y.var().item():.4f}, best {1 - best / val_y.var().item():.4f}")
