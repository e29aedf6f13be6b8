"""Warm-up and decay in one cycle over the whole run, stepped with each batch; the best weights are kept."""

import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

EPOCHS = 8


class Chirps(Dataset):
    """Signals whose pitch rises, falls or stays."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, 3, (n,), generator=g)
        t = torch.linspace(0, 1, 48)
        start, phase = 4 + 3 * torch.rand(n, 1, generator=g), 6.28 * torch.rand(n, 1, generator=g)
        slope = 4.0 * (self.y - 1).unsqueeze(1)
        self.x = torch.sin(6.28 * (start * t + slope * t**2 / 2) + phase) + 0.2 * torch.randn(n, 48, generator=g)
        self.x = self.x.unsqueeze(1) / 0.735  # to unit variance

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def evaluate(model, loader):
    model.eval()
    right, total = 0, 0.0
    with torch.inference_mode():
        for x, y in loader:
            logits = model(x)
            total += nn.functional.cross_entropy(logits, y, reduction="sum").item()
            right += (logits.argmax(1) == y).sum().item()
    return total / len(loader.dataset), right / len(loader.dataset)


def main():
    torch.manual_seed(0)
    train = DataLoader(Chirps(1600, seed=1), batch_size=40, shuffle=True)
    val = DataLoader(Chirps(400, seed=2), batch_size=100)
    model = nn.Sequential(
        nn.Conv1d(1, 16, 7, stride=2),
        nn.ReLU(),
        nn.Conv1d(16, 32, 5, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(288, 3),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=EPOCHS * len(train))
    best, kept = float("inf"), None
    for epoch in range(EPOCHS):
        model.train()
        for x, y in train:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
        val_loss, accuracy = evaluate(model, val)
        print(f"epoch {epoch + 1}: train {loss.item():.3f}, validation {val_loss:.3f}, accuracy {accuracy:.1%}")
        if val_loss < best:
            best, kept = val_loss, copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    print("best: loss {:.3f}, accuracy {:.1%}".format(*evaluate(model, val)))


if __name__ == "__main__":
    main()
