"""JSON round trip for the nouns: frozen dataclasses of plain values, tuples, dicts and each other."""

import dataclasses
import math
import types
import typing
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def encode(value: Any) -> Any:
    """The value as plain JSON types. Non-finite floats become the strings "nan", "inf", "-inf"."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(k): encode(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(v) for v in value]
    if hasattr(value, "item") and hasattr(value, "dtype"):  # a number of NumPy's, without importing it
        return encode(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def decode(kind: type[T], value: Any) -> T:
    """The inverse of `encode`, guided by the annotations of the dataclass `kind`.

    Keys that `kind` does not know are dropped (a newer version wrote the file), missing keys take
    the default. Raises TypeError when a field without a default is missing.
    """
    return _decode(kind, value)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _decode(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [a for a in typing.get_args(hint) if a is not type(None)]
        return _decode(inner[0], value) if len(inner) == 1 else value
    if dataclasses.is_dataclass(hint):
        hints = _hints(hint)  # type: ignore[arg-type]
        return hint(**{k: _decode(hints[k], v) for k, v in value.items() if k in hints})  # type: ignore[operator]
    if origin is tuple:
        args = typing.get_args(hint)
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_decode(args[0], v) for v in value)
        return tuple(_decode(a, v) for a, v in zip(args, value, strict=False))
    if origin is dict:
        return {k: _decode(typing.get_args(hint)[1], v) for k, v in value.items()}
    if hint is float:
        return float(value)
    return value
