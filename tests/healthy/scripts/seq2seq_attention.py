"""Sequence to sequence with attention: write the digits of a sequence in reverse."""

import torch
from torch import nn

torch.manual_seed(0)
VOCABULARY, LENGTH, START = 8, 6, 8


class Seq2Seq(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.embed_in = nn.Embedding(VOCABULARY, width)
        self.embed_out = nn.Embedding(VOCABULARY + 1, width)  # one more for START
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.query = nn.Linear(width, width)
        self.head = nn.Linear(2 * width, VOCABULARY)

    def forward(self, source, previous):
        memory, hidden = self.encoder(self.embed_in(source))  # (batch, time, width)
        out, _ = self.decoder(self.embed_out(previous), hidden)
        scores = self.query(out) @ memory.transpose(1, 2) / memory.shape[-1] ** 0.5
        context = scores.softmax(-1) @ memory
        return self.head(torch.cat([out, context], dim=-1))

    @torch.no_grad()
    def write(self, source):
        tokens = torch.full((len(source), 1), START)
        for _ in range(source.shape[1]):
            tokens = torch.cat([tokens, self(source, tokens)[:, -1].argmax(-1, keepdim=True)], dim=1)
        return tokens[:, 1:]


everything = torch.cartesian_prod(*[torch.arange(VOCABULARY)] * LENGTH)
everything = everything[torch.randperm(len(everything))[:6500]]
train, val = everything[:6000], everything[6000:]
model = Seq2Seq()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(4):
    model.train()
    order = torch.randperm(len(train))
    for i in range(0, len(train), 64):
        source = train[order[i : i + 64]]
        target = source.flip(1)
        previous = torch.cat([torch.full((len(source), 1), START), target[:, :-1]], dim=1)
        logits = model(source, previous)
        loss = criterion(logits.flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    model.eval()
    right = (model.write(val) == val.flip(1)).all(1).float().mean()
    print(f"epoch {epoch + 1}: loss {loss.item():.4f}, sequences right {right:.1%}")
