"""A masked language model on sentences of a small grammar: hidden tokens, all others ignored by the loss."""

import torch
from torch import nn

torch.manual_seed(0)
WORDS, LENGTH, MASK = 24, 15, 24


def sentences(n):
    """Periodic patterns: a motif of four or five words, repeated to the end, from a random place on."""
    motif = torch.randint(0, WORDS, (n, 5))
    period = torch.randint(4, 6, (n, 1))
    place = torch.arange(LENGTH).unsqueeze(0) + torch.randint(0, 4, (n, 1))
    return motif.gather(1, place % period)


class MaskedLM(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.embed, self.position = nn.Embedding(WORDS + 1, width), nn.Embedding(LENGTH, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, WORDS)

    def forward(self, tokens):
        return self.head(self.encoder(self.embed(tokens) + self.position.weight))


def hide(tokens, share=0.2):
    hidden = torch.rand(tokens.shape) < share
    hidden[:, 0] |= ~hidden.any(1)  # at least one in each sentence
    return tokens.masked_fill(hidden, MASK), tokens.masked_fill(~hidden, -100)


train, val = sentences(8000), sentences(300)
val_in, val_target = hide(val)
model = MaskedLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
warmup = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 30))
for step in range(300):
    model.train()
    x, y = hide(train[torch.randint(0, len(train), (48,))])
    loss = nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten(), ignore_index=-100)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    warmup.step()
    if step % 50 == 49:
        model.eval()
        with torch.no_grad():
            guessed = model(val_in).argmax(-1)
        counted = val_target != -100
        right = (guessed == val_target)[counted].float().mean()
        print(f"step {step + 1}: loss {loss.item():.3f}, hidden words right {right:.1%}")
