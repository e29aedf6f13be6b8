"""A policy gradient on a contextual bandit: the loss says nothing about progress, and rises as the policy gets sure."""

import torch
from torch import nn

torch.manual_seed(0)
worth = torch.randn(6, 4)
policy = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 4))
optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
for update in range(300):
    context = torch.randn(1024, 6)
    log_prob = policy(context).log_softmax(-1)
    action = torch.multinomial(log_prob.exp().detach(), 1)
    reward = (context @ worth).gather(1, action)[:, 0]
    advantage = (reward - reward.mean()) / (reward.std() + 1e-6)
    entropy = -(log_prob.exp() * log_prob).sum(1).mean()
    loss = -(log_prob.gather(1, action)[:, 0] * advantage).mean() - 0.05 * entropy
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 50 == 0:
        print(f"update {update}: mean reward {reward.mean():.3f}")
