"""What every renderer reads: the answers of all checks on one run, ordered, and the JSON contract made of them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from trainloud import __version__
from trainloud.core.experiment import Ran
from trainloud.core.finding import BASES, SEVERITIES, Finding
from trainloud.core.jsonable import encode
from trainloud.core.place import Place
from trainloud.core.trace import Trace

SCHEMA = 1


@dataclass(frozen=True)
class Result:
    """The outcome of `trainloud watch` or `check` on one script."""

    command: tuple[str, ...]
    findings: tuple[Finding, ...]
    """Fired only, most important first, symptoms folded under their cause."""
    answers: tuple[Finding, ...]
    """One for each check, whatever its outcome."""
    exit_code: int
    exit_reason: str
    trace: Trace | None = None
    suppressed: tuple[tuple[Finding, str], ...] = ()
    """Fired, but ignored by the person, with the person's reason."""
    experiments: tuple[Ran, ...] = ()
    """Counterfactual runs, in the order in which they ended."""
    no_experiments: str = ""
    """Why there were none, or no more; "" also where none was asked for."""

    @property
    def directory(self) -> str:
        """Working directory of the run; "" if unknown."""
        return self.trace.start.directory if self.trace and self.trace.start else ""

    @property
    def passed(self) -> tuple[Finding, ...]:
        """Those that an experiment answered first: they say the most."""
        found = [a for a in self.answers if a.outcome == "passed"]
        return tuple(sorted(found, key=lambda a: a.basis != "experiment"))

    @property
    def unknown(self) -> tuple[Finding, ...]:
        return tuple(a for a in self.answers if a.outcome == "unknown")

    @property
    def fired(self) -> tuple[Finding, ...]:
        """All fired findings in one row, each symptom after its cause."""
        return tuple(f for f, _ in flat(self.findings))

    def file(self, place: Place) -> str:
        """The file's path, relative to the run's working directory when below it."""
        path = PurePath(place.file)
        if self.directory and path.is_relative_to(self.directory):
            return path.relative_to(self.directory).as_posix()
        return place.file

    def at(self, place: Place | None) -> str:
        """`file:line`, or "" without a place."""
        return f"{self.file(place)}:{place.line}" if place else ""


def flat(findings: Sequence[Finding]) -> Iterator[tuple[Finding, str]]:
    """Each finding with "", then its symptoms, each with the fault that explains it."""
    for finding in findings:
        yield finding, ""
        for symptom in finding.symptoms:
            yield symptom, finding.fault


def importance(finding: Finding) -> tuple[int, int, float, str]:
    """Sort key, most important first: severity, basis, first step, name."""
    severity = SEVERITIES.index(finding.severity) if finding.severity else len(SEVERITIES)
    basis = BASES.index(finding.basis) if finding.basis else len(BASES)
    step = math.inf if finding.first_step is None else finding.first_step
    return severity, basis, step, finding.fault


def order(fired: Sequence[Finding], symptoms: Mapping[str, tuple[str, ...]]) -> tuple[Finding, ...]:
    """Root causes, most important first, with what each explains folded under it.

    `symptoms` maps a fault to the faults that it explains, directly; chains are followed. In a cycle the
    most important finding is the cause. Nothing is folded under a note, and no proven error under a
    heuristic: such a finding stays a root of its own.
    """
    ranked = sorted(fired, key=importance)
    present = {f.fault for f in ranked}
    reach = {fault: _reachable(fault, symptoms, present) for fault in present}

    def explains(cause: Finding, effect: Finding) -> bool:
        return effect.fault in reach[cause.fault] and _may_fold(cause, effect)

    def wins(cause: Finding, effect: Finding) -> bool:
        return explains(cause, effect) and (not explains(effect, cause) or importance(cause) < importance(effect))

    roots: dict[str, bool] = {}

    def is_root(finding: Finding) -> bool:
        if finding.fault not in roots:
            roots[finding.fault] = not any(wins(c, finding) and is_root(c) for c in ranked)
        return roots[finding.fault]

    folded: dict[str, list[Finding]] = {}
    for finding in ranked:
        if not is_root(finding):
            causes = [c for c in ranked if is_root(c) and wins(c, finding)]
            direct = [c for c in causes if finding.fault in symptoms.get(c.fault, ())]
            folded.setdefault((direct or causes)[0].fault, []).append(finding)
    return tuple(replace(f, symptoms=tuple(folded.get(f.fault, ()))) for f in ranked if is_root(f))


def _reachable(fault: str, symptoms: Mapping[str, tuple[str, ...]], present: set[str]) -> set[str]:
    seen: set[str] = set()
    todo = [fault]
    while todo:
        new = (set(symptoms.get(todo.pop(), ())) & present) - seen
        seen |= new
        todo += sorted(new)
    return seen - {fault}


def _may_fold(cause: Finding, effect: Finding) -> bool:
    if cause.severity not in ("error", "warning"):
        return False
    return not (effect.severity == "error" and effect.basis == "proof" and cause.basis == "heuristic")


def to_contract(result: Result) -> dict[str, Any]:
    """The JSON contract (`findings.json`), in plain JSON values: non-finite floats are strings."""
    ignored = {f.fault: why for f, why in result.suppressed}
    contract: dict[str, Any] = encode(
        {
            "schema": SCHEMA,
            "tool": "trainloud",
            "version": __version__,
            "command": result.command,
            "checks": [_check(a, ignored.get(a.fault)) for a in result.answers],
            "findings": [_finding(result, f, cause) for f, cause in flat(result.findings)],
            "experiments": [r.__dict__ for r in result.experiments],
            "exit": {"code": result.exit_code, "reason": result.exit_reason},
        }
    )
    return contract


def _check(answer: Finding, ignored: str | None) -> dict[str, Any]:
    reason = answer.measured
    if answer.outcome == "fired" and ignored is not None:
        reason = f"ignored by the person ({ignored or 'no reason given'}): {reason}"
    return {"fault": answer.fault, "outcome": answer.outcome, "reason": reason}


def _finding(result: Result, finding: Finding, cause: str) -> dict[str, Any]:
    where = {"file": result.file(finding.where), "line": finding.where.line} if finding.where else None
    entry = {
        "fault": finding.fault,
        "severity": finding.severity,
        "basis": finding.basis,
        "where": where,
        "first_step": finding.first_step,
        "measured": finding.measured,
        "expected": finding.expected,
        "evidence": finding.evidence,
        "remedy": finding.remedy,
    }
    return entry | ({"explained_by": cause} if cause else {})
