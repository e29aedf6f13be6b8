"""Fine-tuning: a backbone trained on one task is frozen, batch norm in eval mode, and gets a new head."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
parts = F.interpolate(torch.randn(5, 1, 4, 4), size=10, mode="bilinear")


def make(n):
    """Mixtures of five patterns; task A is the strongest, task B whether the first beats the second."""
    amounts = torch.randn(n, 5)
    images = torch.einsum("np,pchw->nchw", amounts, parts) + 0.2 * torch.randn(n, 1, 10, 10)
    return images, amounts.argmax(1), (amounts[:, 0] > amounts[:, 1]).long()


train_x, train_a, train_b = make(1600)
val_x, val_a, val_b = make(400)
mean, std = train_x.mean(), train_x.std()
train_x, val_x = (train_x - mean) / std, (val_x - mean) / std

backbone = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(),
)  # fmt: skip


@torch.no_grad()
def score(model, y):
    model.eval()
    return sum((model(a).argmax(1) == b).sum().item() for a, b in DataLoader(TensorDataset(val_x, y), 100)) / len(y)


first = nn.Sequential(backbone, nn.Linear(32 * 25, 5))
optimizer = torch.optim.Adam(first.parameters(), lr=1e-3)
for epoch in range(4):
    first.train()
    for x, y in DataLoader(TensorDataset(train_x, train_a), batch_size=50, shuffle=True):
        loss = F.cross_entropy(first(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(f"first task: {score(first, val_a):.3f}")

backbone.requires_grad_(False)
second = nn.Sequential(backbone, nn.Linear(32 * 25, 2))
optimizer = torch.optim.Adam(second[1].parameters(), lr=1e-3)
for epoch in range(5):
    second.train()
    backbone.eval()
    for x, y in DataLoader(TensorDataset(train_x, train_b), batch_size=50, shuffle=True):
        loss = F.cross_entropy(second(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"second task, epoch {epoch + 1}: loss {loss.item():.3f}, accuracy {score(second, val_b):.3f}")
