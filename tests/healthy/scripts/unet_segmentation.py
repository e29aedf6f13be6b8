"""Find the disc among the noise: a small U-Net with one output channel."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def discs(n, size=16):
    axis = torch.arange(size).float()
    cy, cx = 3 + 10 * torch.rand(2, n, 1)
    radius = 2 + 2 * torch.rand(n, 1, 1)
    mask = ((axis - cy) ** 2).unsqueeze(2) + ((axis - cx) ** 2).unsqueeze(1) < radius**2
    image = mask.float() * 0.8 + 0.3 * torch.randn(n, size, size)
    return image.unsqueeze(1), mask.float().unsqueeze(1)


def double(inner, outer):
    return nn.Sequential(
        nn.Conv2d(inner, outer, 3, padding=1, bias=False), nn.BatchNorm2d(outer), nn.ReLU(),
        nn.Conv2d(outer, outer, 3, padding=1, bias=False), nn.BatchNorm2d(outer), nn.ReLU(),
    )  # fmt: skip


class UNet(nn.Module):
    def __init__(self, prior):
        super().__init__()
        self.down1, self.down2, self.bottom = double(1, 8), double(8, 16), double(16, 16)
        self.pool = nn.MaxPool2d(2)
        self.up2, self.up1 = double(16 + 16, 16), double(16 + 8, 8)
        self.head = nn.Conv2d(8, 1, 1)
        nn.init.constant_(self.head.bias, torch.logit(prior).item())

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(self.pool(a))
        c = self.bottom(self.pool(b))
        b = self.up2(torch.cat([nn.functional.interpolate(c, scale_factor=2), b], dim=1))
        a = self.up1(torch.cat([nn.functional.interpolate(b, scale_factor=2), a], dim=1))
        return self.head(a)


train_x, train_y = discs(800)
val_x, val_y = discs(200)
mean, std = train_x.mean(), train_x.std()
train = DataLoader(TensorDataset((train_x - mean) / std, train_y), batch_size=25, shuffle=True)
val = DataLoader(TensorDataset((val_x - mean) / std, val_y), batch_size=50)
model = UNet(train_y.mean())
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()

for epoch in range(4):
    model.train()
    for x, y in train:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    both, either = 0.0, 0.0
    with torch.no_grad():
        for x, y in val:
            predicted = model(x) > 0
            both += (predicted & (y > 0)).sum().item()
            either += (predicted | (y > 0)).sum().item()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, intersection over union {both / either:.3f}")
