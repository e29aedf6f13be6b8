"""A graph convolution written by hand: node classes in a graph with communities, masks for training and validation."""

import torch
from torch import nn

torch.manual_seed(0)
NODES, CLASSES, FEATURES = 600, 4, 24

labels = torch.arange(NODES) % CLASSES
same = labels.unsqueeze(0) == labels.unsqueeze(1)
edges = torch.rand(NODES, NODES) < torch.where(same, 0.03, 0.004)
adjacency = (edges | edges.T).float()
adjacency.fill_diagonal_(1)
degree = adjacency.sum(1)
adjacency = adjacency / (degree.unsqueeze(0) * degree.unsqueeze(1)).sqrt()

features = 0.5 * torch.randn(CLASSES, FEATURES)[labels] + torch.randn(NODES, FEATURES)
shuffled = torch.randperm(NODES)
train_mask, val_mask = torch.zeros(2, NODES, dtype=torch.bool)
train_mask[shuffled[:300]] = True
val_mask[shuffled[300:]] = True
features = (features - features[train_mask].mean(0)) / features[train_mask].std(0)


class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(FEATURES, 32)
        self.second = nn.Linear(32, CLASSES)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x, a):
        x = torch.relu(a @ self.first(x))
        return a @ self.second(self.dropout(x))


model = GCN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
for epoch in range(100):
    model.train()
    optimizer.zero_grad()
    out = model(features, adjacency)
    loss = nn.functional.cross_entropy(out[train_mask], labels[train_mask])
    loss.backward()
    optimizer.step()
    if epoch % 10 == 9:
        model.eval()
        with torch.no_grad():
            predicted = model(features, adjacency).argmax(1)
        accuracy = (predicted == labels)[val_mask].float().mean()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, validation accuracy {accuracy:.1%}")
