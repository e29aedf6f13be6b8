"""Two tasks from one trunk: the class of a point, and a quantity; two losses, added."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
n = 3000
x = torch.randn(n, 10)
kind = (torch.stack([x[:, 0] * x[:, 1], x[:, 2] + x[:, 3], x[:, 4] - x[:, 5]], 1) + 0.1 * torch.randn(n, 3)).argmax(1)
amount = torch.sin(x[:, 0]) + x[:, 6] * x[:, 7] + 0.1 * torch.randn(n)
amount = (amount - amount[:2500].mean()) / amount[:2500].std()


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(10, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU())
        self.kind = nn.Linear(96, 3)
        self.amount = nn.Linear(96, 1)

    def forward(self, x):
        shared = self.trunk(x)
        return self.kind(shared), self.amount(shared).squeeze(1)


train, val = TensorDataset(x[:2500], kind[:2500], amount[:2500]), TensorDataset(x[2500:], kind[2500:], amount[2500:])
train_loader, val_loader = DataLoader(train, batch_size=50, shuffle=True), DataLoader(val, batch_size=100)
model = TwoHeads()
# begin at the shares of the classes
model.kind.bias.data = torch.bincount(kind[:2500], minlength=3).div(len(train)).log()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)

for epoch in range(12):
    model.train()
    for xb, kb, ab in train_loader:
        kind_logits, amount_out = model(xb)
        kind_loss = nn.functional.cross_entropy(kind_logits, kb)
        amount_loss = nn.functional.mse_loss(amount_out, ab)
        optimizer.zero_grad()
        (kind_loss + 0.5 * amount_loss).backward()
        optimizer.step()

    model.eval()
    correct, squared = 0, 0.0
    with torch.no_grad():
        for xb, kb, ab in val_loader:
            kind_logits, amount_out = model(xb)
            correct += (kind_logits.argmax(1) == kb).sum().item()
            squared += ((amount_out - ab) ** 2).sum().item()
    print(f"epoch {epoch + 1}: accuracy {correct / len(val):.3f}, mean squared error {squared / len(val):.3f}")
