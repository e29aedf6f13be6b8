"""Which steps of a bidirectional recurrent layer a network reads."""

from typing import Any

import torch

from trainloud.core.records import Direction
from trainloud.stage.perturb import Given, all_outputs, main_output

LEAST_PLACES = 3


def directions(module: torch.nn.Module, given: Given, network: int, step: int) -> list[Direction]:
    """Change parts of the last bidirectional layer's output and see whether the network's output moves."""
    layers = [(n, m) for n, m in module.named_modules() if isinstance(m, torch.nn.RNNBase) and m.bidirectional]
    if len(layers) != 1:
        return []
    name, layer = layers[0]
    hidden = int(getattr(layer, "proj_size", 0) or layer.hidden_size)
    shape: list[tuple[int, ...]] = []

    def outputs(part: str) -> torch.Tensor:
        def prepare(twin: torch.nn.Module) -> None:
            twin.get_submodule(name).register_forward_hook(lambda m, a, o: _moved(o, part, hidden, layer, shape))

        return main_output(all_outputs(module, given, prepare=prepare)).double()

    base = outputs("")
    if not shape or min(shape[0][:2]) < 1:
        return []
    time = shape[0][1 if layer.batch_first else 0]
    if time < LEAST_PLACES:
        return []
    spread = max(float((base - base.mean(0)).abs().max()), 1e-12)
    found = {part: float((outputs(part) - base).abs().max()) / spread for part in ("end", "start", "inner")}
    return [Direction(network, step, type(layer).__name__, shape[0], found["end"], found["start"], found["inner"])]


def _moved(output: Any, part: str, hidden: int, layer: Any, shape: list[tuple[int, ...]]) -> Any:
    """The layer's output with some of it changed; packed sequences and single sequences are left alone."""
    out, state = output
    if not isinstance(out, torch.Tensor) or out.dim() != 3:
        return None
    shape.append(tuple(out.shape))
    if not part:
        return None
    out = out.clone()
    by_time = out.transpose(0, 1) if layer.batch_first else out  # (time, batch, 2 hidden), a view
    states = [s.clone() for s in (state if isinstance(state, tuple) else (state,))]
    if part == "end":
        by_time[0, :, hidden:] += 1
        for s in states:
            s[-1] += 1
    elif part == "start":
        by_time[-1, :, hidden:] += 1
    else:
        by_time[1:-1] += 1
        by_time[0, :, :hidden] += 1
    return out, tuple(states) if isinstance(state, tuple) else states[0]
