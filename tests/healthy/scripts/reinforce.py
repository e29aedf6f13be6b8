"""REINFORCE with a learned baseline: keep a stick balanced by pushing left or right."""

import torch
from torch import nn

torch.manual_seed(0)


def rollout(policy, n=16, horizon=40):
    """n episodes side by side. Returns observations, actions, rewards to go and which steps were alive."""
    angle, speed = 0.1 * torch.randn(n), 0.1 * torch.randn(n)
    alive = torch.ones(n, dtype=torch.bool)
    seen, acted, living = [], [], []
    for _ in range(horizon):
        observation = torch.stack([angle * 4, speed * 2], dim=1)
        with torch.no_grad():
            action = torch.distributions.Categorical(logits=policy(observation)).sample()
        seen.append(observation)
        acted.append(action)
        living.append(alive)
        speed = speed + 0.15 * angle + 0.06 * (2.0 * action - 1) + 0.01 * torch.randn(n)
        angle = angle + 0.3 * speed
        alive = alive & (angle.abs() < 0.6)
    living = torch.stack(living)
    to_go = living.float().flip(0).cumsum(0).flip(0) / horizon * 2
    return torch.stack(seen), torch.stack(acted), to_go, living


policy = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))
baseline = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam([*policy.parameters(), *baseline.parameters()], lr=5e-3)

for iteration in range(80):
    seen, acted, to_go, living = rollout(policy)
    seen, acted, to_go = seen[living], acted[living], to_go[living]
    log_prob = torch.distributions.Categorical(logits=policy(seen)).log_prob(acted)
    value = baseline(seen).squeeze(1)
    advantage = to_go - value.detach()
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-6)
    policy_loss = -(log_prob * advantage).mean()
    value_loss = nn.functional.mse_loss(value, to_go)
    optimizer.zero_grad()
    (policy_loss + value_loss).backward()
    optimizer.step()
    if iteration % 10 == 9:
        print(f"iteration {iteration + 1}: mean episode length {living.float().sum(0).mean():.1f}")
