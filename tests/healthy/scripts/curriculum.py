"""A curriculum: classes and noise are added as training goes on, so that the loss rises on purpose."""

import torch
from torch import nn

torch.manual_seed(0)
centres = 2 * torch.randn(8, 16)


def examples(n, classes, noise):
    y = torch.randint(0, classes, (n,))
    return centres[y] + noise * torch.randn(n, 16), y


val_x, val_y = examples(500, 8, 1.0)
net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 8))
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for stage in range(12):
    classes, noise = min(8, 2 + stage // 2), 0.5 + 0.15 * stage
    for _ in range(30):
        x, y = examples(32, classes, noise)
        loss = nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (net(val_x).argmax(1) == val_y).float().mean().item()
    print(f"stage {stage}: {classes} classes, loss {loss.item():.3f}, validation accuracy {right:.3f}")
