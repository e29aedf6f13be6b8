"""The trained networks: parameters, modules, what runs inside them without belonging to them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from trainloud.core.place import Place
from trainloud.core.records import Foreign, Module, Network, NormInput, Parameter
from trainloud.stage.code import is_persons, persons_line
from trainloud.stage.describe import drops
from trainloud.stage.hub import Hub
from trainloud.stage.origin import ancestors
from trainloud.stage.probes.gradients import rows_equal
from trainloud.stage.visit import Visit, own_parameter, tensors_in

FOLLOWED = 64  # operations between two runs of one module
SETTINGS = ("p", "momentum", "eps", "affine", "track_running_stats", "negative_slope")


class Probe:
    def __init__(self, hub: Hub):
        self._hub = hub
        self._written: set[int] = set()
        self._foreign: dict[int, dict[int, tuple[int, Foreign]]] = defaultdict(dict)
        self._chained: dict[int, set[str]] = defaultdict(set)
        self._last: tuple[torch.nn.Module, torch.Tensor] | None = None
        self._known: dict[tuple[int, str], tuple[torch.Tensor | None, torch.Tensor | None]] = {}

    def forward_start(self, visit: Visit) -> None:
        self._last = None
        if visit.window and visit.grad:
            visit.facts["members"] = {id(m) for m in visit.module.modules()}
            lazy = any(torch.nn.parameter.is_lazy(p) for p in visit.module.parameters())  # no values as yet
            if visit.network not in self._written and not lazy:
                visit.facts["record"] = describe_network(self._hub, visit)

    def inner_start(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        visit = self._hub.visit
        if visit is None or not visit.grad or "members" not in visit.facts:
            return
        if id(module) not in visit.facts["members"]:
            mine = [p for p in module.parameters() if p.requires_grad]
            if mine and torch.is_grad_enabled() and id(module) not in self._foreign[visit.network]:
                uids = tuple(self._hub.tensors.of(p) for p in mine)
                seen = Foreign(type(module).__name__, uids, module.training, persons_line())
                self._foreign[visit.network][id(module)] = (sum(p.numel() for p in mine), seen)
        elif "record" in visit.facts:
            self._follow(visit, module, args)
        if isinstance(module, _BatchNorm) and module.training and args and isinstance(args[0], torch.Tensor):
            self._norm(visit, module, args[0])

    def _follow(self, visit: Visit, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        """Does it run on what it gave earlier in this forward?"""
        gave = visit.facts.get("gave", {}).get(id(module))
        x = args[0] if args else None
        if gave is not None and isinstance(x, torch.Tensor) and gave in ancestors(x.grad_fn, FOLLOWED):
            self._chained[visit.network].add(self._name(visit, module))

    def inner_end(self, module: torch.nn.Module, args: tuple[Any, ...], output: Any) -> None:
        visit = self._hub.visit
        if visit is not None and "record" in visit.facts and next(module.parameters(), None) is not None:
            first = next(tensors_in(output), None)
            if first is not None and first.grad_fn is not None:
                visit.facts.setdefault("gave", {})[id(module)] = first.grad_fn
        if isinstance(output, torch.Tensor) and own_parameter(module, "weight") is not None:
            self._last = (module, output)

    def _norm(self, visit: Visit, module: torch.nn.Module, x: torch.Tensor) -> None:
        seen = visit.facts.setdefault("norms", set())
        if id(module) in seen:
            return
        seen.add(id(module))
        biased = ""
        bias = own_parameter(self._last[0], "bias") if self._last is not None and self._last[1] is x else None
        if self._last is not None and bias is not None and bias.requires_grad:
            biased = self._name(visit, self._last[0])
        per_channel = x.numel() // max(x.shape[1], 1) if x.dim() > 1 else 1
        name = self._name(visit, module)
        known = self._known.setdefault((visit.network, name), _kept(module))
        record = NormInput(
            visit.step, visit.network, name, x.shape[0], per_channel, biased,
            None if module.momentum is None else float(module.momentum),
            -1 if module.num_batches_tracked is None else int(module.num_batches_tracked),
            _frozen(visit.module, name, module) and not _follows(module, known[1]), _drift(module, known[0]),
            _away(module, x), persons_line(),
        )  # fmt: skip
        visit.facts.setdefault("norm_records", []).append(record)

    @staticmethod
    def _name(visit: Visit, module: torch.nn.Module) -> str:
        return next((n for n, m in visit.module.named_modules() if m is module), type(module).__name__)

    def resolved(self, visits: Sequence[Visit]) -> None:
        for visit in visits:
            if not visit.used:
                continue
            for record in visit.facts.pop("norm_records", ()):
                self._hub.write(record)
            record = visit.facts.pop("record", None)
            if record is not None and visit.network not in self._written:
                self._written.add(visit.network)
                found = tuple(self._foreign.pop(visit.network, {}).values())
                foreign = tuple(f for _, f in found)
                unregistered = tuple((f.kind, n, f.where) for n, f in found)
                chained = tuple(sorted(self._chained.pop(visit.network, ())))
                self._hub.write(replace(record, unregistered=unregistered, foreign=foreign, chained=chained))
            visit.facts.pop("gave", None)


def describe_network(hub: Hub, visit: Visit) -> Network:
    """The network as it stands, before its first step."""
    module = visit.module
    owners = {id(p): (n, m) for n, m in module.named_modules() for p in m.parameters(recurse=False)}
    parameters = []
    for name, p in module.named_parameters():
        owner_name, owner = owners.get(id(p), ("", module))
        values = p.detach().float()
        std = float(values.std()) if values.numel() > 1 else 0.0
        zero = not bool(values.any())
        parameters.append(
            Parameter(
                hub.tensors.of(p),
                name,
                tuple(p.shape),
                p.requires_grad,
                type(owner).__name__,
                std,
                zero,
                rows_equal(p),
                owner_name,
                _declared(module, owner_name),
            )
        )
    modules = tuple(_module(n, m) for n, m in module.named_modules())
    names: dict[int, list[str]] = defaultdict(list)
    for name, m in module.named_modules(remove_duplicate=False):
        if name and any(True for _ in m.parameters()):
            names[id(m)].append(name)
    repeats = tuple(tuple(group) for group in names.values() if len(group) > 1)
    compiled = type(module).__name__ == "OptimizedModule"
    return Network(
        visit.network,
        visit.step,
        type(module).__name__,
        visit.where,
        _defined(module),
        tuple(parameters),
        modules,
        repeats,
        (),
        compiled,
    )


def _declared(network: torch.nn.Module, name: str) -> bool:
    """Whether the person's code, and no library, made the module of this name part of the network."""
    above: torch.nn.Module = network
    nearest: torch.nn.Module | None = None
    for part in ["", *name.split(".")] if name else [""]:
        above = dict(above.named_children()).get(part, above) if part else above
        if not type(above).__module__.startswith("torch."):
            nearest = above
    return nearest is None or _defined(nearest) is not None


