"""A torch Dataset in memory or as `module:attribute`: each item is read once, in order, by running the person's code.

An attribute that can be called without arguments is called. A dict or a tuple of data sets are the splits. What the
items hold is told by themselves: pictures and arrays go to a temporary file, numbers and words into columns. Random
numbers are fixed while items are read and put back afterwards, so that nothing of the person's process changes; a few
items are read a second time, and where they differ (random augmentation) that is said.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError
from trainloud.data.sources import Source
from trainloud.data.sources.files.spool import Spool
from trainloud.data.sources.objects.itemised import Read, assembled
from trainloud.data.sources.objects.items import unpack
from trainloud.data.sources.pictures.layout import split_named
from trainloud.data.sources.place import Place

SEED = 0  # of all sources of random numbers while items are read
MOST_ITERATED = 100_000  # items of a data set without a length
TWICE = 8  # items that are read a second time
TRIED = 32  # items that tell how much room all will take
ROOM = 0.5  # of what the spool may take that the items may fill; of more, every k-th is read
FIRST_FAILURES = 20  # items that may fail from the start before it is taken for a defect of all
SHOWN = 20  # troubles of items that are told one by one
KINDS = ("Dataset", "IterableDataset")


def recognises(place: Place) -> str:
    if place.path is not None:
        return ""
    thing = place.thing
    if _is_dataset(thing):
        return f"a {type(thing).__name__}"
    parts = _parts_of(thing)
    if parts:
        return f"{len(parts)} data sets"
    return "something to call" if _callable(thing) else ""


def _is_dataset(thing: Any) -> bool:
    """A torch Dataset or DataLoader, or anything with items and a length that is no container of other kinds."""
    if isinstance(thing, type) or thing is None:
        return False
    root = type(thing).__module__.split(".")[0]
    if any(c.__module__.startswith("torch.utils.data") for c in type(thing).__mro__):
        return True
    if root in ("datasets", "pandas", "polars", "pyarrow", "numpy") or isinstance(thing, (str, bytes, Mapping)):
        return False
    if isinstance(thing, (list, tuple)):
        return len(thing) > 0 and not any(_is_dataset(t) for t in thing[:4]) and isinstance(thing[0], (tuple, dict))
    return hasattr(type(thing), "__getitem__") and hasattr(type(thing), "__len__")


def _parts_of(thing: Any) -> dict[str, Any]:
    """Split -> data set, of a dict or a short tuple of data sets; empty for anything else."""
    if isinstance(thing, Mapping):
        named = {str(k): v for k, v in thing.items()}
    elif isinstance(thing, (tuple, list)) and 1 < len(thing) <= 3:
        names = ("train", "test") if len(thing) == 2 else ("train", "val", "test")
        named = dict(zip(names, thing, strict=True))
    else:
        return {}
    return {split_named(k) or k: v for k, v in named.items()} if named and all(map(_is_dataset, named.values())) else {}


def _callable(thing: Any) -> bool:
    """Whether it is a function or class that needs no arguments."""
    if not callable(thing):
        return False
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return False
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(p.default is not p.empty or p.kind in optional for p in parameters)


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    """The data set of the items. Raises SourceError."""
    thing = place.thing
    with _randomness_kept():
        if not _is_dataset(thing) and not _parts_of(thing):
            thing = _called(place, thing)
        if not _is_dataset(thing) and not _parts_of(thing):
            return _other(place, thing, asked, limits)
        parts = _parts_of(thing) or {"": thing}
        xs, ys = Spool(limits), Spool(limits)
        room = int(xs.room * ROOM) // len(parts)
        done = [_read(part, Read(name, str(place), xs, ys), room) for name, part in parts.items()]
    try:
        return assembled(done, asked, limits, f"torch data set {str(place)!r}")
    except SourceError as error:
        raise SourceError(f"{place}: {error}") from error


def _called(place: Place, thing: Callable[[], Any]) -> Any:
    try:
        return thing()
    except Exception as error:
        raise SourceError(f"{place}: calling it raised {type(error).__name__}: {error}") from error


def _other(place: Place, thing: Any, asked: Asked, limits: Limits) -> Dataset:
    """What a call gave that is no torch Dataset: a data frame, arrays."""
    from trainloud.data.sources import sources

    inner = Place(thing=thing, word=place.word)
    for source in sources():
        if source is not SOURCE and source.recognises(inner):
            return source.read(inner, asked, limits)
    raise SourceError(
        f"{place}: it gave an object of type {type(thing).__name__}, which is no data that trainloud knows"
    )


# reading --------------------------------------------------------------------------------------------------------------


@contextmanager
def _randomness_kept() -> Iterator[None]:
    """All sources of random numbers begin at SEED, and are as they were afterwards."""
    import random

    import torch

    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    random.seed(SEED)
    np.random.seed(SEED)
    torch.default_generator.manual_seed(SEED)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])
        if cuda:
            torch.cuda.set_rng_state_all(cuda)


def _read(thing: Any, done: Read, room: int) -> Read:
    """Read one data set's items, each once and in order, until their arrays take `room` bytes."""
    if all(hasattr(thing, name) for name in ("dataset", "batch_size", "collate_fn")):
        done.notes.append("a DataLoader was given: the items of its data set are read, not its batches")
        thing = thing.dataset
    done.classes, done.paths = _class_names(thing), _paths(thing)
    try:
        length = len(thing) if hasattr(type(thing), "__getitem__") else None
    except (TypeError, NotImplementedError, AttributeError):
        length = None
    if length is None:
        _iterate(thing, done, room)
    else:
        _read_all(thing, length, done, room)
        _read_again(thing, done)
    return done


