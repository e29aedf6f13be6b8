"""Proximal policy optimisation: rollouts without gradients, several epochs over each; balances a pole."""

import math
import random

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(0)
random.seed(0)
HORIZON, GAMMA, LAMBDA, CLIP = 256, 0.99, 0.95, 0.2


class Pole:
    def reset(self):
        self.state, self.time = [random.uniform(-0.05, 0.05) for _ in range(4)], 0
        return torch.tensor(self.state)

    def step(self, action):
        x, v, angle, turn = self.state
        push = 10.0 if action else -10.0
        cos, sin = math.cos(angle), math.sin(angle)
        inner = (push + 0.05 * turn**2 * sin) / 1.1
        spin = (9.8 * sin - cos * inner) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
        speed = inner - 0.05 * spin * cos / 1.1
        self.state = [x + 0.02 * v, v + 0.02 * speed, angle + 0.02 * turn, turn + 0.02 * spin]
        self.time += 1
        done = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.21 or self.time >= 200
        return torch.tensor(self.state), 1.0, done


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.actor, self.critic = nn.Linear(64, 2), nn.Linear(64, 1)

    def forward(self, states):
        h = self.body(states)
        return Categorical(logits=self.actor(h)), self.critic(h).squeeze(-1)


net = ActorCritic()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, eps=1e-5)
pole = Pole()
state = pole.reset()
total, returns = 0.0, []
for update in range(8):
    states, actions, log_probs, rewards, ends, values = [], [], [], [], [], []
    for _ in range(HORIZON):
        with torch.no_grad():
            choice, value = net(state[None])
            action = choice.sample()
        states.append(state)
        actions.append(action)
        log_probs.append(choice.log_prob(action))
        values.append(value)
        state, reward, done = pole.step(action.item())
        rewards.append(reward)
        ends.append(done)
        total += reward
        if done:
            returns.append(total)
            state, total = pole.reset(), 0.0
    with torch.no_grad():
        following = net(state[None])[1]
    states, actions, log_probs, values = torch.stack(states), *(torch.cat(v) for v in (actions, log_probs, values))
    advantages, running = torch.zeros(HORIZON), 0.0
    for t in reversed(range(HORIZON)):
        after = following if t == HORIZON - 1 else values[t + 1]
        error = rewards[t] + GAMMA * after * (1 - ends[t]) - values[t]
        running = error + GAMMA * LAMBDA * (1 - ends[t]) * running
        advantages[t] = running
    targets = advantages + values
    for _ in range(6):
        for rows in torch.randperm(HORIZON).split(64):
            choice, value = net(states[rows])
            ratio = (choice.log_prob(actions[rows]) - log_probs[rows]).exp()
            gain = (advantages[rows] - advantages[rows].mean()) / (advantages[rows].std() + 1e-8)
            actor = -torch.min(ratio * gain, ratio.clamp(1 - CLIP, 1 + CLIP) * gain).mean()
            critic = 0.5 * (value - targets[rows]).pow(2).mean()
            loss = actor + 0.5 * critic - 0.01 * choice.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
    print(f"update {update}: mean return {sum(returns[-10:]) / max(len(returns[-10:]), 1):.1f}")
