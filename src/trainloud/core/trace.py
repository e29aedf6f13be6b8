"""One run as observed: read from its file, line by line, however the run ended."""

import base64
import json
from array import array
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from trainloud.core import records
from trainloud.core.jsonable import decode, encode

R = TypeVar("R")
KINDS: dict[str, type] = {name: getattr(records, name) for name in records.__all__}


def line_of(record: Any) -> str:
    """The record as one line of strict JSON, its class name under "_"."""
    fields = {"_": type(record).__name__, **record.__dict__}
    try:
        return json.dumps(fields, default=encode, separators=(",", ":"), allow_nan=False)
    except ValueError:  # a number that is not finite, which `encode` spells out
        return json.dumps(encode(fields), separators=(",", ":"), allow_nan=False)


class Trace:
    """The records of one process, in the order in which they were written.

    `trace.all(Step)` are the records of one kind. Records are decoded when asked for, so that a judgement
    pays for what it reads.
    """

    def __init__(self, lines: Iterable[dict[str, Any]], path: Path | None = None):
        self.path = path
        self._raw: dict[str, list[dict[str, Any]]] = {}
        for line in lines:
            self._raw.setdefault(line.pop("_"), []).append(line)
        self._decoded: dict[type, tuple[Any, ...]] = {}

    @classmethod
    def read(cls, path: Path) -> "Trace":
        """The trace in one .jsonl file. A last line cut short by a kill is left out."""
        lines = []
        with path.open(encoding="utf-8", errors="replace") as f:
            for text in f:
                try:
                    lines.append(json.loads(text))
                except ValueError:
                    continue
        return cls(lines, path)

    @classmethod
    def of(cls, items: Iterable[Any]) -> "Trace":
        """A trace made of records, for tests."""
        return cls(json.loads(line_of(r)) for r in items)

    def all(self, kind: type[R]) -> tuple[R, ...]:
        if kind not in self._decoded:
            self._decoded[kind] = tuple(decode(kind, r) for r in self._raw.get(kind.__name__, ()))
        return self._decoded[kind]

    def last(self, kind: type[R]) -> R | None:
        found = self.all(kind)
        return found[-1] if found else None

    @cached_property
    def start(self) -> records.Start | None:
        return self.last(records.Start)

    @cached_property
    def steps(self) -> tuple[records.Step, ...]:
        return self.all(records.Step)

    @cached_property
    def networks(self) -> dict[int, records.Network]:
        """Trained networks by number."""
        return {n.network: n for n in self.all(records.Network)}

    @cached_property
    def trained_batches(self) -> tuple[records.Batch, ...]:
        return tuple(b for b in self.all(records.Batch) if b.phase == "train")

    @cached_property
    def passes(self) -> tuple[records.Pass, ...]:
        """Evaluation passes, without the forwards that belong to the training algorithm itself.

        A network that runs without gradients between most optimiser steps (the generator of a GAN, a
        target network, a policy that acts) is not being evaluated there.
        """
        found = self.all(records.Pass)
        busy = {n for n in {p.network for p in found} if self._interleaved(n)}
        return tuple(p for p in found if p.network not in busy)

    def _interleaved(self, network: int) -> bool:
        gaps = {p.step for p in self.all(records.Pass) if p.network == network}
        return len(self.steps) >= 8 and len(gaps) > len(self.steps) / 3


def unpack_prints(text: str) -> array:
    """Fingerprints or indices (signed 64 bit) from their base64 text."""
    return array("q", base64.b64decode(text))


def unpack_labels(text: str) -> array:
    """Labels (float32) from their base64 text."""
    return array("f", base64.b64decode(text))


def read_run(folder: Path) -> tuple[Trace, ...]:
    """All traces of a run folder, the main process first: most steps, then lowest rank."""
    traces = [Trace.read(p) for p in sorted(folder.glob("*.jsonl"))]
    traces = [t for t in traces if t.start is not None]
    return tuple(sorted(traces, key=lambda t: (-len(t.steps), t.start.rank if t.start else 0)))
