"""Dropout stays on at test time on purpose: the spread of several answers is the uncertainty."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = 2 * torch.randn(1400, 2)
y = torch.sin(x[:, :1]) * torch.cos(x[:, 1:]) + 0.05 * torch.randn(1400, 1)
x_mean, x_std, y_mean, y_std = x[:1100].mean(0), x[:1100].std(0), y[:1100].mean(), y[:1100].std()
x, y = (x - x_mean) / x_std, (y - y_mean) / y_std
train = DataLoader(TensorDataset(x[:1100], y[:1100]), batch_size=50, shuffle=True)
val = DataLoader(TensorDataset(x[1100:1250], y[1100:1250]), batch_size=50)
test_x, test_y = x[1250:], y[1250:]

model = nn.Sequential(nn.Linear(2, 96), nn.ReLU(), nn.Dropout(0.05), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(25):
    model.train()
    for xb, yb in train:
        loss = nn.functional.mse_loss(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 5 == 4:
        model.eval()
        with torch.no_grad():
            total = sum(((model(xb) - yb) ** 2).sum().item() for xb, yb in val)
        print(f"epoch {epoch + 1}: validation error {total / 150:.4f}")

model.eval()
for module in model.modules():
    if isinstance(module, nn.Dropout):
        module.train()
with torch.no_grad():
    answers = torch.stack([model(test_x) for _ in range(20)])
error = (answers.mean(0) - test_y).pow(2).mean()
print(f"test error of the mean answer {error:.4f}, mean spread {answers.std(0).mean():.3f}")
