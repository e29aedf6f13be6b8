"""Metric learning with triplets: anchor, positive of the same class, negative of another."""

import torch
from torch import nn

torch.manual_seed(0)
CLASSES = 8
directions = torch.randn(CLASSES, 20)


def make(n):
    y = torch.randint(0, CLASSES, (n,))
    strength = 0.5 + torch.rand(n, 1)
    return strength * directions[y] + 0.9 * torch.randn(n, 20), y


(train_x, train_y), (val_x, val_y) = make(1600), make(320)
mean, std = train_x.mean(0), train_x.std(0)
train_x, val_x = (train_x - mean) / std, (val_x - mean) / std
members = [torch.nonzero(train_y == c).squeeze(1) for c in range(CLASSES)]
fewest = min(len(m) for m in members)
members = torch.stack([m[:fewest] for m in members])  # (class, example)


def pick(classes):
    return members[classes, torch.randint(0, fewest, (len(classes),))]


def draw(n=64):
    own = torch.randint(0, CLASSES, (n,))
    other = (own + torch.randint(1, CLASSES, (n,))) % CLASSES
    anchor, positive = pick(own), pick(own)
    return train_x[anchor], train_x[positive], train_x[pick(other)]


net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
criterion = nn.TripletMarginLoss(margin=1.0)
for step in range(400):
    net.train()
    anchor, positive, negative = draw()
    loss = criterion(net(anchor), net(positive), net(negative))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        net.eval()
        with torch.no_grad():
            nearest = torch.cdist(net(val_x), net(train_x)).argmin(1)
        right = (train_y[nearest] == val_y).float().mean()
        print(f"step {step + 1}: loss {loss.item():.3f}, nearest neighbour right {right:.1%}")
