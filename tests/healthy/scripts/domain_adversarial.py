"""Domain-adversarial training: the gradient of the domain head is reversed on its way into the features."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.weight * gradient, None


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(16, 64), nn.ReLU())
        self.label = nn.Linear(64, 4)
        self.domain = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, x, weight=0.0):
        h = self.features(x)
        return self.label(h), self.domain(Reverse.apply(h, weight))


torch.manual_seed(0)
centres = torch.randn(4, 16)
shift = 0.5 * torch.randn(16)
source_y, held_y = torch.randint(0, 4, (1200,)), torch.randint(0, 4, (400,))
source = centres[source_y] + 0.4 * torch.randn(1200, 16)
target = centres[torch.randint(0, 4, (800,))] + 0.4 * torch.randn(800, 16) + shift
held = centres[held_y] + 0.4 * torch.randn(400, 16) + shift

net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for step in range(400):
    net.train()
    weight = 2 / (1 + math.exp(-10 * step / 400)) - 1
    a, b = torch.randint(0, 1200, (32,)), torch.randint(0, 800, (32,))
    label, from_source = net(source[a], weight)
    _, from_target = net(target[b], weight)
    domain = F.cross_entropy(from_source, torch.zeros(32, dtype=torch.long))
    domain = domain + F.cross_entropy(from_target, torch.ones(32, dtype=torch.long))
    loss = F.cross_entropy(label, source_y[a]) + domain
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        net.eval()
        with torch.no_grad():
            right = (net(held)[0].argmax(1) == held_y).float().mean().item()
        print(f"step {step}: loss {loss.item():.3f}, accuracy on the target domain {right:.3f}")
