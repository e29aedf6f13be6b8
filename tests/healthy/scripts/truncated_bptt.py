"""An LSTM reads long streams in pieces; its state is carried from piece to piece and detached."""

import torch
from torch import nn

torch.manual_seed(0)
STREAMS, PIECE, TOKENS = 20, 16, 6


def stream(length):
    """In most places a token follows from the two before it."""
    table = torch.randperm(TOKENS * TOKENS) % TOKENS
    tokens = torch.randint(0, TOKENS, (STREAMS, length))
    for t in range(2, length):
        ruled = table[tokens[:, t - 1] * TOKENS + tokens[:, t - 2]]
        free = torch.rand(STREAMS) < 0.2
        tokens[:, t] = torch.where(free, tokens[:, t], ruled)
    return tokens


text = stream(961 + 320)
train, val = text[:, :961], text[:, 960:]


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(TOKENS, 24)
        self.lstm = nn.LSTM(24, 64, batch_first=True)
        self.head = nn.Linear(64, TOKENS)

    def forward(self, tokens, state=None):
        out, state = self.lstm(self.embed(tokens), state)
        return self.head(out), state


def pieces(tokens):
    for t in range(0, tokens.shape[1] - PIECE, PIECE):
        yield tokens[:, t : t + PIECE], tokens[:, t + 1 : t + PIECE + 1]


model = Reader()
model.head.bias.data = torch.bincount(train.flatten(), minlength=TOKENS).div(train.numel()).log()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(8):
    model.train()
    state, total, count = None, 0.0, 0
    for x, y in pieces(train):
        if state is not None:
            state = tuple(s.detach() for s in state)
        logits, state = model(x, state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        total, count = total + loss.item(), count + 1

    model.eval()
    state, right, seen = None, 0, 0
    with torch.no_grad():
        for x, y in pieces(val):
            logits, state = model(x, state)
            right, seen = right + (logits.argmax(-1) == y).sum().item(), seen + y.numel()
    print(f"epoch {epoch + 1}: loss {total / count:.3f}, next token right {right / seen:.1%}")
