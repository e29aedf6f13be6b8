"""findings.json of an inspection: the contract of `trainloud check`, with the data's own parts added."""

from typing import Any

from trainloud import __version__
from trainloud.core.example import Exhibit
from trainloud.core.finding import Finding
from trainloud.core.inspection import Inspection
from trainloud.core.jsonable import encode
from trainloud.report.result import SCHEMA, flat


def to_contract(inspection: Inspection) -> dict[str, Any]:
    """Plain JSON values; pictures are left out (they stand in inspection.json)."""
    contract: dict[str, Any] = encode(
        {
            "schema": SCHEMA,
            "tool": "trainloud",
            "version": __version__,
            "command": ("inspect", *inspection.command),
            "data": {
                **inspection.recognised.__dict__,
                "shape": inspection.shape,
                "splits": inspection.splits,
                "classes": inspection.classes,
                "notes": inspection.notes,
            },
            "checks": [{"fault": a.fault, "outcome": a.outcome, "reason": a.measured} for a in inspection.answers],
            "findings": [_finding(f, cause) for f, cause in flat(inspection.findings)],
            "questions": [encode(q) for q in inspection.questions],
            "axes": [{**encode(a), "outliers": _exhibit(a.outliers) if a.outliers else None} for a in inspection.axes],
            "seconds": inspection.seconds,
            "exit": {"code": inspection.exit_code, "reason": inspection.exit_reason},
        }
    )
    return contract


def _finding(finding: Finding, cause: str) -> dict[str, Any]:
    entry = {
        "fault": finding.fault,
        "severity": finding.severity,
        "basis": finding.basis,
        "where": None,
        "measured": finding.measured,
        "expected": finding.expected,
        "evidence": finding.evidence,
        "remedy": finding.remedy,
        "exhibits": [_exhibit(e) for e in finding.exhibits],
    }
    return entry | ({"explained_by": cause} if cause else {})


def _exhibit(exhibit: Exhibit) -> dict[str, Any]:
    keep = ("row", "split", "name", "label", "note")
    examples = [{k: getattr(e, k) for k in keep} for e in exhibit.examples]
    return {"caption": exhibit.caption, "total": exhibit.total, "examples": examples}
