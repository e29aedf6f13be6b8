"""Every check against its own two programs: the bad one must be told, the good one must pass."""

import inspect
import json
import os
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path

import pytest

from trainloud.checks.catalogue import Entry, catalogue

LIMIT = 120  # seconds: a program takes about three, a loaded machine more
ENTRIES = [e for e in catalogue().values() if not e.check.needs]
"""Checks that judge the watched run alone."""


def body(function) -> str:
    """The source of a function's body, as a program of its own."""
    lines = inspect.getsource(function).splitlines()
    start = next(i for i, line in enumerate(lines) if line.rstrip().endswith(":")) + 1
    return textwrap.dedent("\n".join(lines[start:])) + "\n"


def run(program: str, folder: Path) -> tuple[dict, str]:
    """The findings of `trainloud check` on a program, and what it wrote to stderr."""
    script, out = folder / "program.py", folder / "out"
    script.write_text(program)
    command = [sys.executable, "-m", "trainloud", "check", "--format", "json", "--out", str(out), str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT)
    told = out / "findings.json"
    assert told.exists(), f"exit code {done.returncode}\n{done.stderr[-3000:]}"
    return json.loads(told.read_text()), done.stderr[-3000:]


def flat(findings: list[dict]) -> list[dict]:
    """Findings with the symptoms that are folded under them."""
    return [g for f in findings for g in [f, *flat(f.get("symptoms", []))]]


@cache
def _entry(name: str) -> Entry:
    return catalogue()[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", [e.check.fault for e in ENTRIES])
def test_bad_program_is_told(name: str, tmp_path: Path):
    entry = _entry(name)
    saved, errors = run(body(entry.module.bad), tmp_path)
    found = [f for f in flat(saved["findings"]) if f["fault"] == name]
    answer = next((c for c in saved["checks"] if c["fault"] == name), None)
    assert found, f"{name} did not fire: {answer}\n{errors}"
    accepted = {"error", "warning"} | ({"note"} if entry.check.severity == "note" else set())
    assert found[0]["severity"] in accepted, found[0]
    assert any(c.isdigit() for c in found[0]["measured"]), f"no number in {found[0]['measured']!r}"
    assert found[0]["expected"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [e.check.fault for e in ENTRIES])
def test_good_program_passes(name: str, tmp_path: Path):
    saved, errors = run(body(_entry(name).module.good), tmp_path)
    answer = next(c for c in saved["checks"] if c["fault"] == name)
    assert answer["outcome"] == "passed", f"{answer}\n{errors}"
    alarms = [f for f in flat(saved["findings"]) if f["severity"] in ("error", "warning")]
    assert not alarms, [(f["fault"], f["measured"]) for f in alarms]