def _read_all(thing: Any, length: int, done: Read, room: int) -> None:
    at, step = 0, 1
    while at < length:
        try:
            item = thing[at]
        except IndexError as error:
            done.notes.append(f"its length is {length:,}, but item {at:,} raised IndexError: {str(error)[:200]}")
            break
        except Exception as error:
            done.failed(at, error)
            if len(done.failures) == FIRST_FAILURES and not len(done.indices):
                return
        else:
            done.take(at, item)
        at += step
        if at == TRIED < length:
            step = _step(done, length, room)
        if done.x.size > room and at < length:
            done.notes.append(
                f"only {len(done.indices):,} of its {length:,} items were read: more take over {room:,} bytes"
            )
            break


def _step(done: Read, length: int, room: int) -> int:
    """Every how many-th item is read, so that all fit into the room."""
    wanted = done.x.size / TRIED * length
    step = max(int(np.ceil(wanted / max(room, 1))), 1)
    if step > 1:
        size = f"its {length:,} items take about {wanted:,.0f} bytes, more than the {room:,} of the temporary file"
        done.notes.append(f"{size}: one in {step:,} is read after the first {TRIED}")
    return step


def _iterate(thing: Any, done: Read, room: int) -> None:
    """Items of a data set that can only be walked through."""
    count = 0
    try:
        for item in thing:
            if count == MOST_ITERATED or done.x.size > room:
                done.notes.append(f"only the first {count:,} items of the iteration were read")
                return
            done.take(count, item)
            count += 1
    except Exception as error:
        done.failed(count, error)


def _read_again(thing: Any, done: Read) -> None:
    """Say whether some items differ when they are read a second time."""
    rows = np.unique(np.linspace(0, len(done.indices) - 1, TWICE).astype(int)).tolist() if len(done.indices) else []
    changed = []
    for row in rows:
        at = done.indices[row]
        try:
            same = done.same(row, unpack(thing[at]))
        except Exception:  # that it cannot be read any more is a change too
            same = False
        changed += [] if same else [at]
    if changed:
        done.notes.append(
            f"{len(changed)} of {len(rows)} items differ when they are read a second time (item {changed[0]:,} first), "
            "as random augmentation makes them: what is inspected is one drawing of each"
        )


def _class_names(thing: Any, depth: int = 4) -> Sequence[str]:
    """Names of the classes 0, 1, ... that the data set, or the one that it is a part of, tells."""
    names = getattr(thing, "classes", None)
    if isinstance(names, (list, tuple)) and names and all(isinstance(n, str) for n in names):
        return list(names)
    index = getattr(thing, "class_to_idx", None)
    if isinstance(index, Mapping) and index and all(isinstance(v, int) for v in index.values()):
        by = {v: str(k) for k, v in index.items()}
        return [by.get(i, str(i)) for i in range(max(by) + 1)]
    inner = getattr(thing, "dataset", None)
    return _class_names(inner, depth - 1) if inner is not None and depth else ()


def _paths(thing: Any) -> Sequence[str]:
    """The files of a folder of pictures as torchvision reads it."""
    samples = getattr(thing, "samples", None)
    if not isinstance(samples, list) or not samples or not isinstance(samples[0], tuple):
        return ()
    paths = [s[0] for s in samples]
    return paths if all(isinstance(p, str) for p in paths) else ()


SOURCE = Source("torch data set", recognises, read, order=30)
