"""Mixup: inputs and targets of two examples are blended with the same share."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
patterns = F.interpolate(torch.randn(5, 1, 5, 5), size=10, mode="bilinear")


def make(n):
    y = torch.randint(0, 5, (n,))
    return patterns[y] + 0.7 * torch.randn(n, 1, 10, 10), y


(train_x, train_y), (val_x, val_y) = make(1500), make(300)
mean, std = train_x.mean(), train_x.std()
train = DataLoader(TensorDataset((train_x - mean) / std, train_y), batch_size=50, shuffle=True)
val = DataLoader(TensorDataset((val_x - mean) / std, val_y), batch_size=100)
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(400, 64),
    nn.ReLU(),
    nn.Linear(64, 5),
)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
beta = torch.distributions.Beta(0.4, 0.4)

for epoch in range(6):
    model.train()
    for x, y in train:
        share = beta.sample()
        other = torch.randperm(len(x))
        logits = model(share * x + (1 - share) * x[other])
        loss = share * F.cross_entropy(logits, y) + (1 - share) * F.cross_entropy(logits, y[other])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in val)
    print(f"epoch {epoch + 1}: mixed loss {loss.item():.3f}, accuracy {right / len(val_y):.3f}")
