"""How data is stored: one file a form. Each recognises its own and turns it into a `Dataset`, never guessing silently.

A file here holds `SOURCE`, with `recognises(place) -> str` (how it was recognised, "" if it is not its own) and
`read(place, asked, limits) -> Dataset` of one part, without splits of its own or with those that it finds inside.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError
from trainloud.data.found import modules
from trainloud.data.sources.place import Place, place_of
from trainloud.data.sources.tables.feed import BROKEN


@dataclass(frozen=True)
class Source:
    """One form of storage."""

    name: str
    """In words, for messages: "folder of images"."""
    recognises: Callable[[Place], str]
    """What speaks for it, in words ("10 folders with images"); "" where it is not this form. Reads little."""
    read: Callable[[Place, Asked, Limits], Dataset]
    """Raises SourceError with one clear line."""
    order: int = 50
    """Asked in ascending order; the first that recognises the place reads it."""
    asked_for: Callable[[Place, Asked], bool] = lambda place, asked: False
    """Whether what the person said means this form, whatever the others recognise."""


@cache
def sources() -> tuple[Source, ...]:
    found = [m.SOURCE for m in modules(__name__) if hasattr(m, "SOURCE")]
    return tuple(sorted(found, key=lambda s: (s.order, s.name)))


def open_dataset(data: Any, asked: Asked, limits: Limits, val: Any = None, test: Any = None) -> Dataset:
    """The data set behind a path, `module:attribute` or object, with further parts as splits "val" and "test".

    Raises SourceError where there is nothing, or nothing that is understood.
    """
    first = _one(data, asked, limits)
    further = {name: part for name, part in (("val", val), ("test", test)) if part is not None}
    if not further:
        return first
    from trainloud.data.sources.joined import join

    like = replace(asked, like=first)
    return join({"train": first, **{name: _one(part, like, limits) for name, part in further.items()}}, limits)


def _one(data: Any, asked: Asked, limits: Limits) -> Dataset:
    place = place_of(data)
    try:
        for source in sources():
            if source.asked_for(place, asked):
                return source.read(place, asked, limits)
        for source in sources():
            if source.recognises(place):
                return source.read(place, asked, limits)
    except BROKEN as error:
        raise SourceError(f"{place}: it cannot be read to its end: {error}") from error
    raise SourceError(f"{place}: {place.nothing_known()}")
