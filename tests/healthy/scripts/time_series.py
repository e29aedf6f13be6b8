"""Forecast the next four hours of a load curve from the last twenty-four; the last part in time is for validation."""

import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
hours = torch.arange(2200.0)
noise = torch.zeros(2200)
for t in range(1, 2200):
    noise[t] = 0.8 * noise[t - 1] + 0.15 * torch.randn(1).item()
load = 50 + 12 * torch.sin(2 * math.pi * hours / 24) + 6 * torch.sin(2 * math.pi * hours / 168) + 6 * noise


class Windows(Dataset):
    def __init__(self, series, past=24, ahead=4):
        self.series, self.past, self.ahead = series, past, ahead

    def __len__(self):
        return len(self.series) - self.past - self.ahead + 1

    def __getitem__(self, i):
        return self.series[i : i + self.past], self.series[i + self.past : i + self.past + self.ahead]


split = 1800
mean, std = load[:split].mean(), load[:split].std()
scaled = (load - mean) / std
train = DataLoader(Windows(scaled[:split]), batch_size=32, shuffle=True)
val = DataLoader(Windows(scaled[split:]), batch_size=64)


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 24, batch_first=True)
        self.head = nn.Linear(24, 4)

    def forward(self, window):
        out, _ = self.lstm(window.unsqueeze(-1))  # (batch, time, width)
        return self.head(out[:, -1])


model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(6):
    model.train()
    for past, future in train:
        loss = nn.functional.mse_loss(model(past), future)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    absolute = 0.0
    with torch.no_grad():
        for past, future in val:
            absolute += (model(past) - future).abs().mean(1).sum().item()
    print(f"epoch {epoch + 1}: mean absolute error {absolute / len(val.dataset) * std:.2f} MW")
