"""Records in JSON: one a line (.jsonl, .ndjson), or one list of records, or one object with a list for each column.

Lines are read by pyarrow, block by block. Where it cannot (a broken line, a column of several types), they are read
one by one: broken lines are told with their number and left out, and cells of several types become words.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError, Trouble
from trainloud.data.sources import Source
from trainloud.data.sources.files.shelf import Shelf
from trainloud.data.sources.place import Place
from trainloud.data.sources.tables.arrow_columns import Arrow, arrow_dataset
from trainloud.data.sources.texts.decoding import Decoder
from trainloud.data.sources.texts.plain_text import COMPRESSED, opened

SUFFIXES = (".jsonl", ".ndjson", ".json")
BLOCK = 16 << 20  # bytes that pyarrow reads at once; a record must fit
MOST_WHOLE = 512 << 20  # bytes of a file that is one list, or is read line by line
TOLD = 100  # broken lines that are told one by one


def recognises(place: Place) -> str:
    if not place.is_file or place.path is None:
        return ""
    suffixes = [s.lower() for s in place.path.suffixes if s.lower() not in COMPRESSED]
    if suffixes[-1:] not in ([s] for s in SUFFIXES):
        return ""
    try:
        with opened(place.path) as file:
            head = file.read(4096)
    except (OSError, EOFError):
        return ""
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return f"named {suffixes[-1]}, begins with {first.decode()}" if first in (b"{", b"[") else ""


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    """Raises SourceError."""
    assert place.path is not None
    name, troubles = place.path.name, list[Trouble]()
    lines = _by_line(place)
    numbers: Sequence[int] | None = None
    table = _quick(place, limits) if lines else None
    form = "JSON lines" if lines else "JSON"
    if table is None:
        text = _text(place, asked.encoding, troubles)
        if lines:
            records, numbers = _records(text, name, troubles)
        else:
            records = _whole(text, name)
        if not records:
            why = f": {troubles[0].what}" if troubles else ""
            raise SourceError(f"{place}: no record in it{why}")
        table = _table(records)
    elif not table.num_rows:
        raise SourceError(f"{place}: no record in it")
    return arrow_dataset(
        Arrow(
            name=str(place),
            form=form,
            identity=place.identity(),
            schema=table.schema,
            rows=table.num_rows,
            column=table.column,
            name_of=_named(name, numbers),
            root=place.path.parent,
            troubles=troubles,
        ),
        asked,
        limits,
    )


def _named(name: str, numbers: Sequence[int] | None) -> Callable[[int], str]:
    return (lambda row: f"{name}:{numbers[row]}") if numbers is not None else (lambda row: f"{name}, record {row + 1}")


def _by_line(place: Place) -> bool:
    """Whether the first line is a record by itself, and there is a second."""
    assert place.path is not None
    with opened(place.path) as file:
        head = file.read(1 << 20)
    line, _, rest = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return re.match(rb"\s*\{\s*\"", line) is not None and rest.lstrip()[:1] == b"{"
    named = place.path.name.lower()
    return isinstance(found, dict) and (bool(rest.strip()) or ".json" not in named.replace(".jsonl", ""))


def _quick(place: Place, limits: Limits) -> pa.Table | None:
    """All records by pyarrow; None where it cannot read them."""
    import pyarrow.json as reader

    assert place.path is not None
    try:
        with opened(place.path) as file:
            batches = reader.open_json(file, reader.ReadOptions(use_threads=False, block_size=BLOCK))
            shelf = Shelf(batches.schema, limits)
            for batch in batches:
                batch.validate(full=True)  # words that are no UTF-8
                shelf.add(batch)
        return shelf.table()
    except (pa.ArrowException, OSError, EOFError):
        return None


def _text(place: Place, encoding: str, troubles: list[Trouble]) -> str:
    assert place.path is not None
    decoder = Decoder(place.path.name, encoding)
    try:
        with opened(place.path) as file:
            text = b"".join(decoder.pieces(file, MOST_WHOLE)).decode()
    except (OSError, EOFError) as error:
        raise SourceError(f"{place}: {error}") from error
    troubles += decoder.troubles
    if any(t.kind == "too-large" for t in troubles):
        raise SourceError(f"{place}: more than {MOST_WHOLE:,} bytes that must be read at once; write one record a line")
    return text


def _records(text: str, name: str, troubles: list[Trouble]) -> tuple[list[dict[str, Any]], list[int]]:
    """Records line by line, and the line of each."""
    records, numbers, broken = [], [], 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            what = "" if isinstance(found, dict) else f"no record but {type(found).__name__}"
        except (ValueError, RecursionError) as error:
            what = f"no JSON: {error}"
        if what:
            broken += 1
            if broken <= TOLD:
                troubles.append(Trouble("broken-line", f"{name}:{number}", what))
        else:
            records.append(found)
            numbers.append(number)
    if broken > TOLD:
        troubles.append(Trouble("broken-line", name, f"{broken - TOLD:,} more broken lines"))
    return records, numbers


def _whole(text: str, name: str) -> list[dict[str, Any]]:
    """The records of one list, or of the longest list in an object, or of an object of columns."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{name}: no JSON: {error}") from error
    if isinstance(found, dict):
        columns = {k: v for k, v in found.items() if isinstance(v, list)}
        lists = [v for v in columns.values() if v and isinstance(v[0], dict)]
        if lists:
            found = max(lists, key=len)
        elif columns and len({len(v) for v in columns.values()}) == 1:
            return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not isinstance(found, list):
        raise SourceError(f"{name}: neither a list of records nor an object of columns")
    return [r if isinstance(r, dict) else {"text" if isinstance(r, str) else "value": r} for r in found]


def _table(records: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A column for each key, in the order in which they come up."""
    names = list(dict.fromkeys(k for r in records for k in r))
    return pa.table({k: _column([r.get(k) for r in records]) for k in names})


def _column(values: Sequence[Any]) -> pa.Array:
    try:
        found = pa.array(values)
        return found.cast(pa.string()) if pa.types.is_null(found.type) else found
    except (pa.ArrowException, OverflowError):
        return pa.array([v if v is None or isinstance(v, str) else json.dumps(v) for v in values], pa.string())


SOURCE = Source("records in JSON", recognises, read, order=18)