def _module(name: str, m: torch.nn.Module) -> Module:
    settings = {}
    for key in SETTINGS:
        value = getattr(m, key, None)
        if isinstance(value, (int, float)):
            settings[key] = float(value)
    own = sum(p.numel() for p in m.parameters(recurse=False))
    leaf = next(m.children(), None) is None
    return Module(name, type(m).__name__, own, settings, leaf, drops(m), isinstance(m, _BatchNorm))


def _kept(norm: _BatchNorm) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Its running mean and its weight, as they are now."""
    weight = own_parameter(norm, "weight")
    return (
        None if norm.running_mean is None else norm.running_mean.detach().clone(),
        None if weight is None else weight.detach().clone(),
    )


def _follows(norm: _BatchNorm, before: torch.Tensor | None) -> bool:
    """It wants no gradient and changes all the same: the average of another network, as a momentum encoder is."""
    now = own_parameter(norm, "weight")
    return before is not None and now is not None and bool((now.detach() != before).any())


def _frozen(network: torch.nn.Module, name: str, norm: _BatchNorm) -> bool:
    """Neither it nor the module around it can be trained."""
    around = network.get_submodule(name.rpartition(".")[0]) if "." in name else norm
    mine = list(around.parameters())
    own = next(norm.parameters(recurse=False), None)
    return own is not None and not any(p.requires_grad for p in mine)


def _drift(norm: _BatchNorm, before: torch.Tensor | None) -> float:
    if before is None or norm.running_mean is None or norm.running_var is None:
        return 0.0
    deviation = (norm.running_var.detach() + norm.eps).sqrt()
    return float(((norm.running_mean.detach() - before).abs() / deviation).median())


def _away(norm: _BatchNorm, x: torch.Tensor) -> float:
    """How far what it would use in evaluation lies from what it uses now."""
    if norm.running_mean is None or x.dim() < 2 or not x.is_floating_point() or x.numel() < 2 * x.shape[1]:
        return 0.0
    axes = [a for a in range(x.dim()) if a != 1]
    variance, mean = torch.var_mean(x.detach(), axes, correction=0)  # no copy of an activation
    deviation = (variance.float() + norm.eps).sqrt()
    return float(((norm.running_mean.detach() - mean.float()).abs() / deviation).median())


def _defined(module: torch.nn.Module) -> Place | None:
    """Where the person wrote the network's forward; None for library classes."""
    if isinstance(module, torch.jit.ScriptModule):
        return None
    code = getattr(getattr(type(module).forward, "__wrapped__", type(module).forward), "__code__", None)
    if code is None or not is_persons(code.co_filename):
        return None
    return Place(code.co_filename, code.co_firstlineno, code.co_name)
