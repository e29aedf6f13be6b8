"""Two networks, two optimisers, spectral norm (buffers that a forward changes), momentum."""

import hashlib

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.LeakyReLU(), nn.Linear(32, 16))
critic = nn.Sequential(
    spectral_norm(nn.Linear(16, 32)), nn.LeakyReLU(), nn.Dropout(0.2), spectral_norm(nn.Linear(32, 1))
)
to_make = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9))
to_judge = torch.optim.SGD(critic.parameters(), lr=1e-2, momentum=0.9, nesterov=True)
bce = nn.BCEWithLogitsLoss()
for step in range(20):
    real, fake = torch.randn(32, 16) * 0.5 + 1, generator(torch.randn(32, 16))
    to_judge.zero_grad()
    judged = bce(critic(real), torch.ones(32, 1)) + bce(critic(fake.detach()), torch.zeros(32, 1))
    judged.backward()
    to_judge.step()
    to_make.zero_grad()
    fooled = bce(critic(fake), torch.ones(32, 1))
    fooled.backward()
    to_make.step()
    print(judged.item(), fooled.item())


def digest(*things):
    h = hashlib.sha256()
    for thing in things:
        h.update(thing.detach().numpy().tobytes() if torch.is_tensor(thing) else repr(thing).encode())
    return h.hexdigest()


print(digest(*generator.state_dict().values(), *critic.state_dict().values()))
print(digest(torch.get_rng_state()))
