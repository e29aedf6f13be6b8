"""Small pictures with strong augmentation (shift, flip, brightness, noise, erasing) and few epochs."""

import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(0)
torch.manual_seed(0)
shapes = (torch.rand(5, 12, 12) > 0.6).float()
shapes = (shapes + shapes.flip(-1)).clamp(max=1)  # symmetric: a mirrored one is the same shape


class Pictures(Dataset):
    def __init__(self, n, augment):
        self.y = torch.randint(0, 5, (n,))
        self.x = shapes[self.y] + 0.5 * torch.randn(n, 12, 12)
        self.augment = augment

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        x = self.x[index]
        if self.augment:
            x = x.roll((random.randint(-2, 2), random.randint(-2, 2)), (0, 1))
            if random.random() < 0.5:
                x = x.flip(-1)
            if random.random() < 0.8:
                x = x * random.uniform(0.6, 1.4) + random.uniform(-0.2, 0.2)
            if random.random() < 0.5:
                x = x + 0.3 * torch.randn_like(x)
            if random.random() < 0.5:
                row, column = random.randint(0, 8), random.randint(0, 8)
                x = x.clone()
                x[row : row + 4, column : column + 4] = 0
        return x[None], self.y[index]


train = DataLoader(Pictures(1000, True), batch_size=40, shuffle=True)
val = DataLoader(Pictures(400, False), batch_size=100)
net = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Flatten(),
    nn.Linear(512, 32), nn.ReLU(), nn.Linear(32, 5),
)  # fmt: skip
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(6):
    net.train()
    for x, y in train:
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        right = sum((net(x).argmax(1) == y).sum().item() for x, y in val)
    print(f"epoch {epoch}: loss {loss.item():.3f}, validation accuracy {right / 400:.3f}")
