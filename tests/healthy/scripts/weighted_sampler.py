"""A rare class, drawn more often by a WeightedRandomSampler; the validation set stays as it is."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

torch.manual_seed(0)


def make(n):
    y = (torch.rand(n) < 0.12).long()
    x = torch.randn(n, 8)
    x[:, 0] = torch.where(y == 1, 1.8 * torch.sign(x[:, 0]) + 0.4 * x[:, 0], 0.7 * x[:, 0])
    return x, y


(train_x, train_y), (val_x, val_y) = make(2000), make(600)
mean, std = train_x.mean(0), train_x.std(0)
weights = 1.0 / torch.bincount(train_y).float()
sampler = WeightedRandomSampler(weights[train_y], num_samples=len(train_y), replacement=True)
train = DataLoader(TensorDataset((train_x - mean) / std, train_y), batch_size=40, sampler=sampler)
val = DataLoader(TensorDataset((val_x - mean) / std, val_y), batch_size=100)

model = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(10):
    model.train()
    for x, y in train:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        predicted = torch.cat([model(x).argmax(1) for x, _ in val])
    recalls = [(predicted[val_y == c] == c).float().mean().item() for c in range(2)]
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, balanced accuracy {sum(recalls) / 2:.3f}")
