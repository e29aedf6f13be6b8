"""An exponential moving average of the weights is what gets evaluated."""

import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def spirals(n):
    """Three arms; the class is the arm."""
    y = torch.arange(n) % 3
    r = torch.rand(n)
    angle = 2.1 * y + 4 * r + 0.15 * torch.randn(n)
    return 1.7 * torch.stack([r * angle.cos(), r * angle.sin()], 1) / 0.7, y


class EMA:
    def __init__(self, model, decay=0.98):
        self.decay = decay
        self.model = copy.deepcopy(model).eval()
        for p in self.model.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for slow, fast in zip(self.model.parameters(), model.parameters()):
            slow.mul_(self.decay).add_(fast, alpha=1 - self.decay)


train_x, train_y = spirals(1500)
val_x, val_y = spirals(300)
loader = DataLoader(TensorDataset(train_x, train_y), batch_size=50, shuffle=True)
model = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 3))
ema = EMA(model)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(25):
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update(model)
    if epoch % 5 == 4:
        with torch.no_grad():
            accuracy = (ema.model(val_x).argmax(1) == val_y).float().mean().item()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, accuracy of the average {accuracy:.3f}")
