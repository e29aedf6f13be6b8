"""Stochastic weight averaging in the last epochs, with the batch norm statistics made anew."""

import torch
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


def make(n):
    x = torch.randn(n, 10)
    return x, ((x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3] + 0.1 * torch.randn(n)) > 0).long()


(train_x, train_y), (val_x, val_y) = make(2560), make(512)
train = DataLoader(TensorDataset(train_x, train_y), batch_size=64, shuffle=True)
val = DataLoader(TensorDataset(val_x, val_y), batch_size=128)
model = nn.Sequential(
    nn.Linear(10, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(),
    nn.Linear(64, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 2),
)  # fmt: skip
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
averaged = AveragedModel(model)
scheduler = SWALR(optimizer, swa_lr=0.03, anneal_epochs=2)


@torch.no_grad()
def accuracy(net):
    net.eval()
    return sum((net(x).argmax(1) == y).sum().item() for x, y in val) / len(val_y)


for epoch in range(12):
    model.train()
    for x, y in train:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch >= 8:
        averaged.update_parameters(model)
        scheduler.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, accuracy {accuracy(model):.3f}")

update_bn(train, averaged)
print(f"averaged weights: accuracy {accuracy(averaged):.3f}")
