"""One item of a torch Dataset: which part is the example, which its label, whatever form the item has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainloud.data.sources.pictures.array_names import X_WORDS, Y_WORDS
from trainloud.data.sources.pictures.arrays import as_array
from trainloud.data.sources.pictures.image_files import words

X_KEYS = X_WORDS | words("pixel_values input_values input_ids audio waveform text sentence source src tokens token_ids")
Y_KEYS = Y_WORDS | words("mask masks tgt label_id label_ids")
PLAIN_MODES = ("L", "RGB", "RGBA", "LA", "I;16", "I;16B", "I", "F", "La", "RGBa")  # read as they are; others converted


@dataclass
class Item:
    """What one item holds."""

    x: Any
    """An array, a text, a number, or a dict of numbers and words; None for what is none of these."""
    y: Any = None
    """A number, a word, an array, or None."""
    others: dict[str, Any] = field(default_factory=dict)
    """Further numbers and words."""
    left: tuple[str, ...] = ()
    """Names of what is not read."""


def unpack(item: Any) -> Item:
    """The parts of an item: (x, y), (x, y, more ...), a dict, a namedtuple, or x alone."""
    if isinstance(item, Mapping):
        return _named({str(k): v for k, v in item.items()})
    if isinstance(item, tuple) and hasattr(item, "_fields"):
        return _named(dict(zip(item._fields, item, strict=True)))
    if hasattr(item, "__dataclass_fields__"):
        return _named({n: getattr(item, n) for n in item.__dataclass_fields__})
    if not isinstance(item, (tuple, list)) or _numbers(item):
        return Item(value(item))
    if not item:
        return Item(None)
    first, *rest = item
    x = value(first)
    if not rest:
        return Item(x)
    y, more = value(rest[0], label=True), {f"item{i}": value(v) for i, v in enumerate(rest[1:], 2)}
    if isinstance(y, np.ndarray) and isinstance(x, np.ndarray) and y.shape == x.shape and x.ndim > 2 and more:
        # Two pictures and what is said of both: the label is the first plain value.
        plain = next((n for n, v in more.items() if not isinstance(v, np.ndarray) and v is not None), "")
        if plain:
            return Item(x, more.pop(plain), *_apart(more, ("item1",)))
    return Item(x, y, *_apart(more))


def _apart(more: dict[str, Any], left: tuple[str, ...] = ()) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Numbers and words, and the names of all else."""
    plain = {n: v for n, v in more.items() if isinstance(v, (int, float, str))}
    return plain, (*left, *(n for n in more if n not in plain))


def _named(parts: dict[str, Any]) -> Item:
    low = {n: n.lower() for n in parts}
    y_name = next((n for n in parts if low[n] in Y_KEYS), "")
    values = {n: value(v, label=n == y_name) for n, v in parts.items()}
    x_name = next((n for n in parts if n != y_name and low[n] in X_KEYS and values[n] is not None), "")
    if not x_name:
        x_name = next((n for n, v in values.items() if n != y_name and isinstance(v, np.ndarray)), "")
    y = values.pop(y_name) if y_name else None
    if x_name:
        x = values.pop(x_name)
        return Item(x, y, *_apart(values))
    rows, left = _apart(values)
    return Item(rows or None, y, {}, left)


def _numbers(item: Any) -> bool:
    """Whether a list is one of numbers: an example by itself, not (x, y)."""
    return isinstance(item, list) and len(item) > 2 and all(isinstance(v, (int, float)) for v in item)


def value(held: Any, label: bool = False) -> Any:
    """A number, a word or an array of a part of an item; None for anything else.

    Pictures of Pillow become arrays, of a palette its colours, or as a label its numbers.
    """
    if held is None or isinstance(held, (bool, int, float, str)):
        return held
    if isinstance(held, np.generic):
        return held.item()
    if isinstance(held, np.ndarray) and not held.ndim:
        return held.item() if not held.dtype.hasobject else None
    if type(held).__module__.split(".")[0] == "PIL" and hasattr(held, "convert"):
        if held.mode == "1":
            return np.asarray(held.convert("L"))
        if held.mode == "P" and label:
            return np.asarray(held)
        return np.asarray(held if held.mode in PLAIN_MODES else held.convert("RGB"))
    if hasattr(held, "detach") and hasattr(held, "dim") and not held.dim():
        return held.item()
    array = as_array(held)
    if array is not None:
        return array
    if isinstance(held, Mapping):
        plain = {str(k): value(v) for k, v in held.items()}
        return {k: v for k, v in plain.items() if isinstance(v, (int, float, str))} or None
    if isinstance(held, (list, tuple)) and held:
        if all(isinstance(v, (int, float)) for v in held):
            return np.asarray(held)
        return None if label else value(held[0])
    return None
