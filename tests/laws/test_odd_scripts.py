"""Scripts that do not do as most do: a clear word on what was and was not judged, and the right exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from laws.twice import environment

TRAIN = """
import torch
from torch import nn
torch.manual_seed(0)
x = torch.randn(400, 6)
y = (x.sum(1) > 0).long()
net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
def train(steps):
    for _ in range(steps):
        rows = torch.randint(0, 400, (32,))
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def check(folder: Path, program: str, *options: str, stdin: str | None = None) -> tuple[int, str, dict]:
    """(exit code, what was told, findings.json) of a program."""
    (folder / "train.py").write_text(program)
    command = [sys.executable, "-m", "trainloud", "check", "--budget", "5m", "--out", "out", *options, "train.py"]
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, input=stdin, timeout=200
    )  # fmt: skip
    return done.returncode, done.stderr, json.loads((folder / "out" / "findings.json").read_text())


def answered(saved: dict) -> dict[str, dict]:
    return {c["fault"]: c for c in saved["checks"]}


@pytest.mark.slow
def test_a_script_that_fails_keeps_its_exit_code_and_is_judged_as_far_as_it_got(tmp_path: Path):
    code, told, saved = check(tmp_path, TRAIN + "train(60)\nraise SystemExit(7)")
    assert code == 7
    assert "the script exited with code 7" in told
    assert "no experiments: the script failed" in told
    assert answered(saved)["zero-grad-missing"]["outcome"] == "passed"
    assert answered(saved)["randomness-not-fixed"]["outcome"] == "unknown"


@pytest.mark.slow
def test_a_script_that_never_ends_is_ended_after_its_steps(tmp_path: Path):
    code, told, saved = check(tmp_path, TRAIN + "while True: train(1)", "--stop-after", "120")
    assert code == 0, told
    assert "watched 120 optimiser steps" in told
    assert answered(saved)["input-carries-no-signal"]["outcome"] == "passed"
    assert all(r["steps"] <= 120 for r in saved["experiments"])


@pytest.mark.slow
def test_a_script_whose_children_train_too_is_run_once(tmp_path: Path):
    program = TRAIN + "import os\nchild = os.fork()\ntrain(60)\nif child: os.waitpid(child, 0)"
    code, told, saved = check(tmp_path, program)
    assert code == 0, told
    assert "no experiments: several processes train together" in told
    assert saved["experiments"] == []


@pytest.mark.slow
def test_a_script_that_reads_standard_input_says_why_it_cannot_be_repeated(tmp_path: Path):
    code, told, saved = check(tmp_path, TRAIN + "assert input() == 'bob'\ntrain(60)", stdin="bob\n")
    assert code == 0, told
    assert "EOFError" in told
    answer = answered(saved)["randomness-not-fixed"]
    assert answer["outcome"] == "unknown"
    assert "EOFError" in answer["reason"]


@pytest.mark.slow
def test_time_before_the_first_step_counts_towards_the_budget(tmp_path: Path):
    code, told, saved = check(tmp_path, "import time; time.sleep(3)\n" + TRAIN + "train(60)", "--budget", "1s")
    assert code == 0, told
    assert saved["experiments"] == []
    answer = answered(saved)["randomness-not-fixed"]
    assert answer["outcome"] == "unknown"
    assert "no time was left in the budget" in answer["reason"]


@pytest.mark.slow
def test_nothing_trained_is_said_aloud(tmp_path: Path):
    code, told, saved = check(tmp_path, "import torch\nprint(torch.ones(2))")
    assert code == 3
    assert "nothing was judged" in told
    assert saved["experiments"] == []


@pytest.mark.slow
def test_experiments_leave_the_folder_alone(tmp_path: Path):
    program = TRAIN + (
        "open('log.txt', 'a').write('one run\\n')\ntrain(60)\ntorch.save(net.state_dict(), 'net.pt')\n"
        "import os; os.makedirs('runs', exist_ok=True); open(f'runs/{len(os.listdir(\"runs\"))}', 'w').close()"
    )
    code, told, saved = check(tmp_path, program)
    assert code == 0, told
    assert len(saved["experiments"]) >= 2
    assert (tmp_path / "log.txt").read_text() == "one run\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log.txt", "net.pt", "out", "runs", "train.py"]
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["0"]
