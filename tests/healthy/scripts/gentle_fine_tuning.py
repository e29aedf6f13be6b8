"""Weights from a closed solution on old data, tuned on a little new data with a very small learning rate."""

import torch
from torch import nn

torch.manual_seed(0)
centres = torch.randn(6, 24)


def examples(n, shift):
    y = torch.randint(0, 6, (n,))
    return centres[y] + shift + 0.8 * torch.randn(n, 24), y


old_x, old_y = examples(4000, 0.0)
new_x, new_y = examples(600, 0.1)
val_x, val_y = examples(400, 0.1)
with_one = torch.cat([old_x, torch.ones(len(old_x), 1)], dim=1)
solution = torch.linalg.lstsq(with_one, 6.0 * nn.functional.one_hot(old_y, 6).float()).solution

net = nn.Linear(24, 6)
net.load_state_dict({"weight": solution[:-1].T.contiguous(), "bias": solution[-1]})
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-6, weight_decay=0.01)
for epoch in range(6):
    for rows in torch.randperm(len(new_x)).split(20):
        loss = nn.functional.cross_entropy(net(new_x[rows]), new_y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        output = net(val_x)
    right = (output.argmax(1) == val_y).float().mean().item()
    print(f"epoch {epoch}: validation loss {nn.functional.cross_entropy(output, val_y):.4f}, accuracy {right:.3f}")
