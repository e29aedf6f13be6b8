"""No dropout of any kind: modules, functions, between recurrent layers and inside attention."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from trainloud.stage.treated import Treated

_FUNCTIONS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")


class Intervention:
    def __init__(self, value: str = ""):
        self._off = 0

    def install(self, treated: Treated) -> None:
        for name in _FUNCTIONS:
            treated.patches.around(F, name, self._function)
        treated.patches.around(torch, "dropout", self._function)
        treated.patches.around(F, "scaled_dot_product_attention", self._attention)
        treated.at_door(self._recurrent)

    def _function(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def dropout(input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> torch.Tensor:
            self._off += bool(p) and bool(training)
            return input

        return dropout

    def _attention(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def attention(*args: Any, dropout_p: float = 0.0, **kwargs: Any) -> Any:
            self._off += bool(dropout_p)
            return original(*args, **kwargs)

        return attention

    def _recurrent(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for m in module.modules():
            if isinstance(m, torch.nn.RNNBase) and m.dropout:
                m.dropout = 0.0
                self._off += 1
        return args, kwargs

    def report(self) -> tuple[bool, str]:
        return self._off > 0, f"{self._off} dropouts were passed by"
