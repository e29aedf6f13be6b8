"""A siamese network: each pair is put together at random when it is fetched, in training and in validation."""

import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

random.seed(0)
torch.manual_seed(0)
centres = torch.randn(8, 20)


class Pairs(Dataset):
    def __init__(self, n):
        self.y = torch.randint(0, 8, (n,))
        self.x = centres[self.y] + 0.7 * torch.randn(n, 20)
        self.of_class = [torch.where(self.y == c)[0].tolist() for c in range(8)]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        own = int(self.y[index])
        same = random.random() < 0.5
        other = own if same else random.choice([c for c in range(8) if c != own])
        partner = random.choice(self.of_class[other])
        return self.x[index], self.x[partner], float(same)


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
        self.same = nn.Linear(16, 1)

    def forward(self, a, b):
        return self.same((self.embed(a) - self.embed(b)).abs()).squeeze(1)


train = DataLoader(Pairs(1200), batch_size=40, shuffle=True)
val = DataLoader(Pairs(400), batch_size=100)
net = Siamese()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(8):
    net.train()
    for a, b, same in train:
        loss = nn.functional.binary_cross_entropy_with_logits(net(a, b), same.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        losses = [nn.functional.binary_cross_entropy_with_logits(net(a, b), s.float()).item() for a, b, s in val]
    print(f"epoch {epoch}: validation loss {sum(losses) / len(losses):.4f}")
