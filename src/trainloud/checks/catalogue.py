"""All checks, found by looking into the folders: a new check is a new file and nothing else."""

import importlib
import pkgutil
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from trainloud import checks
from trainloud.core.check import Check, Explanation, Runs
from trainloud.core.finding import Finding, declared, unknown

TROUBLE = (  # what many a fault of another kind ends in: told by runs with one thing changed
    "learning-rate-too-high",
    "learning-rate-too-low",
    "inputs-and-labels-misaligned",
    "input-carries-no-signal",
    "capacity-too-small",
)
CAUSING = ("data", "loss", "model", "optimisation", "precision")  # families whose faults can bring that about


@dataclass(frozen=True)
class Entry:
    """A check with the module that holds it."""

    check: Check
    family: str
    module: ModuleType

    @property
    def explanation(self) -> Explanation:
        return Explanation(self.module.__doc__ or "")


@cache
def vocabulary() -> dict[str, dict[str, str]]:
    """Fault name -> its family, what it is and how it shows; names without a check are still to be written."""
    return tomllib.loads((Path(__file__).parent / "faults.toml").read_text(encoding="utf-8"))


@cache
def catalogue() -> dict[str, Entry]:
    """Fault name -> its check, by family and name."""
    found: dict[str, Entry] = {}
    for family in sorted(m.name for m in pkgutil.iter_modules(checks.__path__) if m.ispkg):
        package = importlib.import_module(f"{checks.__name__}.{family}")
        for item in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
            module = importlib.import_module(f"{package.__name__}.{item.name}")
            if hasattr(module, "CHECK"):
                found[module.CHECK.fault] = Entry(module.CHECK, family, module)
    return found


@cache
def explained() -> dict[str, tuple[str, ...]]:
    """Fault -> the faults that it explains: those that its check names, and general trouble with learning.

    What was seen in the one run is more specific than that training gets better with another learning rate, so it
    comes first, unless it is one of the things that such trouble brings about itself.
    """
    entries = catalogue()
    brought = {s for fault in TROUBLE if fault in entries for s in entries[fault].check.symptoms}
    found = {fault: e.check.symptoms for fault, e in entries.items()}
    for fault, e in entries.items():
        if e.family in CAUSING and e.check.asks is None and fault not in brought:
            found[fault] = (*found[fault], *(t for t in TROUBLE if t not in found[fault]))
    return found


def ask(entry: Entry, runs: Runs) -> Finding:
    """The finding of one check, with what the check declares filled in.

    A judgement that raises is a defect of trainloud: the answer is unknown and says so.
    """
    check = entry.check
    try:
        found = check.judge(runs)
    except Exception as error:
        found = unknown(f"the check itself failed: {type(error).__name__}: {error}")
    return declared(found, check.fault, check.severity, check.basis, entry.explanation.section("Remedy"))
