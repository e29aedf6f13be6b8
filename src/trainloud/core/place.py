"""A line of the person's code."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Absolute path, line from 1, and the function's name ("<module>" at top level)."""

    file: str
    line: int
    function: str = ""
