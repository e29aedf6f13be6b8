"""Knowledge distillation: a large teacher is trained, a small student learns from its soft answers."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
centres = 1.2 * torch.randn(12, 8)


def make(n):
    """Five classes, each of several clusters."""
    cluster = torch.randint(0, 10, (n,))
    return centres[cluster] + 0.5 * torch.randn(n, 8), cluster % 5


(train_x, train_y), (val_x, val_y) = make(2000), make(500)
mean, std = train_x.mean(0), train_x.std(0)
train = DataLoader(TensorDataset((train_x - mean) / std, train_y), batch_size=50, shuffle=True)
val = DataLoader(TensorDataset((val_x - mean) / std, val_y), batch_size=100)


@torch.no_grad()
def accuracy(model):
    model.eval()
    return sum((model(x).argmax(1) == y).sum().item() for x, y in val) / len(val_y)


teacher = nn.Sequential(nn.Linear(8, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 5))
optimizer = torch.optim.Adam(teacher.parameters(), lr=1e-3)
for epoch in range(8):
    teacher.train()
    for x, y in train:
        loss = F.cross_entropy(teacher(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(f"teacher {accuracy(teacher):.3f}")

teacher.requires_grad_(False)
student = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 5))
optimizer = torch.optim.Adam(student.parameters(), lr=3e-3)
T = 2.0
for epoch in range(12):
    student.train()
    for x, y in train:
        with torch.no_grad():
            soft = F.log_softmax(teacher(x) / T, dim=1)
        logits = student(x)
        imitation = F.kl_div(F.log_softmax(logits / T, dim=1), soft, reduction="batchmean", log_target=True) * T * T
        loss = 0.7 * imitation + 0.3 * F.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: student {accuracy(student):.3f}")
