"""Libraries that open files below Python: their paths are turned to the scratch place where they are called."""

import functools
import os
from collections.abc import Callable
from typing import Any

from trainloud.stage.imported import when_imported

# Module, attribute, which argument is the path.
WRITERS = (
    ("safetensors.torch", "serialize_file", 1),
    ("safetensors.numpy", "serialize_file", 1),
    ("sqlite3", "connect", 0),
    ("pyarrow.parquet", "write_table", 1),
    ("torch._C", "PyTorchFileWriter", 0),
    ("h5py", "File", 0),
)
READERS = (("torch._C", "PyTorchFileReader", 0), ("safetensors", "safe_open", 0), ("pyarrow.parquet", "read_table", 0))
Where = Callable[[Any, Any], Any]
"""(path, mode) -> where to open it."""


def redirect_libraries(to_read: Callable[[Any], Any], to_write: Callable[..., Any]) -> None:
    """`to_read(path)` and `to_write(path, keep=...)` say where; `keep`: what is there is changed, not written anew."""

    def writing(name: str) -> Where:
        if name == "File":  # h5py's, which says in its mode whether it reads
            return lambda path, mode: to_read(path) if mode == "r" else to_write(path, keep=mode != "w")
        return lambda path, _mode: to_write(path, keep=name == "connect")

    for module, name, place in WRITERS:
        when_imported(module, functools.partial(_redirect, name=name, place=place, where=writing(name)))
    for module, name, place in READERS:
        reading = functools.partial(_redirect, name=name, place=place, where=lambda path, _mode: to_read(path))
        when_imported(module, reading)


def _redirect(module: Any, name: str, place: int, where: Where) -> None:
    original = getattr(module, name, None)
    if original is None:
        return

    def with_path(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        if len(args) > place and isinstance(args[place], (str, os.PathLike)) and args[place] != ":memory:":
            mode = args[place + 1] if len(args) > place + 1 else kwargs.get("mode", "r")
            return (*args[:place], str(where(args[place], mode)), *args[place + 1 :])
        return args

    def call(*args: Any, **kwargs: Any) -> Any:
        return original(*with_path(args, kwargs), **kwargs)

    if isinstance(original, type):
        setattr(module, name, _derived(original, with_path, call))
    else:
        setattr(module, name, functools.wraps(original)(call))


def _derived(original: type, with_path: Callable[..., tuple[Any, ...]], call: Callable[..., Any]) -> type:
    """A class whose instances are the original's, as `isinstance` sees it."""

    def made(self: Any, *args: Any, **kwargs: Any) -> None:
        original.__init__(self, *with_path(args, kwargs), **kwargs)  # type: ignore[misc]

    try:
        return type(original.__name__, (original,), {"__init__": made})
    except TypeError:  # a class of an extension from which none can be derived
        return type(original.__name__, (), {"__new__": lambda cls, *args, **kwargs: call(*args, **kwargs)})
