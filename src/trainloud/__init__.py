"""trainloud: make silent faults in PyTorch training loud.

The command line is the product's face (`trainloud check`, `trainloud inspect`, `trainloud explain`); see the README.
In Python: `trainloud.inspect(data)`. Rooms, from the top down: cli; session, inspection, explain; report; checks and
experiments, data; stage; core. Imports point down only.
"""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`trainloud.inspect`, imported when it is first asked for: watched scripts do not pay for it."""
    if name == "inspect":
        from trainloud.inspection import inspect

        return inspect
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
