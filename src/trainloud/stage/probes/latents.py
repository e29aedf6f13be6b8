"""Samples m + s * noise in a forward: how far their distribution is from a standard normal."""

from typing import Any

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from trainloud.core.records import Latent
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub

NOISE = frozenset({"randn", "randn_like", "normal", "normal_"})
PRODUCTS = frozenset({"mul", "__mul__", "__rmul__", "mul_"})
SUMS = frozenset({"add", "__add__", "__radd__", "add_"})
MOST = 4  # of a step


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._noise = WeakTensorKeyDictionary()
        self._scaled = WeakTensorKeyDictionary()
        self._seen = 0

    def operation(self, name: str, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        if not isinstance(result, torch.Tensor) or not torch.is_grad_enabled():
            return
        if name in NOISE:
            if result.grad_fn is None and result.is_floating_point():
                self._noise[result] = True
        elif name in PRODUCTS or name in SUMS:
            pair = [t for t in args[:2] if isinstance(t, torch.Tensor)]
            if len(pair) == 2:
                (self._product if name in PRODUCTS else self._sum)(pair, result)
        elif name in ("addcmul", "addcmul_") and len(args) >= 3:
            tensors = [t for t in args[:3] if isinstance(t, torch.Tensor)]
            if len(tensors) == 3 and (tensors[1] in self._noise) != (tensors[2] in self._noise):
                scale = tensors[1] if tensors[2] in self._noise else tensors[2]
                self._write(tensors[0], scale)

    def _product(self, pair: list[torch.Tensor], result: torch.Tensor) -> None:
        noisy = [t in self._noise for t in pair]
        if noisy.count(True) == 1:
            scale = pair[noisy.index(False)]
            if scale.grad_fn is not None and scale.shape == result.shape:
                self._scaled[result] = scale.detach()

    def _sum(self, pair: list[torch.Tensor], result: torch.Tensor) -> None:
        noisy = [t in self._scaled for t in pair]
        if noisy.count(True) == 1:
            k = noisy.index(True)
            mean = pair[1 - k]
            if mean.grad_fn is not None and mean.shape == result.shape:
                self._write(mean, self._scaled[pair[k]])

    def _write(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        hub = self._hub
        if self._seen >= MOST or mean.dim() < 2 or mean.shape != scale.shape or mean.shape[0] < 2:
            return
        self._seen += 1
        m, s = mean.detach().double(), scale.detach().double().abs().clamp_min(1e-12)
        nats = (m.square() + s.square() - 1) / 2 - s.log()
        places = nats.reshape(-1, nats.shape[-1]).mean(0)
        figures = torch.stack([places.sum(), places.max(), m.std(0).max()])
        number = hub.latest.network if hub.latest is not None else -1
        step, where, shape = hub.step, persons_line(), tuple(mean.shape)

        def receive(arrived: list[torch.Tensor]) -> None:
            hub.write(Latent(step, number, where, shape, *arrived[0].tolist()))

        hub.deferred.put([figures], receive)

    def step_end(self, optimizer: Any) -> None:
        self._seen = 0
