"""A small convolutional network on made-up pictures; notes the CPU milliseconds of each step in a file.

CPU time (all threads of the process) is what a step costs whatever else the machine does meanwhile.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--times", type=Path, default=None)
args = parser.parse_args()

torch.manual_seed(0)
images = torch.randn(2048, 3, 32, 32)
labels = (images.mean((1, 2, 3)) * 50).long().clamp(-4, 5) + 4
loader = DataLoader(TensorDataset(images, labels), args.batch_size, shuffle=True)
net = nn.Sequential(
    nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(64 * 64, 128), nn.ReLU(), nn.Linear(128, 10),
)  # fmt: skip
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()

times: list[float] = []
while len(times) < args.steps:
    last = time.process_time()
    for x, y in loader:
        loss = criterion(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        now = time.process_time()
        times.append((now - last) * 1000)
        last = now
        if len(times) == args.steps:
            break
print(f"{len(times)} steps, loss {loss.item():.3f}")
if args.times:
    args.times.write_text(json.dumps(times))
