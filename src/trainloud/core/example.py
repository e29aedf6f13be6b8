"""Examples of the data, laid out as evidence."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """One example of the data, with what is needed to show it without the data at hand."""

    row: int
    """Its row in the survey, from 0; -1 for a file that is no example (stray, undecodable)."""
    split: str = ""
    """Name of its split ("train", "val", "test"); "" where the data has none."""
    name: str = ""
    """Path inside the data, or "row 17" (from 0), or "line 18" (from 1)."""
    label: str = ""
    """Class name or target value as the data gives it; "" without a target."""
    note: str = ""
    """Why it is shown, with its number and unit ("brightness 3.1 of 255", "probably 6, margin 0.42")."""
    picture: str = ""
    """A small picture as a data URI; "" for what is no image."""
    text: str = ""
    """The text, or the cells of the row as "column=value, ..."; shortened."""


@dataclass(frozen=True)
class Exhibit:
    """Examples that belong side by side: a group of duplicates, the suspects, the outliers of one axis."""

    caption: str
    examples: tuple[Example, ...]
    total: int = 0
    """How many there are in all, where only the first few are shown."""
