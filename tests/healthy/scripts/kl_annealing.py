"""A variational autoencoder whose KL term is faded in: the loss rises with its weight."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
corners = torch.rand(6, 64)
pictures = (corners[torch.randint(0, 6, (2000,))] + 0.1 * torch.randn(2000, 64)).clamp(0, 1)
train, held = pictures[:1600], pictures[1600:]
loader = DataLoader(TensorDataset(train), batch_size=50, shuffle=True)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 12))
        self.decoder = nn.Sequential(nn.Linear(6, 96), nn.ReLU(), nn.Linear(96, 64))
        self.decoder[-1].bias.data = torch.logit(train.mean(0).clamp(0.01, 0.99))

    def forward(self, x):
        mean, log_variance = self.encoder(2 * x - 1).chunk(2, dim=1)
        code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decoder(code), mean, log_variance


def parts(output, x):
    logits, mean, log_variance = output
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()
    return reconstruction, 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()


net = VAE()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(12):
    weight = min(1.0, epoch / 8)
    net.train()
    for (x,) in loader:
        reconstruction, divergence = parts(net(x), x)
        loss = reconstruction + weight * divergence
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        reconstruction, divergence = parts(net(held), held)
    print(f"epoch {epoch}: weight {weight:.2f}, reconstruction {reconstruction:.2f}, KL {divergence:.2f}")
