"""Law 3: nothing checked is not a pass. And the exit codes of the contract."""

import json
import sys
from pathlib import Path

import pytest

from laws.twice import Bench, Result, execute

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits.py"
BROKEN = """
    import sys, torch
    from torch import nn

    torch.manual_seed(0)
    x = torch.randn(256, 4)
    y = (x[:, 0] + x[:, 1] ** 2 > 1).long()
    model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2), nn.Softmax(dim=1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(60):
        chosen = torch.randint(0, 256, (32,))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[chosen]), y[chosen])
        loss.backward()
        optimizer.step()
"""
IDLE = """
    import torch
    model = torch.nn.Linear(2, 2)
    print(model(torch.ones(1, 2)).shape)
"""


def check(bench: Bench, *argv: str) -> Result:
    return execute([sys.executable, "-m", "trainloud", "check", "--out", str(bench.out), *argv], bench.watched_home)


def findings(bench: Bench) -> dict:
    return json.loads((bench.out / "findings.json").read_text())


@pytest.mark.parametrize("text", ["", "print('no torch at all')", IDLE], ids=["empty", "no-torch", "forward-only"])
def test_without_an_optimiser_step_nothing_is_judged_and_that_is_said(bench: Bench, text: str):
    bench.write("train.py", text)
    result = check(bench, "train.py")
    assert result.code == 3
    saved = findings(bench)
    assert saved["exit"]["code"] == 3
    reason = saved["exit"]["reason"]
    assert reason.startswith("nothing was judged")
    assert "no optimiser step" in reason or "never trained" in reason
    assert reason in " ".join(result.err.split())
    assert not [c for c in saved["checks"] if c["outcome"] == "passed"]
    assert all(c["reason"] for c in saved["checks"] if c["outcome"] == "unknown")


@pytest.mark.parametrize("command", ["check", "watch"])
@pytest.mark.parametrize(
    "argv, word",
    [(["nowhere.py"], "nowhere.py"), ([], "SCRIPT"), (["--no-such-option", "train.py"], "--no-such-option")],
)
def test_wrong_use_is_2(bench: Bench, command: str, argv: list[str], word: str):
    bench.write("train.py", BROKEN)
    result = execute([sys.executable, "-m", "trainloud", command, *argv], bench.watched_home)
    assert result.code == 2
    assert "Traceback" not in result.err
    assert word in result.err


def test_a_fault_is_1_and_the_finding_carries_its_number(bench: Bench):
    bench.write("train.py", BROKEN)
    result = check(bench, "train.py")
    assert result.code == 1
    saved = findings(bench)
    assert saved["schema"] == 1
    assert saved["tool"] == "trainloud"
    assert saved["command"][-1] == "train.py"
    assert saved["exit"]["code"] == 1
    first = saved["findings"][0]
    assert (first["fault"], first["severity"]) == ("softmax-before-cross-entropy", "error")
    assert Path(first["where"]["file"]).name == "train.py"
    assert first["where"]["line"] == 13
    assert all(first[key] for key in ("measured", "expected", "remedy", "basis"))
    assert "train.py:13" in result.err
    assert "softmax-before-cross-entropy" in result.err
    outcomes = {c["fault"]: c["outcome"] for c in saved["checks"]}
    assert outcomes["softmax-before-cross-entropy"] == "fired"
    assert set(outcomes.values()) <= {"fired", "passed", "unknown"}


def test_the_contract_holds_for_a_script_that_fails_by_itself(bench: Bench):
    bench.write("train.py", BROKEN + "    sys.exit(5)\n")
    assert check(bench, "train.py").code == 5
    assert findings(bench)["findings"]  # what was seen is judged all the same
    bench.write("train.py", BROKEN + "    raise ValueError('late')\n")
    result = check(bench, "train.py")
    assert result.code == 1
    assert "ValueError: late" in result.err
    assert findings(bench)["exit"]["code"] == 1


def test_watch_has_the_code_of_the_script_whatever_is_wrong_with_it(bench: Bench):
    bench.write("train.py", BROKEN)
    assert bench.watched("train.py").code == 0
    bench.write("train.py", IDLE)
    assert bench.watched("train.py").code == 0


def test_selection_decides_what_counts(bench: Bench):
    bench.write("train.py", BROKEN)
    name = "softmax-before-cross-entropy"
    assert check(bench, "--select", name, "train.py").code == 1
    assert [c["fault"] for c in findings(bench)["checks"]] == [name]
    check(bench, "--ignore", name, "train.py")
    assert name not in {f["fault"] for f in findings(bench)["findings"]}
    assert (
        execute(
            [sys.executable, "-m", "trainloud", "check", "--select", "no-such", "train.py"], bench.watched_home
        ).code
        == 2
    )


def test_same_script_same_findings(bench: Bench):
    bench.write("train.py", BROKEN)
    seen = []
    for _ in range(2):
        check(bench, "train.py")
        seen.append({k: v for k, v in findings(bench).items() if k in ("checks", "findings", "exit")})
    assert seen[0] == seen[1]


@pytest.mark.slow
def test_the_example_has_its_one_fault_and_no_other(bench: Bench):
    result = check(bench, str(EXAMPLE))
    assert result.code == 1
    assert [f["fault"] for f in findings(bench)["findings"] if f["severity"] != "note"] == [
        "softmax-before-cross-entropy"
    ]
    assert (bench.out / "report.html").read_text().lstrip().lower().startswith("<!doctype html>")
