"""What can be changed about a run, one file each: the only things that may alter a script's behaviour.

The file `zero_inputs.py` holds the intervention `zero-inputs`: a class `Intervention` made with the text after "="
in `name=value` ("" without), with `install(treated)`, which asks the doors of `stage.treated` for what it needs, and
`report()`, which returns (whether it really took effect, how that was seen). It may have `before(argv) -> argv`, called
before the script starts. Names that begin with "--" are the script's own options, and so are those after "hydra:".
"""

import importlib
import pkgutil
from collections.abc import Sequence
from typing import Any

from trainloud.stage.hub import Hub
from trainloud.stage.patches import Patches


def names() -> tuple[str, ...]:
    """Every intervention that there is."""
    return tuple(sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(__path__)))


def make(change: str) -> Any:
    """The intervention of `name=value`. Raises ValueError for a name that is none or a value that it cannot take."""
    name, _, value = change.partition("=")
    if change.startswith(("--", "hydra:")):
        name, value = "script-option", change
    if name not in names():
        raise ValueError(f"no intervention is named {name!r}")
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}").Intervention(value)


def treat(hub: Hub, changes: Sequence[str], argv: list[str]) -> list[str]:
    """Apply them to the run that is about to begin; returns the script's arguments as they are now."""
    from trainloud.stage.treated import Treated

    treated = Treated(hub, Patches(hub.failed))
    hub.add(treated)
    for change in changes:
        intervention = make(change)
        if hasattr(intervention, "before"):
            argv = intervention.before(argv)
        treated.add(change, intervention)
    return argv
