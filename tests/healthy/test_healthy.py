"""Sound scripts of many kinds: whoever wrote them must not be bothered. No finding above a note."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from laws.twice import environment
from trainloud.core.records import End
from trainloud.core.trace import read_run

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
NEEDS = {"lightning_new_user": ["lightning"], "hf_trainer_new_user": ["transformers", "accelerate"]}
# Weights changed without torch.optim: there is no optimiser whose steps could be counted.
WITHOUT_OPTIMIZER = {"manual_updates"}
TIME_LIMIT = 180  # seconds


def check(script: Path, out: Path) -> tuple[dict, subprocess.CompletedProcess[str]]:
    command = [sys.executable, "-m", "trainloud", "check", "--format", "json", "--out", str(out), str(script)]
    done = subprocess.run(
        command,
        cwd=out.parent,
        env=environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=TIME_LIMIT,
    )
    saved = out / "findings.json"
    assert saved.exists(), f"exit code {done.returncode}\n{done.stderr[-3000:]}"
    return json.loads(saved.read_text()), done


def described(finding: dict) -> str:
    where = finding.get("where") or {}
    return "\n".join(
        [
            f"{finding['severity']} {finding['fault']} at {where.get('file')}:{where.get('line')}",
            f"  measured: {finding['measured']}",
            f"  expected: {finding['expected']}",
            f"  evidence: {finding['evidence']}",
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_no_false_alarm(script: Path, tmp_path: Path):
    for package in NEEDS.get(script.stem, ()):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed, so the script that uses it was not run")
    saved, done = check(script, tmp_path / "out")
    alarms = [f for f in saved["findings"] if f["severity"] in ("error", "warning")]
    assert not alarms, "\n" + "\n".join(described(f) for f in alarms)
    codes = {0, 3} if script.stem in WITHOUT_OPTIMIZER else {0}
    assert done.returncode in codes, f"{saved['exit']}\n{done.stderr[-3000:]}"

    traces = read_run(tmp_path / "out" / "traces" / "watched")
    steps = sum(len(t.steps) for t in traces)
    if script.stem in WITHOUT_OPTIMIZER:
        end = traces[0].last(End)
        assert end is not None
        assert end.backwards > 1000
        assert end.moved is not False
    else:
        assert steps >= 8, f"only {steps} optimiser steps were seen"
        answered = [c for c in saved["checks"] if c["outcome"] == "passed"]
        assert len(answered) >= 5, f"hardly anything was judged: {saved['checks']}"


def test_there_are_scripts_of_many_kinds():
    assert len(SCRIPTS) >= 30
    assert {Path(__file__).parent / "scripts" / f"{name}.py" for name in NEEDS} <= set(SCRIPTS)
