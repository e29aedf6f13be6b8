"""SARIF 2.1.0, the format that code scanning services and editors read."""

import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from trainloud import __version__
from trainloud.core.check import Explanation
from trainloud.core.finding import Finding
from trainloud.core.jsonable import encode
from trainloud.core.place import Place
from trainloud.core.records import End
from trainloud.report.result import Result, flat

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"


def to_sarif(result: Result, explanations: Mapping[str, Explanation] | None = None) -> dict[str, Any]:
    """The SARIF log of one run. `explanations` by fault fill in the rules' descriptions."""
    answers = {a.fault: a for a in (*result.answers, *result.fired)}
    faults = sorted(answers)
    rank = {fault: i for i, fault in enumerate(faults)}
    shown = [_result(result, f, rank[f.fault], cause) for f, cause in flat(result.findings)]
    for finding, why in result.suppressed:
        entry = _result(result, finding, rank.get(finding.fault, -1), "")
        shown.append(entry | {"suppressions": [{"kind": "inSource", "justification": why or "no reason given"}]})
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "trainloud",
                "semanticVersion": __version__,
                "rules": [_rule(answers[f], (explanations or {}).get(f)) for f in faults],
            }
        },
        "invocations": [_invocation(result, rank)],
        "results": shown,
        "columnKind": "unicodeCodePoints",
    }
    if result.directory:
        run["originalUriBaseIds"] = {ROOT: {"uri": _uri(result.directory).rstrip("/") + "/"}}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(answer: Finding, explanation: Explanation | None) -> dict[str, Any]:
    question = explanation.question if explanation else answer.fault.replace("-", " ")
    remedy = (explanation.section("Remedy") if explanation else "") or answer.remedy
    why = explanation.section("Why it matters") if explanation else ""
    rule: dict[str, Any] = {
        "id": answer.fault,
        "shortDescription": {"text": question},
        "help": {"text": remedy or f"See: trainloud explain {answer.fault}"},
        "defaultConfiguration": {"level": answer.severity or "warning"},
    }
    return rule | ({"fullDescription": {"text": why}} if why else {})


def _result(result: Result, finding: Finding, rule: int, cause: str) -> dict[str, Any]:
    text = f"{finding.measured}\nExpected: {finding.expected}" if finding.expected else finding.measured
    properties = {"basis": finding.basis, "first_step": finding.first_step, "evidence": finding.evidence}
    entry: dict[str, Any] = {
        "ruleId": finding.fault,
        "ruleIndex": rule,
        "level": finding.severity or "warning",
        "message": {"text": text or finding.fault},
        "properties": encode(properties | ({"explained_by": cause} if cause else {})),
    }
    return entry | ({"locations": [_location(result, finding.where)]} if finding.where else {})


def _location(result: Result, place: Place) -> dict[str, Any]:
    file = result.file(place)
    artifact = {"uri": _uri(file)} if PurePath(file).is_absolute() else {"uri": quote(file), "uriBaseId": ROOT}
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": artifact, "region": {"startLine": max(place.line, 1)}}
    }
    return location | ({"logicalLocations": [{"name": place.function}]} if place.function else {})


def _invocation(result: Result, rank: Mapping[str, int]) -> dict[str, Any]:
    """How it ended, and every check that could not judge: it must not read as passed."""
    end = result.trace.last(End) if result.trace else None
    failed = end is not None and bool(end.exception)
    return {
        "executionSuccessful": result.exit_code in (0, 1) and not failed,
        "exitCode": result.exit_code,
        "exitCodeDescription": result.exit_reason,
        "commandLine": shlex.join(result.command),
        "toolExecutionNotifications": [
            {
                "level": "note",
                "message": {"text": f"{a.fault} could not judge: {a.measured}"},
                "associatedRule": {"id": a.fault, "index": rank[a.fault]},
            }
            for a in result.unknown
        ],
    }


def _uri(path: str) -> str:
    """A file URI; a path that is not absolute stays relative."""
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(path)
