"""GitHub workflow commands: one annotation a finding, on the line of the person's code.

Escaping as in actions/toolkit `packages/core/src/command.ts`: messages escape percent and line ends,
properties also colon and comma.
"""

from trainloud.core.finding import Finding
from trainloud.report.result import Result, flat

LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def lines(result: Result) -> tuple[str, ...]:
    """One `::error file=...,line=...,title=...::message` a finding, symptoms after their cause."""
    return tuple(_line(result, finding, cause) for finding, cause in flat(result.findings))


def render(result: Result) -> str:
    return "".join(line + "\n" for line in lines(result))


def _line(result: Result, finding: Finding, cause: str) -> str:
    properties = {"title": f"{finding.fault} ({finding.basis})"}
    if finding.where:
        properties = {"file": result.file(finding.where), "line": str(finding.where.line)} | properties
    parts = [f"measured: {finding.measured}"]
    parts += [f"expected: {finding.expected}"] if finding.expected else []
    parts += [f"fix: {finding.remedy}"] if finding.remedy else []
    parts += [f"explained by {cause}"] if cause else []
    level = LEVELS[finding.severity or "note"]
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{level} {listed}::{_message(chr(10).join(parts))}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
