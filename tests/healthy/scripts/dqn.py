"""Q-learning with a replay buffer and a target network: walk to the goal in a small corridor world."""

import copy
import random
from collections import deque

import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)
SIZE, HORIZON = 7, 25
MOVES = [(0, 1), (0, -1), (1, 0), (-1, 0)]


class Grid:
    """Start anywhere, reach the middle; each move costs a little."""

    def reset(self):
        self.at = [random.randrange(SIZE), random.randrange(SIZE)]
        self.time = 0
        return self.observe()

    def observe(self):
        middle = SIZE // 2
        return torch.tensor([(self.at[0] - middle) / 2.0, (self.at[1] - middle) / 2.0])

    def step(self, action):
        dy, dx = MOVES[action]
        self.at = [min(max(self.at[0] + dy, 0), SIZE - 1), min(max(self.at[1] + dx, 0), SIZE - 1)]
        self.time += 1
        done = self.at == [SIZE // 2, SIZE // 2]
        return self.observe(), 1.0 if done else -0.05, done, self.time >= HORIZON


q_net = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
target_net = copy.deepcopy(q_net).requires_grad_(False)
optimizer = torch.optim.Adam(q_net.parameters(), lr=1e-3)
replay = deque(maxlen=5000)
world, gamma, updates = Grid(), 0.95, 0
state = world.reset()
lengths = []

for t in range(2500):
    epsilon = max(0.1, 1 - t / 1200)
    if random.random() < epsilon:
        action = random.randrange(4)
    else:
        with torch.no_grad():
            action = q_net(state.unsqueeze(0)).argmax(1).item()
    following, reward, done, cut = world.step(action)
    replay.append((state, action, reward, following, float(done)))
    state = following
    if done or cut:
        lengths.append(world.time)
        state = world.reset()

    if len(replay) >= 300:
        batch = random.sample(replay, 64)
        states, actions, rewards, followings, dones = zip(*batch)
        states, followings = torch.stack(states), torch.stack(followings)
        with torch.no_grad():
            best = target_net(followings).max(1).values
            targets = torch.tensor(rewards) + gamma * (1 - torch.tensor(dones)) * best
        values = q_net(states).gather(1, torch.tensor(actions).unsqueeze(1)).squeeze(1)
        loss = nn.functional.smooth_l1_loss(values, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        updates += 1
        if updates % 100 == 0:
            target_net.load_state_dict(q_net.state_dict())
    if t % 500 == 499:
        print(f"{t + 1} moves, last episodes' mean length {sum(lengths[-20:]) / len(lengths[-20:]):.1f}")
