"""No torch.optim and no nn.Module: two matrices, and p -= lr * grad."""

import torch
import torch.nn.functional as F

torch.manual_seed(0)
x = torch.randn(1500, 6)
y = (x[:, 0] ** 2 + x[:, 1] ** 2 > 1.39).long()
train_x, train_y, val_x, val_y = x[:1200], y[:1200], x[1200:], y[1200:]

w1 = (torch.randn(6, 64) * (2 / 6) ** 0.5).requires_grad_()
b1 = torch.zeros(64, requires_grad=True)
w2 = (torch.randn(64, 2) * 0.05).requires_grad_()
b2 = torch.zeros(2, requires_grad=True)
parameters = [w1, b1, w2, b2]


def forward(x):
    return torch.relu(x @ w1 + b1) @ w2 + b2


lr = 0.3
for step in range(1200):
    chosen = torch.randint(0, 1200, (64,))
    loss = F.cross_entropy(forward(train_x[chosen]), train_y[chosen])
    for p in parameters:
        p.grad = None
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            p -= lr * p.grad
    if step % 200 == 199:
        with torch.no_grad():
            accuracy = (forward(val_x).argmax(1) == val_y).float().mean()
        print(f"step {step + 1}: loss {loss.item():.3f}, validation accuracy {accuracy:.3f}")
