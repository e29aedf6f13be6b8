"""Doing something right after a module's import."""

import importlib.util
import sys
from collections.abc import Callable
from typing import Any


def when_imported(name: str, do: Callable[[Any], Any]) -> None:
    """Run `do(module)` now if the module is there, or else right after its import."""
    if name in sys.modules:
        do(sys.modules[name])
        return

    class Finder:
        def find_spec(self, wanted: str, path: Any = None, target: Any = None) -> Any:
            if wanted != name:
                return None
            sys.meta_path.remove(self)  # type: ignore[arg-type]
            spec = importlib.util.find_spec(name)
            if spec is None or spec.loader is None:
                return spec
            run = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                run(module)
                do(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
            return spec

    sys.meta_path.insert(0, Finder())  # type: ignore[arg-type]
