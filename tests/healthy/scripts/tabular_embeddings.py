"""Will a customer leave? Categories through embeddings, numbers standardised, binary cross-entropy."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
n, n_train = 4000, 3200
plan, region = torch.randint(0, 4, (n,)), torch.randint(0, 12, (n,))
months = 60 * torch.rand(n)
bill = 20 + 15 * plan + 8 * torch.randn(n)
calls = torch.poisson(torch.full((n,), 2.0))
score = torch.randn(12)[region] + 0.8 * torch.randn(4)[plan] - 0.06 * months + 0.7 * calls + 0.02 * (bill - 40)
leaves = (score + 0.3 * torch.randn(n) > 1.0).float()
numbers = torch.stack([months, bill, calls], dim=1)
mean, std = numbers[:n_train].mean(0), numbers[:n_train].std(0)
numbers = (numbers - mean) / std


class Churn(nn.Module):
    def __init__(self, prior):
        super().__init__()
        self.plan, self.region = nn.Embedding(4, 4), nn.Embedding(12, 6)
        self.body = nn.Sequential(nn.Linear(13, 48), nn.ReLU(), nn.Dropout(0.1), nn.Linear(48, 1))
        nn.init.constant_(self.body[-1].bias, torch.logit(prior).item())

    def forward(self, plan, region, numbers):
        return self.body(torch.cat([self.plan(plan), self.region(region), numbers], dim=1)).squeeze(1)


columns = (plan, region, numbers, leaves)
train = DataLoader(TensorDataset(*(c[:n_train] for c in columns)), batch_size=64, shuffle=True)
val = DataLoader(TensorDataset(*(c[n_train:] for c in columns)), batch_size=200)
model = Churn(leaves[:n_train].mean())
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)
criterion = nn.BCEWithLogitsLoss()

for epoch in range(12):
    model.train()
    for p, r, x, y in train:
        optimizer.zero_grad()
        loss = criterion(model(p, r, x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    total, right = 0.0, 0
    with torch.no_grad():
        for p, r, x, y in val:
            logits = model(p, r, x)
            total += criterion(logits, y).item() * len(y)
            right += ((logits > 0) == (y > 0.5)).sum().item()
    print(f"epoch {epoch + 1}: loss {total / len(val.dataset):.3f}, accuracy {right / len(val.dataset):.3f}")
