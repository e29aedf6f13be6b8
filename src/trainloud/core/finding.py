"""What a check answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from trainloud.core.example import Exhibit
from trainloud.core.place import Place

Outcome = Literal["fired", "passed", "unknown"]
Severity = Literal["error", "warning", "note"]
Basis = Literal["proof", "experiment", "heuristic"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")  # worst first
BASES: tuple[Basis, ...] = ("proof", "experiment", "heuristic")  # surest first


@dataclass(frozen=True)
class Finding:
    """The answer of one check on one run.

    A check's `judge` makes one with `fired`, `passed` or `unknown`; the catalogue then fills in what the
    check declares about itself (fault, severity, basis, remedy).
    """

    outcome: Outcome
    measured: str = ""
    """What was measured, with its number and unit; for unknown the reason."""
    expected: str = ""
    """What a sound run would have shown, with its number."""
    where: Place | None = None
    """The line of the person's code to look at; None where no line is to blame."""
    first_step: int | None = None
    """Optimiser step (from 0) at which it showed first."""
    evidence: dict[str, Any] = field(default_factory=dict)
    """The numbers behind `measured`, JSON values only."""
    severity: Severity | None = None
    basis: Basis | None = None
    remedy: str = ""
    fault: str = ""
    symptoms: tuple["Finding", ...] = ()
    """Findings that this one explains, folded under it."""
    exhibits: tuple[Exhibit, ...] = ()
    """Examples of the data that show it; empty for a fault of a script."""


def fired(
    measured: str,
    expected: str,
    where: Place | None = None,
    *,
    first_step: int | None = None,
    severity: Severity | None = None,
    basis: Basis | None = None,
    remedy: str = "",
    exhibits: Sequence[Exhibit] = (),
    **evidence: Any,
) -> Finding:
    """The fault is there. `severity`, `basis` and `remedy` override what the check declares."""
    return Finding(
        "fired",
        measured,
        expected,
        where,
        first_step,
        evidence,
        severity=severity,
        basis=basis,
        remedy=remedy,
        exhibits=tuple(exhibits),
    )


def passed(measured: str, **evidence: Any) -> Finding:
    """The question was asked and the fault is not there; `measured` says with which number."""
    return Finding("passed", measured, evidence=evidence)


def unknown(reason: str) -> Finding:
    """The question could not be answered, and why. Never shown as passed."""
    return Finding("unknown", reason)


def declared(found: Finding, fault: str, severity: Severity, basis: Basis, remedy: str) -> Finding:
    """The finding with what its check or inspector declares filled in; a heuristic is never an error."""
    basis = found.basis or basis
    severity = found.severity or severity
    return replace(
        found,
        fault=fault,
        severity="warning" if basis == "heuristic" and severity == "error" else severity,
        basis=basis,
        remedy=found.remedy or remedy,
    )
