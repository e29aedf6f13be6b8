"""The columns of a table on their way from how they are written to what they hold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from trainloud.data.dataset import Facts, Pictures, Role, Trouble
from trainloud.data.sources.files.shelf import Columns
from trainloud.data.sources.tables.typing import typed


@dataclass
class Table:
    """Columns as a reader has them."""

    name: str
    """For messages."""
    form: str
    identity: str
    name_of: Callable[[int], str]
    rows: int
    cells: pa.Table | None = None
    """Columns as text, to be typed; None where all came typed."""
    ready: dict[str, tuple[pa.ChunkedArray, Role]] = field(default_factory=dict)
    """Columns that came typed."""
    order: Sequence[str] = ()
    """All columns in order; those of `cells` if empty."""
    header: bool = True
    comma: bool = False
    """Cells may hold decimal commas: the separator is another."""
    target: str = ""
    """The column that the data itself declares as its target."""
    declared: str = ""
    """Where it does ("the features of dataset_info.json")."""
    pictures: Pictures | None = None
    series: Callable[[int], np.ndarray] | None = None
    troubles: list[Trouble] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.order:
            self.order = [*(self.cells.column_names if self.cells is not None else ()), *self.ready]


@dataclass
class Typing:
    """The columns as they are typed, one after another."""

    table: Table
    keep: Columns
    columns: dict[str, pa.ChunkedArray] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def type(self, name: str, target: bool = False, role: Role | None = None) -> None:
        """(Re)type one column."""
        table = self.table
        if name in table.ready:
            self.columns[name], self.roles[name] = table.ready[name]
            return
        assert table.cells is not None
        done = typed(table.cells.column(name), target, role, table.comma)
        self.put(name, done.cells, done.facts)
        self.notes[name] = done.notes

    def put(self, name: str, cells: pa.ChunkedArray, facts: Facts) -> None:
        self.columns[name], self.roles[name], self.facts[name] = self.keep.keep(cells), facts.role, facts
