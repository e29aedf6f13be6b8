"""Gradient accumulation: four micro-batches to a step, losses divided, no remainder."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
ACCUMULATE = 4
x = torch.randn(2304, 16)
hidden = torch.tanh(x @ torch.randn(16, 8))
y = hidden @ torch.randn(8, 1) + 0.1 * torch.randn(2304, 1)
y = (y - y[:2048].mean()) / y[:2048].std()
train = DataLoader(TensorDataset(x[:2048], y[:2048]), batch_size=16, shuffle=True)
val = DataLoader(TensorDataset(x[2048:], y[2048:]), batch_size=64)

model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.MSELoss()

for epoch in range(12):
    model.train()
    for i, (xb, yb) in enumerate(train):
        loss = criterion(model(xb), yb) / ACCUMULATE
        loss.backward()
        if (i + 1) % ACCUMULATE == 0:
            optimizer.step()
            optimizer.zero_grad()

    model.eval()
    with torch.no_grad():
        total = sum(criterion(model(xb), yb).item() * len(xb) for xb, yb in val)
    print(f"epoch {epoch + 1}: validation loss {total / 256:.4f}")
