"""The hub: knows which step it is, which networks train, and tells every probe of every event."""

import contextlib
import os
import sys
import threading
import time
import weakref
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from trainloud.core import records
from trainloud.stage.aside import Aside
from trainloud.stage.code import installed_modules, persons_line
from trainloud.stage.deferred import Deferred
from trainloud.stage.patches import Ids
from trainloud.stage.reach import out_of_reach, without_values
from trainloud.stage.visit import Visit, tensors_in
from trainloud.stage.writer import Writer

WINDOW = 4  # first steps that are looked at closely
CLOSE = 32  # forwards of a network between two steps that are: an episode of a policy has thousands
EVENTS = (
    "forward_start",
    "forward_end",
    "inner_start",
    "inner_end",
    "loss",
    "backward_start",
    "backward_end",
    "step_start",
    "step_end",
    "resolved",
    "operation",
    "flags",
    "finish",
)


@lru_cache(maxsize=8)
def sampled(step: int) -> bool:
    """The first WINDOW steps, then steps about a factor 1.5 apart: 35 of the first million."""
    if step < WINDOW:
        return True
    k = 6
    while k < step:
        k += k // 2
    return k == step


class Hub:
    """Shared state of the probes of one process, and the way events reach them.

    A probe that raises is recorded as unseen and left out from then on: the script goes on as if it had
    not been there. While a probe works, `busy` keeps its own torch calls from being taken for the script's.
    """

    def __init__(self, folder: Path, command: Sequence[str]):
        self.began = time.perf_counter()
        self.command = tuple(command)
        self.writer = Writer(folder, self._start)
        self.folder = folder
        self.deferred = Deferred()
        self.aside = Aside(lambda line: self.writer.write_line(line))
        self.step = 0
        self.last_step: int | None = None
        """The run ends with this many steps; None: when the script does."""
        self.counterfactual = False
        """This run is an experiment: no closer look is taken."""
        self.busy = False
        self._telling = threading.RLock()
        self._watched: int | None = None
        self._watched_thread: threading.Thread | None = None
        self._trains = False  # the watched thread has made a backward
        self._halfway = False  # it is watched since the backward of a step that is not over
        self._looked: Counter[tuple[int, bool]] = Counter()  # forwards since the last step: (network, with gradients)
        self.compiled = False
        """torch.compile was used: function modes stay off."""
        self.networks = Ids()
        self.tensors = Ids()
        self.optimizers = Ids()
        self.trained: dict[int, weakref.ref[torch.nn.Module]] = {}
        """Networks that a backward has reached, by number."""
        self.visits: list[Visit] = []
        """Forwards since the last optimiser step."""
        self.stack: list[torch.nn.Module] = []
        """Modules whose forward runs, outermost first."""
        self._backward: list[Any] = []
        """Backwards under way; forwards inside are made anew for them (activation checkpointing)."""
        self.visit: Visit | None = None
        """The forward that runs."""
        self.passage = 0
        """Number of the evaluation pass that is open or comes next."""
        self.changed_by_hand: Callable[[], bool] | None = None
        """Whether weights were changed without an optimiser since the last step; set by the probe that knows."""
        self.iteration: Callable[[], int] = lambda: -1
        """The loader iteration under way; set by the probe that knows."""
        self.batch_size: Callable[[], int] = lambda: 0
        """Batch size of the loader that gave the last batch; set by the probe that knows; 0 if unknown."""
        self.moved: bool | None = None
        """Some trainable parameter changed its value."""
        self.counts = {"forwards": 0, "backwards": 0}
        self._listeners: dict[str, list[Callable[..., None]]] = defaultdict(list)
        self._owner = os.getpid()
        self._unseen: set[str] = set()

    def add(self, probe: Any) -> None:
        for event in EVENTS:
            if hasattr(probe, event):
                self._listeners[event].append(getattr(probe, event))

    def elsewhere(self) -> bool:
        """Whether another thread is watched: the first that made a forward, until one trains, until that one ends."""
        if self._watched is None or threading.get_ident() == self._watched:
            return False
        if self._watched_thread is not None and not self._watched_thread.is_alive():
            self._watch_this_thread()
            return False
        return True

    def _watch_this_thread(self) -> None:
        self._watched, self._watched_thread = threading.get_ident(), threading.current_thread()
        self.visits, self.stack, self.visit, self._backward, self._trains = [], [], None, [], False
        self._halfway = False

    def _take_over(self) -> None:
        """This thread trains, and the one that is watched has not yet: from now on this one is."""
        if not self._trains and self._telling.acquire(blocking=False):
            try:
                self._watch_this_thread()
                self._trains = self._halfway = True
            finally:
                self._telling.release()

    def listens(self, event: str) -> bool:
        return bool(self._listeners[event])

    def tell(self, event: str, *facts: Any) -> None:
        """Tell every probe. Never raises."""
        if (
            self.busy
            or not self._listeners[event]
            or self.elsewhere()
            or out_of_reach()
            or not self._telling.acquire(blocking=False)
        ):
            return  # probes' own work, or another thread is being watched
        self.busy = True
        try:
            for listener in self._listeners[event]:
                try:
                    listener(*facts)
                except Exception as error:
                    self._listeners[event] = [f for f in self._listeners[event] if f != listener]
                    self.failed(f"{listener.__self__.__class__.__module__}.{event}", error)  # type: ignore[attr-defined]
        finally:
            self.busy = False
            self._telling.release()

    def failed(self, what: str, error: Exception) -> None:
        """Note an exception of our own; the script never sees it."""
        try:
            text = f"{what}: {type(error).__name__}: {error}"
        except Exception:  # an error that cannot be shown
            text = f"{what}: {type(error).__name__}"
        self.unseen(text)

    def safely(self, what: str, do: Callable[..., None], *facts: Any) -> None:
        """Do something that is not a probe's event. Never raises."""
        try:
            do(*facts)
        except Exception as error:
            self.failed(f"trainloud.{what}", error)

    def write(self, record: Any) -> None:
        self.writer.write(record)

    def unseen(self, what: str) -> None:
        """Say once that something could not be observed."""
        if what not in self._unseen:
            self._unseen.add(what)
            self.write(records.Unseen(what[:500], persons_line()))

    @property
    def latest(self) -> Visit | None:
        """The forward that runs, or else the last one since the optimiser step before."""
        if self.stack and self.visit is not None:
            return self.visit
        return self.visits[-1] if self.visits else None

    @property
    def window(self) -> bool:
        """Whether the step under way is looked at closely."""
        return sampled(self.step) and not self.counterfactual

    def seconds(self) -> float:
        return round(time.perf_counter() - self.began, 4)

    def enter(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        """A module's forward begins."""
        if self._watched is None:
            self._watch_this_thread()
        if self.busy or self._backward or self.elsewhere() or out_of_reach():
            return
        stack = self.stack
        if stack and module is stack[0]:
            if _runs_twice(module):
                return
            self.stack = stack = []  # its last forward raised
        stack.append(module)
        if len(stack) > 1:
            if self.visit is not None and self.visit.window:
                self.tell("inner_start", module, args)
            return
        self.visit = None
        if not any(True for _ in module.parameters()) or without_values(tensors_in(args)):
            return
        self.counts["forwards"] += 1
        grad = torch.is_grad_enabled()
        if grad and self.settle():
            self.stack.append(module)
        number = self.networks.of(module)
        self._looked[number, grad] += 1
        close = self.window and self._looked[number, grad] <= CLOSE
        visit = Visit(module, number, self.step, args, grad, close)
        visit.training = module.training
        self.visit = visit
        self.tell("forward_start", visit)

    def leave(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """A module's forward has ended. Forwards that raised inside are taken off the stack here."""
        if self.busy or self._backward or self.elsewhere():
            return
        stack = self.stack
        place = next((i for i in reversed(range(len(stack))) if stack[i] is module), None)
        if place is None:  # it began where it was not watched
            return
        del stack[place:]
        visit = self.visit
        if stack:
            if visit is not None and visit.window:
                self.tell("inner_end", module, args, output)
            return
        if visit is None or visit.module is not module:
            return
        visit.kwargs, visit.output = kwargs, output
        self.visits.append(visit)
        if visit.grad:
            self._mark_when_used(visit)
        self.tell("forward_end", visit)
        visit.forget()
        self.visit = None

    def _mark_when_used(self, visit: Visit) -> None:
        """Have autograd say when a backward goes through an output of this forward."""
        mark = weakref.ref(visit)

        def reached(_grads: Any) -> None:
            seen = mark()
            if seen is not None:
                seen.used = True

        for n, t in enumerate(tensors_in(visit.output)):
            if n == 8:
                break
            if t.grad_fn is not None:
                t.grad_fn.register_prehook(reached)

    def backward_starts(self, loss: Any) -> None:
        if self.elsewhere():
            self._take_over()
        if self.elsewhere() or self._halfway:
            return  # this backward's forward was not watched
        self._trains = True
        if not self._backward:
            self.settle()
            self.tell("backward_start", loss)
        self._backward.append(None)

    def backward_ended(self, loss: Any, well: bool) -> None:
        if self.elsewhere() or not self._backward:
            return
        self._backward.pop()
        if self._backward or not well:
            return
        self.counts["backwards"] += 1
        self._note_trained()
        self.tell("backward_end", loss)

    def _note_trained(self) -> None:
        for v in self.visits:
            if v.used and v.network not in self.trained:
                self.trained[v.network] = v.ref

    def settle(self) -> bool:
        """Where weights were changed by hand since the last backward, that was a step: count it."""
        by_hand = not self.busy and self.changed_by_hand is not None and self.changed_by_hand()
        if by_hand:
            self.stepped(None)
        return by_hand

    def stepped(self, optimizer: Any) -> None:
        """An optimiser step is over; `optimizer` is None where weights were changed by hand."""
        if self.busy or self.elsewhere() or out_of_reach():
            return
        if self._halfway:
            self._halfway = False
            return
        self._note_trained()
        visits, self.visits, self.stack, self.visit = self.visits, [], [], None
        self.tell("resolved", visits)
        self.tell("step_end", optimizer)
        self.step += 1
        self._looked.clear()
        self.safely("deferred", self.deferred.poll)
        self.safely("aside", self.aside.poll)
        if self.step == self.last_step:
            self._end_here()

    def _end_here(self) -> None:
        """The run was asked to end with this step: what is printed so far is shown, nothing else happens any more."""
        self.finish()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(0)

    def finish(self, exception: str = "") -> None:
        """The process ends."""
        if os.getpid() != self._owner:
            return
        visits, self.visits, self._watched = self.visits, [], None
        self.tell("resolved", visits)
        self.tell("finish")
        self.safely("deferred", self.deferred.drain)
        self.safely("aside", self.aside.wait)
        if self.writer.open:
            modules = () if self.counterfactual else installed_modules()
            self.write(
                records.End(
                    self.seconds(), self.step, exception, **self.counts, moved=self.moved, modules=modules,
                    cuda=torch.cuda.is_initialized(),
                )
            )  # fmt: skip

    def after_fork(self) -> None:
        """A forked child keeps watching, into a trace of its own."""
        self._owner, self._watched = os.getpid(), None
        self.writer = Writer(self.folder, self._start)
        self.deferred = Deferred()
        self.aside.forget()
        self.visits, self.stack, self.visit, self._backward = [], [], None, []

    def _start(self) -> records.Start:
        cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
        device = torch.cuda.get_device_name() if cuda else "cpu"
        import platform

        return records.Start(
            self.command,
            _directory(),
            platform.python_version(),
            str(torch.__version__),
            device,
            os.getpid(),
            int(rank) if (rank := os.environ.get("RANK", "0")).isdecimal() else 0,
        )


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it is gone
        return ""


def _runs_twice(module: torch.nn.Module) -> bool:
    """Whether a module's forward calls the module itself, as in a recursive network, going by the frames."""
    frame, runs = sys._getframe(1), 0
    while frame is not None and runs < 2:  # type: ignore[redundant-expr]
        runs += frame.f_code is torch.nn.Module._call_impl.__code__ and frame.f_locals.get("self") is module
        frame = frame.f_back  # type: ignore[assignment]
    return runs == 2
