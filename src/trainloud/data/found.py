"""Modules found by looking into the folders: a new inspector, question or source is a new file and nothing else."""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType


def modules(package_name: str) -> Iterator[ModuleType]:
    """All modules below a package, by name; those whose name begins with "_" are helpers and left out."""
    package = importlib.import_module(package_name)
    for item in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        if item.name.startswith("_"):
            continue
        name = f"{package_name}.{item.name}"
        if item.ispkg:
            yield from modules(name)
        else:
            yield importlib.import_module(name)
