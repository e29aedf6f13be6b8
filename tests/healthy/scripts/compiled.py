"""torch.compile around a residual network, with the eager backend so that nothing has to be built."""

import torch
from torch import nn

torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        return x + self.down(nn.functional.gelu(self.up(self.norm(x))))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(12, 48)
        self.blocks = nn.Sequential(Block(48), Block(48))
        self.norm, self.head = nn.LayerNorm(48), nn.Linear(48, 4)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.stem(x))))


x = torch.randn(2560, 12)
y = (x[:, 0] * x[:, 1] > 0).long() * 2 + (x[:, 2] + x[:, 3].abs() > 0.6).long()
train_x, train_y, val_x, val_y = x[:2048], y[:2048], x[2048:], y[2048:]
net = Net()
model = torch.compile(net, backend="eager")
optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)

for epoch in range(8):
    model.train()
    for chosen in torch.randperm(2048).split(64):
        loss = nn.functional.cross_entropy(model(train_x[chosen]), train_y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        correct = sum((model(a).argmax(1) == b).sum().item() for a, b in zip(val_x.split(64), val_y.split(64)))
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, accuracy {correct / len(val_y):.3f}")
