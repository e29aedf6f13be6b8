"""Time series in the .ts format of the UCR and UEA archives: one series a line, a header of "@" words above.

Values are parted by ",", channels and the target by ":". "?" is a missing value. Series may differ in length, channels
of one series too (the shorter ones end in missing values). A folder with NAME_TRAIN.ts and NAME_TEST.ts is read as two
splits.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainloud.core.inspection import Recognised
from trainloud.data.dataset import Asked, Dataset, Limits, SourceError, Trouble
from trainloud.data.sources import Source
from trainloud.data.sources.files.spool import Spool
from trainloud.data.sources.place import Place
from trainloud.data.sources.texts.decoding import Decoder
from trainloud.data.sources.texts.plain_text import COMPRESSED, opened

BATCH = 4 << 20  # bytes of lines that are parsed together
MOST = 8 << 30  # bytes of one file that are read
SHARE = 0.25  # of the memory that values may take before they go to a spool
TOLD = 100  # broken lines that are told one by one
NAN = pa.scalar("nan", pa.large_string())
STAMPED = re.compile(r"\(([^()]*),\s*([^(),]*)\)")  # "(time,value)" of files with @timeStamps true


def recognises(place: Place) -> str:
    if place.is_folder:
        pair = _pair(place)
        return f"holds {pair[0].name} and {pair[1].name}" if pair else ""
    if not place.is_file or place.path is None:
        return ""
    suffixes = [s.lower() for s in place.path.suffixes if s.lower() not in COMPRESSED]
    if suffixes[-1:] != [".ts"]:
        return ""
    try:
        with opened(place.path) as f:
            head = f.read(64 << 10)
    except (OSError, EOFError):
        return ""
    return "named .ts, with @ words above @data" if re.search(rb"(?im)^\s*@(problemname|data|univariate)", head) else ""


def _pair(place: Place) -> tuple[Path, Path] | None:
    assert place.path is not None
    found = sorted(p for p in place.path.iterdir() if p.name.lower().endswith("_train.ts"))
    if len(found) != 1:
        return None
    name = found[0].name
    other = found[0].with_name(
        name[: -len("_train.ts")] + name[-len("_train.ts") :].replace("TRAIN", "TEST").replace("train", "test")
    )
    return (found[0], other) if other.is_file() and other != found[0] else None


@dataclass
class Header:
    """What the "@" words above the data say."""

    name: str = ""
    stamps: bool = False
    channels: int = 0
    """0: not said."""
    equal: int = 0
    """Steps of every series where the header says that all are of one length; 0 else."""
    classes: tuple[str, ...] = ()
    has_class: bool = False
    has_number: bool = False

    def word(self, line: str) -> None:
        """Take one "@" line. Words that are not known are passed over."""
        key, *rest = line[1:].split()
        key, first = key.lower(), (rest[0].lower() if rest else "")
        if key == "problemname":
            self.name = " ".join(rest)
        elif key == "timestamps":
            self.stamps = first == "true"
        elif key == "univariate" and first == "true":
            self.channels = 1
        elif key in ("dimensions", "dimension") and first.isdigit():
            self.channels = int(first)
        elif key == "serieslength" and first.isdigit():
            self.equal = int(first)
        elif key == "classlabel":
            self.has_class, self.classes = first == "true", tuple(rest[1:])
        elif key == "targetlabel":
            self.has_number = first == "true"


@dataclass
class Lines:
    """All series of the files that were read, and what was met."""

    limits: Limits
    troubles: list[Trouble] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """File and line of each series."""
    shapes: list[tuple[int, int]] = field(default_factory=list)
    """(channels, steps) of each series."""
    broken: int = 0

    def __post_init__(self) -> None:
        self._values: list[np.ndarray] = []
        self._starts: list[tuple[int, int]] = []  # which of the values, and where in it
        self._held = 0
        self._spool: Spool | None = None

    def trouble(self, where: str, what: str) -> None:
        self.broken += 1
        if self.broken <= TOLD:
            self.troubles.append(Trouble("broken-line", where, what))

    def keep(self, series: Sequence[np.ndarray]) -> None:
        """Further series, each (channels, steps) float32."""
        if not series:
            return
        sizes = [s.size for s in series]
        values = np.concatenate([s.ravel() for s in series])
        self._held += values.nbytes
        if self._held > SHARE * self.limits.memory and values.size:
            self._spool = self._spool or Spool(self.limits)
            self._spool.align()
            values = self._spool.array(self._spool.add(memoryview(values).cast("B")), values.shape, values.dtype)
        starts = (np.cumsum(sizes) - sizes).tolist()
        self._starts += [(len(self._values), at) for at in starts]
        self._values.append(values)
        self.shapes += [s.shape for s in series]  # type: ignore[misc]

    def series(self, row: int) -> np.ndarray:
        which, at = self._starts[row]
        channels, steps = self.shapes[row]
        return np.asarray(self._values[which][at : at + channels * steps]).reshape(channels, steps)


def read(place: Place, asked: Asked, limits: Limits) -> Dataset:
    assert place.path is not None
    if asked.kind and asked.kind != "series":
        raise SourceError(f"{place}: a .ts file holds series, no {asked.kind}")
    paths: Sequence[Path] = (_pair(place) or ()) if place.is_folder else (place.path,)
    lines = Lines(limits)
    headers: list[Header] = []
    sizes: list[int] = []
    for path in paths:
        headers.append(_file(path, asked.encoding, lines))
        sizes.append(len(lines.shapes) - sum(sizes))
    if lines.broken > TOLD:
        lines.troubles.append(Trouble("broken-line", str(place), f"{lines.broken - TOLD:,} more broken lines"))
    if not lines.shapes:
        why = f": {lines.troubles[0].what}" if lines.troubles else ""
        raise SourceError(f"{place}: no series in it{why}")
    return _dataset(place, headers[0], lines, sizes)


def _dataset(place: Place, header: Header, lines: Lines, sizes: Sequence[int]) -> Dataset:
    n = len(lines.shapes)
    target = "target" if header.has_number else "class" if header.has_class else ""
    columns, roles, task = {}, {}, "none"
    if header.has_number:
        numbers = [_number(v) for v in lines.labels]
        columns[target], roles[target], task = pa.chunked_array([pa.array(numbers, pa.float64())]), "number", "number"
    elif header.has_class:
        coded = pa.array(lines.labels, pa.string()).dictionary_encode()
        columns[target], roles[target], task = pa.chunked_array([coded]), "category", "classes"
    channels = sorted({c for c, _ in lines.shapes})
    steps = sorted({t for _, t in lines.shapes})
    shape = f"{_span(channels)} channel{'s' * (channels != [1])} of {_span(steps)} steps"
    notes = [f"{n:,} series, {shape}"]
    beside = None if place.is_folder else _beside(place)
    if beside:
        notes.append(f"{beside} lies beside it and was not read: name it with --test")
    return Dataset(
        Recognised("series", task, target, why=f"{recognises(place)}; {n:,} series, {shape}", form=".ts file"),  # type: ignore[arg-type]
        pa.table(columns),
        np.repeat(np.arange(len(sizes)), sizes).astype(np.int16),
        ("train", "test") if len(sizes) == 2 else ("",),
        place.identity(),
        lines.names.__getitem__,
        roles,  # type: ignore[arg-type]
        series=lines.series,
        troubles=tuple(lines.troubles),
        notes=tuple(notes),
    )


def _span(values: Sequence[int]) -> str:
    return f"{values[0]:,}" if len(values) == 1 else f"{values[0]:,} to {values[-1]:,}"


def _beside(place: Place) -> str:
    """Name of the test file that belongs to a training file, where there is one."""
    assert place.path is not None
    name = place.path.name.replace("_TRAIN", "_TEST").replace("_train", "_test")
    other = place.path.with_name(name)
    return name if other != place.path and other.is_file() else ""


def _number(word: str | None) -> float:
    try:
        return float(word) if word is not None else np.nan
    except ValueError:
        return np.nan


# one file -----------------------------------------------------------------------------------------------------------


def _file(path: Path, encoding: str, lines: Lines) -> Header:
    """Read all lines; the header."""
    header, decoder = Header(), Decoder(path.name, encoding)
    waiting: list[tuple[int, str]] = []
    size, number, in_data, rest = 0, 0, False, b""
    try:
        with opened(path) as file:
            for piece in decoder.pieces(file, MOST):
                whole, _, rest = (rest + piece).rpartition(b"\n")
                for raw in whole.decode().split("\n"):
                    number += 1
                    in_data = _line(raw.strip(), number, header, waiting, in_data)
                    size += len(raw)
                    if size > BATCH:
                        _batch(path.name, header, waiting, lines)
                        waiting, size = [], 0
            if rest:
                _line(rest.decode().strip(), number + 1, header, waiting, in_data)
    except (OSError, EOFError) as error:
        raise SourceError(f"{path.name}: {error}") from error
    _batch(path.name, header, waiting, lines)
    lines.troubles += decoder.troubles
    return header


def _line(line: str, number: int, header: Header, waiting: list[tuple[int, str]], in_data: bool) -> bool:
    """Take one line; whether the data has begun after it."""
    if not line or line.startswith(("#", "%")):
        return in_data
    if line.startswith("@") and not in_data:
        if line.lower().startswith("@data"):
            return True
        header.word(line)
        return False
    waiting.append((number, line))
    return True


def _batch(name: str, header: Header, waiting: Sequence[tuple[int, str]], lines: Lines) -> None:
    """Parse lines together; one by one where a value among them is no number."""
    rows = [r for r in (_fields(name, header, number, line, lines) for number, line in waiting) if r is not None]
    if not rows:
        return
    try:
        found: list[np.ndarray | None] = list(_parsed([r.channels for r in rows]))
    except ValueError:
        found = []
        for r in rows:
            try:
                found += _parsed([r.channels])
            except ValueError as error:
                lines.trouble(r.where, str(error))
                found.append(None)
    kept = []
    for r, series in zip(rows, found, strict=True):
        if series is not None:
            kept.append(series)
            lines.labels.append(r.label)
            lines.names.append(r.where)
            if header.equal and series.shape[1] != header.equal:
                lines.trouble(r.where, f"{series.shape[1]:,} steps; the header says that all have {header.equal:,}")
    lines.keep(kept)


@dataclass(frozen=True)
class _Fields:
    where: str
    channels: list[str]
    label: str | None


def _fields(name: str, header: Header, number: int, line: str, lines: Lines) -> _Fields | None:
    where = f"{name}:{number}"
    if header.stamps:
        line = STAMPED.sub(r"\2", line)
    channels = line.split(":")
    label: str | None = None
    if header.has_class or header.has_number:
        label = channels.pop().strip()
        if header.has_number and np.isnan(_number(label)) and label.lower() not in ("?", "nan", ""):
            lines.trouble(where, f"the target {label[:40]!r} is no number")
        if header.classes and label not in header.classes and label not in ("?", ""):
            lines.trouble(where, f"the class {label[:40]!r} is none of the {len(header.classes)} in the header")
        label = None if label in ("?", "") else label
    if not channels or not any(c.strip() for c in channels):
        lines.trouble(where, "no values")
        return None
    header.channels = header.channels or len(channels)
    if len(channels) != header.channels:
        lines.trouble(where, f"channels: {len(channels)}; expected {header.channels}: left out")
        return None
    return _Fields(where, channels, label)


def _parsed(rows: Sequence[Sequence[str]]) -> list[np.ndarray]:
    """(channels, steps) float32 of each row. Raises ValueError with the first word that is no number."""
    texts = [c for row in rows for c in row]
    lengths = np.array([c.count(",") + 1 for c in texts])
    words = pc.utf8_trim_whitespace(pc.split_pattern(pa.array([",".join(texts)], pa.large_string()), ",").flatten())
    try:
        values = pc.cast(pc.if_else(_missing(words), NAN, words), pa.float32()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid as error:
        word = re.search(r"'(.*)'", str(error))
        raise ValueError(f"{word[1][:40]!r} is no number: left out" if word else str(error)) from error
    ends = np.cumsum(lengths)
    found, at = [], 0
    for row in rows:
        steps = lengths[at : at + len(row)]
        first = int(ends[at] - lengths[at])
        if (steps == steps[0]).all():
            series = values[first : first + int(steps.sum())].reshape(len(row), int(steps[0]))
        else:  # shorter channels end in missing values
            series = np.full((len(row), int(steps.max())), np.nan, np.float32)
            for i, (end, size) in enumerate(zip(ends[at : at + len(row)], steps, strict=True)):
                series[i, :size] = values[end - size : end]
        found.append(series)
        at += len(row)
    return found


def _missing(words: pa.Array) -> pa.Array:
    return pc.is_in(words, value_set=pa.array(["?", "", "NaN", "nan", "NA"], pa.large_string()))


SOURCE = Source("series in .ts format", recognises, read, order=20)
