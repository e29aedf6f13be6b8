"""Evaluation passes: forwards without gradient between two steps, their scores, and what was printed after them."""

import builtins
import functools
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from trainloud.core.place import Place
from trainloud.core.records import Pass
from trainloud.stage.code import is_persons, persons_line
from trainloud.stage.hub import Hub
from trainloud.stage.imported import when_imported
from trainloud.stage.patches import Patches
from trainloud.stage.visit import Visit

METRICS = (
    "f1_score", "precision_score", "recall_score", "fbeta_score", "jaccard_score", "roc_auc_score",
    "average_precision_score", "balanced_accuracy_score", "matthews_corrcoef", "r2_score", "cohen_kappa_score",
)  # fmt: skip
"""scikit-learn metrics whose mean over batches is not their value over all examples."""
MOST_FIGURES = 40
MOST_CALLS = 2000  # of a metric between two steps, whose arguments are held
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+\.\d+(?:[eE][-+]?\d+)?")


class Probe:
    COUNTERFACTUAL = True

    def __init__(self, hub: Hub):
        self._hub = hub
        self._figures: list[str] = []
        self._figures_where: Place | None = None
        self._metrics: dict[str, list[tuple[Any, Any, dict[str, Any], float, Place | None]]] = {}
        self._confusion: dict[int, Counter[tuple[int, int]]] = {}

    def install(self, patches: Patches) -> None:
        patches.around(builtins, "print", self._printing)
        when_imported("sklearn.metrics", lambda module: self._watch_metrics(module, patches))

    def _printing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def print(*args: Any, **kwargs: Any) -> Any:
            if not self._hub.busy and self._hub.step:
                self._hub.safely("print", self._note, args, sys._getframe().f_back)
            return original(*args, **kwargs)

        return print

    def _note(self, args: tuple[Any, ...], wrapper: Any) -> None:
        caller = wrapper.f_back  # none for a function that Python itself calls at exit
        if caller is None or not is_persons(caller.f_code.co_filename):
            return
        numbers = _NUMBER.findall(" ".join(str(a) for a in args if type(a) in (str, float, int)))
        if numbers and len(self._figures) < MOST_FIGURES:
            self._figures.extend(numbers)
            self._figures_where = persons_line()

    def _watch_metrics(self, module: Any, patches: Patches) -> None:
        for name in METRICS:
            patches.around(module, name, functools.partial(self._metric, name))

    def _metric(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def metric(y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> Any:
            value = original(y_true, y_pred, *args, **kwargs)
            few = len(self._metrics.get(name, ())) < MOST_CALLS
            if few and not self._hub.busy and self._hub.step and not args and isinstance(value, float):
                call = (y_true, y_pred, kwargs, float(value), persons_line())
                self._metrics.setdefault(name, []).append(call)
                self._originals = {**getattr(self, "_originals", {}), name: original}
            return value

        return metric

    def loss(self, call: Any) -> None:
        """Class predictions of an evaluation forward, for the confusion of its pass."""
        visit = call.visit
        if call.grad or visit is None or not call.by_class or call.kind == "multi_margin_loss":
            return
        classes = call.input.shape[1] if call.input.dim() > 1 else 0
        if not 2 <= classes <= 64 or call.target.numel() > 100_000 or call.target.device.type != "cpu":
            return
        number = visit.network
        pair = call.target.reshape(-1) * classes + call.input.detach().argmax(1).reshape(-1)
        kept = pair[call.target.reshape(-1) >= 0]
        counts = torch.bincount(kept, minlength=classes * classes)
        total = self._confusion.setdefault(number, Counter())
        for k in counts.nonzero().reshape(-1).tolist():
            total[(k // classes, k % classes)] += int(counts[k])
        total[(-1, -1)] = classes

    def resolved(self, visits: Sequence[Visit]) -> None:
        """Forwards since the last step: those without a backward were evaluation."""
        groups: dict[int, list[Visit]] = {}
        for v in visits:
            if not v.used:
                groups.setdefault(v.network, []).append(v)
        if not groups:
            self._figures, self._metrics, self._confusion = [], {}, {}
            return
        for number, members in groups.items():
            self._write_when_there(number, members)
        self._hub.passage += 1
        self._figures, self._metrics, self._confusion = [], {}, {}

    def _write_when_there(self, number: int, visits: list[Visit]) -> None:
        """Values arrive in order: with the sums of the prints, the losses are known too."""
        hub = self._hub
        sums = [v.prints.sum() for v in visits if v.prints is not None]
        known = self._pass(number, visits)

        def receive(arrived: list[torch.Tensor]) -> None:
            prints = Counter(arrived[0].tolist()) if arrived else Counter()
            losses = [v.losses[0] for v in visits if v.losses]
            hub.write(
                replace(
                    known, repeats=max(prints.values(), default=1), scored=known.scored or bool(losses),
                    losses=tuple((r.value, r.count) for r in losses if r.value is not None)[:2000],
                    corrects=tuple((r.correct, r.count) for r in losses if r.correct is not None)[:2000],
                )
            )  # fmt: skip

        hub.deferred.put([torch.stack(sums)] if sums else [], receive)

    def _pass(self, number: int, visits: list[Visit]) -> Pass:
        """What is known at once."""
        first = visits[0]
        scored = any(v.facts.get("met") for v in visits) or bool(self._metrics)
        scored = scored or any(v.iteration >= 0 and v.size > 1 for v in visits)
        return Pass(
            self._hub.passage, number, self._hub.step, first.where, len(visits), sum(v.size for v in visits),
            first.training, any(v.live_dropout or v.live_batchnorm for v in visits), scored,
            1, (), (), tuple(self._figures), self._figures_where, self._matrix(number), self._metric_facts(),
        )  # fmt: skip

    def _matrix(self, number: int) -> tuple[tuple[int, ...], ...]:
        counts = self._confusion.get(number)
        if not counts:
            return ()
        n = counts[(-1, -1)]
        return tuple(tuple(counts[(i, j)] for j in range(n)) for i in range(n))

    def _metric_facts(self) -> tuple[tuple[str, float, int, float, Place | None], ...]:
        found = []
        for name, calls in self._metrics.items():
            if len(calls) < 2:
                continue
            try:
                truth = [v for c in calls for v in _flat(c[0])]
                guess = [v for c in calls for v in _flat(c[1])]
                whole = float(self._originals[name](truth, guess, **calls[0][2]))
            except Exception:
                self._hub.unseen(f"{name} could not be taken over a whole pass")
                continue
            found.append((name, sum(c[3] for c in calls) / len(calls), len(calls), whole, calls[0][4]))
        return tuple(found)


def _flat(values: Any) -> list[Any]:
    values = values.tolist() if hasattr(values, "tolist") else list(values)
    return values if not values or not isinstance(values[0], list) else [v for row in values for v in row]
