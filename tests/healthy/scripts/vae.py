"""A variational autoencoder on small blob images."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def blobs(n):
    """A bright spot somewhere on a 12 by 12 image, values in [0, 1]."""
    grid = torch.arange(12).float()
    cy, cx = 2 + 8 * torch.rand(2, n, 1)
    width = 1 + torch.rand(n, 1, 1)
    d2 = ((grid - cy) ** 2).unsqueeze(2) + ((grid - cx) ** 2).unsqueeze(1)
    return torch.exp(-d2 / (2 * width**2)).flatten(1)


class VAE(nn.Module):
    def __init__(self, latent=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(144, 128), nn.ReLU())
        self.mu = nn.Linear(128, latent)
        self.logvar = nn.Linear(128, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, 128), nn.ReLU(), nn.Linear(128, 144))

    def forward(self, x):
        h = self.encoder((x - MEAN) / STD)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return self.decoder(z), mu, logvar


def loss_fn(x, logits, mu, logvar):
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
    return reconstruction, kl


train_x, val_x = blobs(2000), blobs(400)
MEAN, STD = train_x.mean(), train_x.std()
train = DataLoader(TensorDataset(train_x), batch_size=50, shuffle=True)
val = DataLoader(TensorDataset(val_x), batch_size=100)

model = VAE()
# the output starts at the mean image
model.decoder[-1].bias.data = torch.logit(train_x.mean(0).clamp(1e-3, 1 - 1e-3))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(15):
    model.train()
    for (x,) in train:
        logits, mu, logvar = model(x)
        reconstruction, kl = loss_fn(x, logits, mu, logvar)
        optimizer.zero_grad()
        (reconstruction + kl).backward()
        optimizer.step()

    model.eval()
    with torch.no_grad():
        totals = torch.zeros(2)
        for (x,) in val:
            totals += torch.stack(loss_fn(x, *model(x))) * len(x)
    reconstruction, kl = (totals / len(val_x)).tolist()
    print(f"epoch {epoch + 1}: reconstruction {reconstruction:.2f}, kl {kl:.2f}")
