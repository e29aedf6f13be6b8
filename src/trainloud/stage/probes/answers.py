"""What the last training batches were taken for: targets against predictions, counted when the run is over."""

from collections import deque
from typing import Any

import torch

from trainloud.core.place import Place
from trainloud.core.records import Answers
from trainloud.stage.code import persons_line
from trainloud.stage.hub import Hub

LAST = 64  # training losses of a network that are kept
LARGEST = 20_000  # elements of a loss's input that are kept; beyond, every k-th row
MOST_CLASSES = 64
BINARY = {"binary_cross_entropy_with_logits": 0.0, "binary_cross_entropy": 0.5}


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._last: dict[tuple[int, str], deque[tuple[torch.Tensor, torch.Tensor, tuple[int, int]]]] = {}
        self._where: dict[tuple[int, str], Place | None] = {}
        self._weighted: set[tuple[int, str]] = set()

    def loss(self, call: Any) -> None:
        if not call.grad or call.visit is None:
            return
        given, target = call.input.detach(), call.target.detach()
        if call.by_class and call.kind != "multi_margin_loss":
            if given.dim() < 2 or not 2 <= given.shape[1] <= MOST_CLASSES or given.shape[0] != target.shape[0]:
                return
        elif call.kind not in BINARY or given.numel() != target.numel() or (given.dim() > 1 and given.shape[1] > 1):
            return
        size = call.visit.size or self._hub.batch_size()  # inside a forward its size is not known yet
        if given.dim() < 4 and target.numel() > size:
            return  # several places of a sequence: rare tokens are not classes that must be found
        key = (call.visit.network, call.kind)
        if key not in self._last:
            self._last[key] = deque(maxlen=LAST)
            self._where[key] = persons_line()
        if call.options.get("weight") is not None or call.options.get("pos_weight") is not None:
            self._weighted.add(key)
        if given.numel() > LARGEST and given.dim() > 2:
            every = -(-given.numel() // LARGEST)
            given, target = given.flatten(2)[:, :, ::every].clone(), target.flatten(1)[:, ::every].clone()
        elif given.numel() > LARGEST:
            every = -(-given.numel() // LARGEST)
            given, target = given[::every].clone(), target[::every].clone()
        given, target = _own(given), _own(target)
        self._last[key].append((given, target, (_version(given), _version(target))))

    def finish(self) -> None:
        for (network, kind), pairs in self._last.items():
            if network not in self._hub.trained:
                continue
            classes = 2 if kind in BINARY else pairs[-1][0].shape[1]
            total = torch.zeros(classes * classes, dtype=torch.int64)
            for given, target, versions in pairs:
                if kind not in BINARY and given.shape[1] != classes:
                    continue
                if versions != (_version(given), _version(target)):
                    continue  # the script has written into them since
                if kind in BINARY:
                    guess, truth = (given.reshape(-1) > BINARY[kind]).long(), target.reshape(-1)
                    kept = (truth == 0) | (truth == 1)
                else:
                    guess, truth = given.argmax(1).reshape(-1), target.reshape(-1)
                    kept = (truth >= 0) & (truth < classes)
                pair = truth[kept].long() * classes + guess[kept]
                total += torch.bincount(pair, minlength=classes * classes).cpu()
            rows = tuple(tuple(row) for row in total.reshape(classes, classes).tolist())
            key = (network, kind)
            self._hub.write(Answers(network, kind, self._where[key], len(pairs), rows, key in self._weighted))


def _version(x: torch.Tensor) -> int:
    return 0 if x.is_inference() else x._version


def _own(x: torch.Tensor) -> torch.Tensor:
    """The tensor itself, or a copy where it would keep something much larger alive."""
    return x.clone() if x.untyped_storage().nbytes() > 4 * x.numel() * x.element_size() else x
