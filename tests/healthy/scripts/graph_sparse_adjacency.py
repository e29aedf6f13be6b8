"""A graph network on the full batch, with a sparse adjacency matrix as an argument."""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

np.random.seed(42)
torch.manual_seed(42)
N, C, Fd = 400, 4, 50
labels = torch.randint(0, C, (N,))
P = torch.rand(C, Fd)
feats = (torch.rand(N, Fd) < P[labels] * 0.3).float()
feats = feats / feats.sum(1, keepdim=True).clamp(min=1)
same = labels[:, None] == labels[None]
A = (torch.rand(N, N) < torch.where(same, 0.03, 0.003)).float()
A = ((A + A.t()) > 0).float() + torch.eye(N)
A = A / A.sum(1, keepdim=True)
adj = A.to_sparse()


class GC(nn.Module):
    def __init__(s, i, o):
        super().__init__()
        s.weight = nn.Parameter(torch.FloatTensor(i, o))
        s.bias = nn.Parameter(torch.FloatTensor(o))
        sd = 1.0 / math.sqrt(o)
        s.weight.data.uniform_(-sd, sd)
        s.bias.data.uniform_(-sd, sd)

    def forward(s, x, a):
        return torch.spmm(a, torch.mm(x, s.weight)) + s.bias


class GCN(nn.Module):
    def __init__(s):
        super().__init__()
        s.gc1 = GC(Fd, 16)
        s.gc2 = GC(16, C)
        s.dropout = 0.5

    def forward(s, x, a):
        x = F.relu(s.gc1(x, a))
        x = F.dropout(x, s.dropout, training=s.training)
        return F.log_softmax(s.gc2(x, a), dim=1)


it, iv, ie = torch.arange(80), torch.arange(100, 200), torch.arange(200, 400)
model = GCN()
opt = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)


def acc(o, y):
    return (o.max(1)[1] == y).double().mean()


for ep in range(100):
    model.train()
    opt.zero_grad()
    o = model(feats, adj)
    lt = F.nll_loss(o[it], labels[it])
    at = acc(o[it], labels[it])
    lt.backward()
    opt.step()
    model.eval()
    o = model(feats, adj)
    lv = F.nll_loss(o[iv], labels[iv])
    if ep % 20 == 0:
        print(
            f"Epoch: {ep + 1:04d} train {lt.item():.4f} {at.item():.4f} "
            f"val {lv.item():.4f} {acc(o[iv], labels[iv]).item():.4f}"
        )
model.eval()
o = model(feats, adj)
print("test", F.nll_loss(o[ie], labels[ie]).item(), acc(o[ie], labels[ie]).item())
