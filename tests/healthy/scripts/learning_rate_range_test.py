"""A range test alone: raise the learning rate from step to step until the loss flies apart, and look at the curve."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(2000, 20)
y = (x @ torch.randn(20, 5)).argmax(1)
net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)
schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 1.08)
curve = []
for _ in range(140):
    rows = torch.randint(0, len(x), (64,))
    loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    curve.append((schedule.get_last_lr()[0], loss.item()))
    schedule.step()
for rate, value in curve[::10]:
    print(f"{rate:.5f} {value:.3f}")
