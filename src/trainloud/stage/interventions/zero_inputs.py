"""Every input is replaced by one and the same: the input-independent baseline of the Recipe's step 2.

Numbers become zero; whole numbers (tokens, indices, masks) become those of the first training example. Arguments that
the network's own loss compares its outputs with are answers and stay. The first training forward is left alone to
learn which those are.

Source: Karpathy (2019), "A Recipe for Training Neural Networks", step 2, "input-independent baseline".
"""

from typing import Any

import torch

from trainloud.stage.treated import Treated, is_answer
from trainloud.stage.visit import tensors_in


class Intervention:
    def __init__(self, value: str = ""):
        self._first: dict[tuple[int, str], torch.Tensor] = {}
        self._answers: set[tuple[int, str]] = set()
        self._seen: dict[int, dict[str, torch.Tensor]] = {}
        self._constant = 0
        self._kept = 0

    def install(self, treated: Treated) -> None:
        treated.at_door(self._change)
        treated.hub.add(self)

    def loss(self, call: Any) -> None:
        """A probe's event: which argument shares its memory with the target of a loss."""
        for network, arguments in self._seen.items():
            for name, tensor in arguments.items():
                if tensor.data_ptr() == call.target.data_ptr() or _same(tensor, call.target):
                    self._answers.add((network, name))

    def step_end(self, optimizer: Any) -> None:
        self._seen.clear()

    def _change(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        network = id(module)
        named = {**{str(i): a for i, a in enumerate(args)}, **kwargs}
        if torch.is_grad_enabled() and not any(n == network for n, _ in self._first):
            for name, value in named.items():
                for k, t in enumerate(tensors_in(value)):
                    if t.dim() and t.numel() and not t.requires_grad:
                        self._first[network, f"{name}/{k}"] = t.detach().clone()
                if isinstance(value, torch.Tensor):
                    self._seen.setdefault(network, {})[name] = value.detach()
            return args, kwargs
        if not any(n == network for n, _ in self._first):
            return args, kwargs
        changed = {n: self._constant_for(network, n, v) for n, v in named.items()}
        return tuple(changed[str(i)] for i in range(len(args))), {k: changed[k] for k in kwargs}

    def _constant_for(self, network: int, name: str, value: Any) -> Any:
        if is_answer(name) or (network, name) in self._answers:
            return value
        if isinstance(value, torch.Tensor):
            first = self._first.get((network, f"{name}/0"))
            return value if first is None or value.requires_grad else self._one(first, value)
        if isinstance(value, (tuple, list)) and value and all(isinstance(v, torch.Tensor) for v in value):
            firsts = [self._first.get((network, f"{name}/{k}")) for k in range(len(value))]
            made = [v if f is None or v.requires_grad else self._one(f, v) for f, v in zip(firsts, value, strict=True)]
            return type(value)(made) if type(value) in (tuple, list) else value
        if isinstance(value, dict) and value and all(isinstance(v, torch.Tensor) for v in value.values()):
            firsts = [self._first.get((network, f"{name}/{k}")) for k in range(len(value))]
            pairs = zip(firsts, value.items(), strict=True)
            return type(value)({k: v if f is None or is_answer(k) else self._one(f, v) for f, (k, v) in pairs})
        self._kept += any(True for _ in tensors_in(value))
        return value

    def _one(self, first: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        if not value.dim() or first.shape[1:] != value.shape[1:]:
            if value.is_floating_point():
                self._constant += 1
                return torch.zeros_like(value)
            self._kept += 1
            return value
        self._constant += 1
        if value.is_floating_point():
            return torch.zeros_like(value)
        return first[:1].expand_as(value).clone()

    def report(self) -> tuple[bool, str]:
        if self._kept:
            return False, f"{self._kept} inputs could not be replaced"
        return self._constant > 0, f"{self._constant} inputs were replaced by a constant"


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.numel() == b.numel() and a.numel() > 1 and bool((a.reshape(-1) == b.reshape(-1)).all())
