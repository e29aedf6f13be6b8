"""Alternation: sparse item vectors with one optimiser, the network above them with another, in turns."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
USERS, ITEMS = 80, 60
taste, style = torch.randn(USERS, 4), torch.randn(ITEMS, 4)
pairs = torch.cartesian_prod(torch.arange(USERS), torch.arange(ITEMS))[torch.randperm(USERS * ITEMS)]
rating = (taste[pairs[:, 0]] * style[pairs[:, 1]]).sum(1) / 2 + 0.1 * torch.randn(len(pairs))
rating = (rating - rating[:4000].mean()) / rating[:4000].std()
train = DataLoader(TensorDataset(pairs[:4000], rating[:4000]), batch_size=50, shuffle=True)
val = DataLoader(TensorDataset(pairs[4000:], rating[4000:]), batch_size=200)


class Recommender(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.user, self.item = nn.Embedding(USERS, width), nn.Embedding(ITEMS, width)
        self.net = nn.Sequential(nn.Linear(3 * width, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, pairs):
        u, i = self.user(pairs[:, 0]), self.item(pairs[:, 1])
        return self.net(torch.cat([u, i, u * i], dim=1)).squeeze(1)


model = Recommender()
for_tables = torch.optim.Adam([*model.user.parameters(), *model.item.parameters()], lr=1e-2)
for_net = torch.optim.Adam(model.net.parameters(), lr=3e-3)
for epoch in range(12):
    model.train()
    for step, (x, y) in enumerate(train):
        loss = nn.functional.mse_loss(model(x), y)
        model.zero_grad()
        loss.backward()
        (for_tables if step % 2 == 0 else for_net).step()
    model.eval()
    with torch.no_grad():
        squared = sum(((model(x) - y) ** 2).sum().item() for x, y in val)
    print(f"epoch {epoch + 1}: train {loss.item():.3f}, validation {squared / len(val.dataset):.3f}")
