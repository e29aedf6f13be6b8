"""A generative adversarial network on a ring of eight Gaussians."""

import math

import torch
from torch import nn

torch.manual_seed(0)


def sample_real(n):
    angle = 2 * math.pi * torch.randint(0, 8, (n,)) / 8
    points = torch.stack([angle.cos(), angle.sin()], dim=1)
    return points * 1.4 + 0.1 * torch.randn(n, 2)


generator = nn.Sequential(nn.Linear(8, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 2))
discriminator = nn.Sequential(
    nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
)
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))
criterion = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(128, 1), torch.zeros(128, 1)

for step in range(700):
    real = sample_real(128)
    fake = generator(torch.randn(128, 8))

    opt_d.zero_grad()
    loss_d = criterion(discriminator(real), ones) + criterion(discriminator(fake.detach()), zeros)
    loss_d.backward()
    opt_d.step()

    opt_g.zero_grad()
    loss_g = criterion(discriminator(fake), ones)
    loss_g.backward()
    opt_g.step()

    if step % 100 == 99:
        print(f"step {step + 1}: discriminator {loss_d.item():.3f}, generator {loss_g.item():.3f}")

with torch.no_grad():
    made = generator(torch.randn(1000, 8))
print(f"mean radius of generated points {made.norm(dim=1).mean():.2f} (real 1.40)")
