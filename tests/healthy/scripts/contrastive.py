"""SimCLR in small: two noisy views of each point must find each other among the rest of the batch."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
mixing = torch.randn(6, 40) / 6**0.5
data = torch.randn(2048, 6) @ mixing + 0.1 * torch.randn(2048, 40)
train, held_out = data[:1792], data[1792:]
mean, std = train.mean(0), train.std(0)
train, held_out = (train - mean) / std, (held_out - mean) / std


def view(x):
    """Some noise, and a tenth of the coordinates hidden."""
    return (x + 0.2 * torch.randn_like(x)) * (torch.rand_like(x) > 0.1)


encoder = nn.Sequential(nn.Linear(40, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU())
projector = nn.Linear(96, 32)
parameters = [*encoder.parameters(), *projector.parameters()]
optimizer = torch.optim.Adam(parameters, lr=1e-3)


def info_nce(a, b, temperature=0.3):
    z = F.normalize(torch.cat([a, b]), dim=1)
    similarity = z @ z.T / temperature  # (2 * batch, 2 * batch)
    similarity.fill_diagonal_(float("-inf"))
    n = len(a)
    partner = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return F.cross_entropy(similarity, partner)


loader = DataLoader(TensorDataset(train), batch_size=128, shuffle=True, drop_last=True)
for epoch in range(12):
    encoder.train()
    total = 0.0
    for (x,) in loader:
        loss = info_nce(projector(encoder(view(x))), projector(encoder(view(x))))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()

    encoder.eval()
    with torch.no_grad():
        a, b = projector(encoder(view(held_out))), projector(encoder(view(held_out)))
        found = (F.normalize(a, dim=1) @ F.normalize(b, dim=1).T).argmax(1)
        matched = (found == torch.arange(len(held_out))).float().mean()
    print(f"epoch {epoch + 1}: loss {total / len(loader):.3f}, pairs found {matched:.1%}")
