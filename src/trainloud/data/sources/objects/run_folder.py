"""The folder of a watched run: what really entered the network, after all loading and augmentation.

With `trainloud watch --keep-examples N --out DIR` the first N different examples of each phase lie whole beside the
trace. Without it a trace holds the first examples of a few batches, large ones thinned: enough to look at, and said.
Labels are those that a loss saw. The phases train and eval are the splits.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainloud.core.records import Batch, Door, LossCall
from trainloud.core.trace import Trace, read_run, unpack_labels, unpack_prints
from trainloud.data.dataset import Asked, Dataset, Limits, SourceError
from trainloud.data.sources import Source
from trainloud.data.sources.files.spool import Spool
from trainloud.data.sources.objects.itemised import Read, assembled
from trainloud.data.sources.place import Place

PHASES = ("train", "eval")
AGAIN = "run the script again with --keep-examples 5000"
CLASS_KINDS = ("cross_entropy", "nll_loss", "multi_margin_loss")  # losses whose targets are numbers of classes


@dataclass
class Seen:
    """What entered one network in one phase."""

    kept: list[tuple[str, np.ndarray, Any]]
    """Name, example and label (None if unknown) of each that is at hand."""
    entered: int
    """Different examples that entered, as far as their fingerprints were kept; else all that entered."""


def recognises(place: Place) -> str:
    folder = _traces(place)
    return f"traces of a watched run in {folder.name}" if folder is not None else ""


def _traces(place: Place) -> Path | None:
    """The folder of the traces, for a run folder or itself."""
    if not place.is_folder or place.path is None:
        return None
    for folder in (place.path / "traces" / "watched", place.path / "watched", place.path):
        for file in sorted(folder.glob("*.jsonl"))[:4]:
            try:
                with file.open(encoding="utf-8", errors="replace") as f:
                    first = json.loads(f.readline(1 << 20))
            except (OSError, ValueError):
                continue
            if isinstance(first, dict) and first.get("_") == "Start" and "torch" in first:
                return folder
    return None


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    """What entered the network that was trained on the most examples. Raises SourceError."""
    folder = _traces(place)
    assert folder is not None
    traces = read_run(folder)
    if not traces:
        raise SourceError(f"{place}: the run has no readable trace")
    trace = traces[0]
    network = _network(trace)
    whole = _whole(folder, trace, network)
    seen = whole or _sampled(trace, network)
    if not any(s.kept for s in seen.values()):
        raise SourceError(f"{place}: the trace holds no example that entered a network; {AGAIN}")
    xs, ys = Spool(limits), Spool(limits)
    reads = []
    for phase in PHASES:
        read_ = Read(phase, str(place), xs, ys)
        names = []
        for row, (name, example, label) in enumerate(seen[phase].kept):
            read_.take(row, (example, label))
            names.append(name)
        read_.paths = names
        if seen[phase].kept:
            reads.append(read_)
    _say(reads, seen, bool(whole), trace, network)
    try:
        return assembled(reads, asked, limits, "examples that entered the network of a watched run")
    except SourceError as error:
        raise SourceError(f"{place}: {error}") from error


def _say(reads: list[Read], seen: dict[str, Seen], whole: bool, trace: Trace, network: int) -> None:
    """How many of how many examples there are."""
    counts = [f"{len(s.kept):,} of the {s.entered:,} different ones in {p}" for p, s in seen.items() if s.entered]
    of = "the first, whole" if whole else "the first of a few batches, pictures thinned to at most 48 pixels a side"
    reads[0].notes.append(f"of the examples that entered the network there are {' and '.join(counts)}: {of}")
    if not whole:
        reads[0].notes.append(f"{AGAIN}, for more of them, and whole")
    others = len({b.network for b in trace.all(Batch)} - {network})
    if others:
        reads[0].notes.append(f"{others} more of the run's networks left out: this one took the most training examples")


def _network(trace: Trace) -> int:
    """The network that the most training examples entered from outside."""
    sizes: Counter[int] = Counter()
    outer = {d.network for d in trace.all(Door) if d.outer}
    for batch in trace.all(Batch):
        sizes[batch.network] += batch.size * (1000 if batch.phase == "train" else 1)
    known = [n for n, _ in sizes.most_common() if not outer or n in outer]
    return known[0] if known else -1


def _entered(trace: Trace, network: int) -> dict[str, int]:
    """Phase -> different examples that entered."""
    counts: Counter[str] = Counter()
    different: dict[str, set[int]] = {p: set() for p in PHASES}
    for batch in trace.all(Batch):
        if batch.network == network:
            counts[batch.phase] += batch.size
            different.setdefault(batch.phase, set()).update(unpack_prints(batch.prints))
    return {p: len(different[p]) or counts[p] for p in PHASES}


def _whole(folder: Path, trace: Trace, network: int) -> dict[str, Seen]:
    """The examples that were kept whole; empty if none were."""
    process = trace.path.stem if trace.path is not None else ""
    entered = _entered(trace, network)
    found = {p: Seen([], entered[p]) for p in PHASES}
    for phase in PHASES:
        for file in sorted((folder / f"{process}.examples").glob(f"{network}-{phase}-??????.npy")):
            examples, labels = _array(file), _array(file.with_suffix(".labels.npy"))
            if examples is None:
                continue
            for row, example in enumerate(examples):
                label = labels[row].item() if labels is not None and len(labels) == len(examples) else None
                name = f"{phase} example {len(found[phase].kept):,}"
                found[phase].kept.append((name, example, _label(label)))
    return found if any(s.kept for s in found.values()) else {}


def _array(path: Path) -> np.ndarray | None:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None


def _label(value: Any) -> Any:
    """None for targets that a loss ignores (-100)."""
    return None if isinstance(value, int) and value < 0 else value


def _sampled(trace: Trace, network: int) -> dict[str, Seen]:
    """The first examples of the batches that a trace shows, each once."""
    entered = _entered(trace, network)
    found = {p: Seen([], entered[p]) for p in PHASES}
    known: set[bytes] = set()
    for door, loss in _with_losses(trace, network):
        if not door.sample or door.phase not in found or not door.sample_shape:
            continue
        values = np.frombuffer(base64.b64decode(door.sample), "<f4").reshape(door.sample_shape)
        labels = unpack_labels(loss.labels) if loss is not None else None
        for row, example in enumerate(values):
            if example.tobytes() in known:
                continue
            known.add(example.tobytes())
            label: Any = labels[row] if labels is not None and row < len(labels) else None
            if label is not None and loss is not None and loss.kind in CLASS_KINDS:
                label = _label(int(label))
            found[door.phase].kept.append((f"step {door.step:,}, {door.phase} example {row}", example, label))
    return found


def _with_losses(trace: Trace, network: int) -> Iterator[tuple[Door, LossCall | None]]:
    """Each door of the network with the loss of its batch: the one of its step, phase and size, where it is plain."""
    calls: dict[tuple[int, str, int], list[LossCall]] = {}
    for call in trace.all(LossCall):
        if call.labels:
            calls.setdefault((call.step, call.phase, call.batch), []).append(call)
    doors = [d for d in trace.all(Door) if d.network == network and d.tensors and d.tensors[0].shape]
    of: Counter[tuple[int, str, int]] = Counter((d.step, d.phase, d.tensors[0].shape[0]) for d in doors)
    met: Counter[tuple[int, str, int]] = Counter()
    for door in doors:
        key = door.step, door.phase, door.tensors[0].shape[0]
        own = calls.get(key, [])
        # Evaluation goes on after the doors end; in training each batch has its own loss.
        plain = len(own) == of[key] or (door.phase == "eval" and len(own) > of[key])
        yield door, own[met[key]] if plain else None
        met[key] += 1


SOURCE = Source("folder of a watched run", recognises, read, order=5)
