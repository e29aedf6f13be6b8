"""Read-only sensors, one file each. A probe draws no random number and changes no tensor.

A probe is a class `Probe` made with the hub, with a method for each event that it wants:
`forward_start(visit)`, `forward_end(visit)`, `inner_start(module, args)`, `inner_end(module, args, output)`,
`loss(call)`, `backward_start(loss)`, `backward_end(loss)`, `step_start(optimizer)`, `step_end(optimizer)`,
`resolved(visits)` (it is now known which forwards trained), `operation(name, function, args, kwargs, result)`,
`flags(found)` (the script's parser has read its options), `finish()`; and `install(patches)` to wrap further entry
points of torch. `COUNTERFACTUAL = True` says that experiments need it too. A new probe is a new file.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any


def discover(hub: Any) -> Iterator[Any]:
    """One probe of each file in this folder, in the order of their names."""
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        yield importlib.import_module(f"{__name__}.{found.name}").Probe(hub)
