"""What a source hands over: one row an example, whatever the files looked like."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa

from trainloud.core.inspection import Recognised

Role = Literal["number", "category", "text", "time"]


class SourceError(Exception):
    """The data cannot be read as asked: said in one line, exit code 2."""


class Pictures(Protocol):
    """Images behind the rows, read when asked for; safe to call from several threads."""

    def __len__(self) -> int: ...

    def encoded(self, row: int) -> bytes | None:
        """The bytes of the image's file; None where the data holds decoded arrays. Raises OSError."""

    def array(self, row: int) -> np.ndarray:
        """Pixels (height, width) or (height, width, channels) of data that holds decoded arrays; any dtype."""


@dataclass(frozen=True)
class Trouble:
    """Something that reading met and could not turn into an example, or had to mend."""

    kind: str
    """"stray-file", "outside-link", "ragged-row", "encoding", "empty-text", "too-large", "unreadable" ..."""
    name: str
    """File, or file and line."""
    what: str
    """What is wrong with it, with its number."""


@dataclass(frozen=True)
class Facts:
    """What typing one column of text cells met; see `sources/tables/typing.py`."""

    role: Role
    blank: int = 0
    """Cells that are empty or white space."""
    disguised: dict[str, int] = field(default_factory=dict)
    """Spellings of "missing" other than blank ("?", "NA", "-999"), taken as missing -> cells."""
    suspected: dict[str, int] = field(default_factory=dict)
    """Numbers that look like a disguise but were kept as values (-1, 999) -> cells."""
    odd: dict[str, int] = field(default_factory=dict)
    """A few of the cells that do not fit the role -> cells: words in a column of numbers."""
    odd_cells: int = 0
    """How many such cells there are in all; they are missing in the typed column."""
    padded: int = 0
    """Cells with white space at an end, removed; texts keep theirs."""
    numeric: int = 0
    """Cells of a column of categories or texts that are plain numbers."""


@dataclass
class Dataset:
    """One data set, opened. Large tables are memory-mapped; images and series are read when asked for."""

    recognised: Recognised
    table: pa.Table
    """The person's own columns, one row an example: float64 (NaN missing) for numbers, dictionary<int32, string>
    for categories, large_string for texts, timestamp[us] for times. The target is one of them."""
    split: np.ndarray
    """(n,) int16: index into `splits`."""
    splits: tuple[str, ...]
    """Names in order: ("train", "val", "test"), or ("",) where the data is not split."""
    identity: str
    """Digest of what was opened (names, sizes, times of change), the key of the cache."""
    name_of: Callable[[int], str]
    """Row -> what the person calls it: a path inside the data, or "file.csv:18"."""
    roles: dict[str, Role] = field(default_factory=dict)
    """Column -> what it holds; the keys are the columns of `table` in order."""
    facts: dict[str, Facts] = field(default_factory=dict)
    """Column -> what typing it met; empty for data that came typed."""
    text: str = ""
    """The column that holds the text of an example; "" for other kinds."""
    pictures: Pictures | None = None
    masks: Pictures | None = None
    """Segmentation: the mask of each row."""
    series: Callable[[int], np.ndarray] | None = None
    """Row -> float32 (channels, time), NaN for missing; lengths may differ."""
    cells: pa.Table | None = None
    """The cells as they were written, strings or dictionaries of them; None for data that came typed."""
    troubles: tuple[Trouble, ...] = ()
    notes: tuple[str, ...] = ()
    """What was decided in reading and is worth saying ("split at random by nobody: no validation part was given")."""

    def __len__(self) -> int:
        return self.table.num_rows if self.table.num_columns else len(self.split)


@dataclass(frozen=True)
class Asked:
    """What the person said about the data; "" and None where nothing was said."""

    target: str = ""
    """Column name, or index as text ("-1", "14") where there is no header."""
    kind: str = ""
    """Overrules what is recognised: one of Kind."""
    task: str = ""
    time: str = ""
    group: str = ""
    """A column whose values must not straddle splits (patient, speaker, session)."""
    header: bool | None = None
    separator: str = ""
    encoding: str = ""
    labels: str = ""
    """Path of a table with the labels of a flat image folder."""
    like: Dataset | None = field(default=None, repr=False, compare=False)
    """The first part, where this is a further one: it is taken for the same."""


@dataclass(frozen=True)
class Limits:
    """What inspecting may use."""

    workers: int = 2
    """Threads that read and decode."""
    memory: int = 1 << 30
    """Bytes of anonymous memory that buffers and samples may take together."""
    probe_rows: int = 12_000
    """Examples that a probe is fitted on at most; more are sampled with a fixed seed, stratified by class."""
    cache: str = ""
    """Folder of the cache; "" for none."""

    def rows(self, bytes_a_row: int, share: float = 0.25) -> int:
        """How many rows of this size fit into a share of the memory; at least 256."""
        return max(256, int(self.memory * share) // max(bytes_a_row, 1))
