"""A rare class, and a loss that weighs it up."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def readings(n):
    """One machine in ten is faulty; the fault shows as a slow swing in the vibration."""
    y = (torch.arange(n) % 10 == 0).long()
    t = torch.linspace(0, 6.28, 32)
    phase = 6.28 * torch.rand(n, 1)
    x = torch.randn(n, 32) + 1.1 * y.unsqueeze(1) * torch.sin(2 * t + phase)
    return x.unsqueeze(1), y


(train_x, train_y), (val_x, val_y) = readings(2000), readings(500)
mean, std = train_x.mean(), train_x.std()
train = DataLoader(TensorDataset((train_x - mean) / std, train_y), batch_size=50, shuffle=True)
val = DataLoader(TensorDataset((val_x - mean) / std, val_y), batch_size=100)
counts = torch.bincount(train_y).float()
criterion = nn.CrossEntropyLoss(weight=counts.sum() / (2 * counts))

model = nn.Sequential(
    nn.Conv1d(1, 16, 7, padding=3),
    nn.ReLU(),
    nn.Conv1d(16, 16, 7, padding=3),
    nn.ReLU(),
    nn.AdaptiveMaxPool1d(1),
    nn.Flatten(),
    nn.Linear(16, 2),
)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(8):
    model.train()
    for x, y in train:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    found, right = torch.zeros(2), torch.zeros(2)
    with torch.no_grad():
        for x, y in val:
            predicted = model(x).argmax(1)
            for c in range(2):
                right[c] += ((predicted == c) & (y == c)).sum()
                found[c] += (y == c).sum()
    sound, faulty = (right / found).tolist()
    print(f"epoch {epoch + 1}: sound machines recognised {sound:.1%}, faulty ones {faulty:.1%}")
