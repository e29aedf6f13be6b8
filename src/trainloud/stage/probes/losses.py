"""Loss functions: what reached them, what they gave, and what the best constant output would have given."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F

from trainloud.core.records import LossCall, LossSample
from trainloud.stage.code import persons_line
from trainloud.stage.constants import best_constant, recentred
from trainloud.stage.describe import describe
from trainloud.stage.fingerprint import packed
from trainloud.stage.hub import Hub
from trainloud.stage.mode import function_mode_off
from trainloud.stage.origin import origins, shortfall
from trainloud.stage.patches import Patches
from trainloud.stage.shift import copies
from trainloud.stage.visit import Visit

KINDS = (
    "cross_entropy",
    "nll_loss",
    "binary_cross_entropy_with_logits",
    "binary_cross_entropy",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "kl_div",
    "poisson_nll_loss",
    "gaussian_nll_loss",
    "soft_margin_loss",
    "multi_margin_loss",
    "multilabel_soft_margin_loss",
)
CLASS_KINDS = ("cross_entropy", "nll_loss", "multi_margin_loss")
MOST_COUNTED = 4096  # classes whose targets are counted


@dataclass(eq=False)
class Call:
    """One call of a loss function, while it is being looked at."""

    kind: str
    input: torch.Tensor
    target: torch.Tensor
    options: dict[str, Any]
    result: torch.Tensor
    grad: bool
    visit: Visit | None = None

    @property
    def by_class(self) -> bool:
        """Targets are class numbers."""
        return self.kind in CLASS_KINDS and not self.target.is_floating_point()

    @property
    def reduction(self) -> str:
        return str(self.options.get("reduction", "mean"))


class Probe:
    COUNTERFACTUAL = True

    def __init__(self, hub: Hub):
        self._hub = hub
        self._depth = 0

    def install(self, patches: Patches) -> None:
        for kind in KINDS:
            original = getattr(F, kind, None)
            if original is not None:
                signature = inspect.signature(original)
                patches.around(F, kind, functools.partial(self._watch, kind, signature))

    def _watch(self, kind: str, signature: inspect.Signature, original: Callable[..., Any]) -> Callable[..., Any]:
        def loss(*args: Any, **kwargs: Any) -> Any:
            if self._hub.busy or self._depth or self._hub.elsewhere():
                return original(*args, **kwargs)
            self._depth += 1
            try:
                with function_mode_off(args):
                    result = original(*args, **kwargs)
            finally:
                self._depth -= 1
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            options = dict(bound.arguments)
            given, target = options.pop("input", None), options.pop("target", None)
            if all(isinstance(t, torch.Tensor) for t in (given, target, result)):
                hub = self._hub
                hub.tell("loss", Call(kind, given, target, options, result, result.requires_grad, hub.latest))
            return result

        return loss

    def loss(self, call: Call) -> None:
        window = call.visit is not None and call.visit.window
        if window and not call.visit.facts.get("sampled_losses", 0) >= 3:  # type: ignore[union-attr]
            call.visit.facts["sampled_losses"] = call.visit.facts.get("sampled_losses", 0) + 1  # type: ignore[union-attr]
            self._sample(call)
        self._record(call)

    def _record(self, call: Call) -> None:
        """The line that every call leaves; evaluation calls also count what was predicted rightly."""
        hub, visit = self._hub, call.visit
        phase = "train" if call.grad else "eval"
        size = call.input.shape[0] if call.input.dim() else 1
        labels = call.target if call.target.numel() == size and hub.writer.keep("labels", size) else None
        if labels is None and phase == "train":
            return
        value = call.result.detach() if call.result.dim() == 0 else call.result.detach().mean()
        parts = [value.reshape(1)]
        if labels is not None:
            parts.append(labels.detach().reshape(-1).to(torch.float32))
        counted = call.target.numel()
        if phase == "eval":
            parts.append(self._counted(call).reshape(1))
            if call.by_class and call.kind != "multi_margin_loss":
                parts.append(self._correct(call).reshape(1))
        where = persons_line() if phase == "eval" or (visit is not None and visit.window) else None
        step, passage, reduction, kind = hub.step, hub.passage, call.reduction, call.kind

        def receive(arrived: list[torch.Tensor]) -> None:
            rest = arrived[1:]
            text = packed(rest.pop(0).tolist(), "f") if labels is not None else ""
            count = int(rest[0]) if rest else counted
            correct = int(rest[1]) if len(rest) > 1 else None
            number = float(arrived[0])
            if reduction == "sum":
                number /= max(count, 1)
            record = LossCall(step, phase, kind, where, number, count, size, text, correct, passage)
            if visit is not None:
                visit.losses.append(record)
            hub.write(record)

        hub.deferred.put(parts, receive)

    def _counted(self, call: Call) -> torch.Tensor:
        ignore = call.options.get("ignore_index")
        if call.by_class and ignore is not None:
            return (call.target != ignore).sum()
        return torch.tensor(call.target.numel())

    def _correct(self, call: Call) -> torch.Tensor:
        axis = 1 if call.input.dim() > 1 else 0
        return (call.input.detach().argmax(axis) == call.target).sum()

    def forward_end(self, visit: Visit) -> None:
        """Losses that were computed inside the forward: by now its inputs have been kept."""
        for sample, target in visit.facts.pop("inner_losses", ()):
            self._hub.write(replace(sample, copies=copies(visit, target)))

    def _sample(self, call: Call) -> None:
        """A closer look."""
        inside = bool(self._hub.stack) and self._hub.visit is not None  # not inside a criterion without parameters
        sample = self._described(call, {} if inside else copies(call.visit, call.target.detach()))
        if inside and call.visit is not None:
            call.visit.facts.setdefault("inner_losses", []).append((sample, call.target.detach().clone()))
        else:
            self._hub.write(sample)

    def _described(self, call: Call, copied: dict[str, float]) -> LossSample:
        given, target = call.input.detach(), call.target.detach()
        axis = 1 if given.dim() > 1 else 0
        row_sums = exp_sums = None
        classes, counts, ignored = 0, (), 0
        if call.kind in CLASS_KINDS:
            classes = given.shape[axis]
            if given.numel():
                sums, exps = given.double().sum(axis), given.double().exp().sum(axis)
                row_sums, exp_sums = (float(sums.min()), float(sums.max())), (float(exps.min()), float(exps.max()))
        if call.by_class:
            ignored = int((target == call.options.get("ignore_index", -100)).sum())
            kept = target[(target >= 0) & (target < MOST_COUNTED) & (target != call.options.get("ignore_index", -100))]
            counts = tuple(torch.bincount(kept.reshape(-1), minlength=min(classes, MOST_COUNTED)).tolist())
        made_of = origins(call.input)
        return LossSample(
            self._hub.step,
            "train" if call.grad else "eval",
            call.kind,
            persons_line(),
            describe("input", given),
            describe("target", target),
            made_of,
            row_sums,
            exp_sums,
            float((given == 0).double().mean()) if given.numel() else 0.0,
            shortfall(made_of, target),
            ignored,
            target.numel(),
            classes,
            counts,
            self._class_weights(call),
            float(call.result.detach().mean()),
            best_constant(call.kind, given, target, call.options),
            copied,
            call.reduction,
            recentred(call.kind, given, target, call.options),
        )

    @staticmethod
    def _class_weights(call: Call) -> tuple[float, ...]:
        weight = call.options.get("weight")
        if call.kind in CLASS_KINDS and isinstance(weight, torch.Tensor) and weight.numel() <= MOST_COUNTED:
            return tuple(weight.detach().reshape(-1).tolist())
        return ()
