"""An angular margin in the head: the loss starts high by design, and no bias could lower it."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
g = torch.Generator().manual_seed(5)
P = torch.randn(20, 24, generator=g)
y = torch.randint(0, 20, (2000,), generator=g)
X = P[y] + 0.5 * torch.randn(2000, 24, generator=g)


class ArcMargin(nn.Module):
    def __init__(s, i, o, sc=30.0, m=0.5):
        super().__init__()
        s.s, s.m = sc, m
        s.weight = nn.Parameter(torch.FloatTensor(o, i))
        nn.init.xavier_uniform_(s.weight)
        s.cm, s.sm = math.cos(m), math.sin(m)
        s.th = math.cos(math.pi - m)
        s.mm = math.sin(math.pi - m) * m

    def forward(s, x, labels):
        c = F.linear(F.normalize(x), F.normalize(s.weight))
        sn = torch.sqrt((1.0 - c.pow(2)).clamp(0, 1))
        phi = c * s.cm - sn * s.sm
        phi = torch.where(c > s.th, phi, c - s.mm)
        oh = torch.zeros(c.size())
        oh.scatter_(1, labels.view(-1, 1), 1)
        return (oh * phi + (1 - oh) * c) * s.s


back = nn.Sequential(nn.Linear(24, 64), nn.BatchNorm1d(64), nn.PReLU(), nn.Linear(64, 16))
fc = ArcMargin(16, 20)
crit = nn.CrossEntropyLoss()
opt = torch.optim.SGD([{"params": back.parameters()}, {"params": fc.parameters()}], lr=0.02, weight_decay=5e-4)
sch = torch.optim.lr_scheduler.StepLR(opt, step_size=3, gamma=0.1)
tl = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X[:1700], y[:1700]), 64, shuffle=True)
for ep in range(5):
    back.train()
    for a, b in tl:
        f = back(a)
        o = fc(f, b)
        loss = crit(o, b)
        opt.zero_grad()
        loss.backward()
        opt.step()
    sch.step()
    back.eval()
    with torch.no_grad():
        e = F.normalize(back(X[1700:]))
        sim = e @ e.t() - 2 * torch.eye(300)
        nn_ = sim.argmax(1)
        print(ep, loss.item(), (y[1700:][nn_] == y[1700:]).float().mean().item())
