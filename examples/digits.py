"""Recognise drawn digits: seven-segment figures, shifted, thickened and noisy, 14 by 12 pixels."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 8
BATCH = 64

# Segments of each digit: top, top left, top right, middle, bottom left, bottom right, bottom
SEGMENTS = [
    "1110111",
    "0010010",
    "1011101",
    "1011011",
    "0111010",
    "1101011",
    "1101111",
    "1010010",
    "1111111",
    "1111011",
]


def draw(digit, generator):
    """One image of values 0 to 255."""
    image = torch.zeros(14, 12)
    strokes = [(0, 0, 1, 6), (0, 0, 5, 1), (0, 5, 5, 1), (4, 0, 1, 6), (4, 0, 5, 1), (4, 5, 5, 1), (8, 0, 1, 6)]
    top, left, thick = (int(torch.randint(0, n, (1,), generator=generator)) for n in (4, 5, 2))
    for on, (y, x, height, width) in zip(SEGMENTS[digit], strokes):
        if on == "1":
            image[top + y : top + y + height + thick, left + x : left + x + width + thick] = 1
    ink = 0.5 + 0.5 * torch.rand(1, generator=generator)
    return (255 * (ink * image + 0.15 * torch.randn(14, 12, generator=generator))).clamp(0, 255)


def make_data(n, seed):
    generator = torch.Generator().manual_seed(seed)
    digits = torch.randint(0, 10, (n,), generator=generator)
    images = torch.stack([draw(int(d), generator) for d in digits]).unsqueeze(1)  # (example, 1, height, width)
    return images, digits


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.head = nn.Linear(32 * 3 * 3, 10)

    def forward(self, x):
        x = self.features(x).flatten(1)
        return torch.softmax(self.head(x), dim=1)


def main():
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    train_x, train_y = make_data(2000, seed=1)
    test_x, test_y = make_data(500, seed=2)
    mean, std = train_x.mean(), train_x.std()
    train = DataLoader(TensorDataset((train_x - mean) / std, train_y), batch_size=BATCH, shuffle=True)
    test = DataLoader(TensorDataset((test_x - mean) / std, test_y), batch_size=BATCH)

    model = Net().to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for x, y in train:
            x, y = x.to(device), y.to(device)
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)

        model.eval()
        correct = 0
        with torch.no_grad():
            for x, y in test:
                correct += (model(x.to(device)).argmax(1).cpu() == y).sum().item()
        accuracy = correct / len(test.dataset)
        print(f"epoch {epoch + 1}: loss {total / len(train.dataset):.3f}, test accuracy {accuracy:.1%}")


if __name__ == "__main__":
    main()
