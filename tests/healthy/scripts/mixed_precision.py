"""Mixed precision on the CPU: bfloat16 autocast around forward and loss, weights in float32."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
prototypes = nn.functional.interpolate(torch.randn(6, 3, 4, 4), size=12, mode="bilinear")


def make(n):
    y = torch.randint(0, 6, (n,))
    return prototypes[y] + 0.8 * torch.randn(n, 3, 12, 12), y


(train_x, train_y), (val_x, val_y) = make(1200), make(300)
mean, std = train_x.mean((0, 2, 3), keepdim=True), train_x.std((0, 2, 3), keepdim=True)
train = DataLoader(TensorDataset((train_x - mean) / std, train_y), batch_size=40, shuffle=True)
val = DataLoader(TensorDataset((val_x - mean) / std, val_y), batch_size=60)

model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1),
    nn.GroupNorm(4, 16),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(2),
    nn.Flatten(),
    nn.Linear(128, 6),
)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(5):
    model.train()
    for x, y in train:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()

    model.eval()
    correct = 0
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        for x, y in val:
            correct += (model(x).argmax(1) == y).sum().item()
    print(f"epoch {epoch + 1}: last loss {loss.item():.3f}, accuracy {correct / len(val_y):.3f}")
