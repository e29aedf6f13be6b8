"""Experiments are bounded, leave nothing behind, and say why they gave no result."""

import os
import time
from pathlib import Path

from trainloud.core.experiment import Experiment
from trainloud.experiments.laboratory import Laboratory, Outcome, Script
from trainloud.stage.launch import environment

TRAIN = """
import torch
from torch import nn
torch.manual_seed(0)
net = nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
def steps(count):
    for _ in range(count):
        loss = net(torch.randn(8, 4)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_a_run_is_cut_after_its_steps(experiment):
    outcome = experiment(TRAIN + "steps(1000)", steps=7)
    assert len(outcome.trace.steps) == 7


def test_a_run_that_does_not_end_is_ended(experiment):
    outcome = experiment(TRAIN + "steps(3)\nwhile True: pass", seconds=2)
    assert outcome.trace is None
    assert "longer than its share" in outcome.reason


def test_what_a_run_has_started_ends_with_it(experiment, tmp_path: Path):
    program = TRAIN + (
        "import os, subprocess\n"
        "child = subprocess.Popen(['sleep', '1000'])\n"
        f"open({str(tmp_path / 'out' / 'traces' / 'repetition' / 'child')!r}, 'w').write(str(child.pid))\n"
        "steps(3)"
    )
    experiment(program)
    child = int((tmp_path / "out" / "traces" / "repetition" / "child").read_text())
    for _ in range(50):
        if not _runs(child):
            return
        time.sleep(0.1)
    raise AssertionError("the child outlived the experiment")


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_memory_is_bounded(experiment, laboratory: Laboratory, monkeypatch):
    monkeypatch.setattr("trainloud.experiments.laboratory._free_memory", lambda: 2**30)
    outcome = experiment(TRAIN + "import time; x = torch.ones(2**29); steps(3); time.sleep(20)")
    assert outcome.trace is None
    assert "memory" in outcome.reason


def test_a_script_that_fails_says_how(experiment):
    outcome = experiment(TRAIN + "steps(3)\nraise RuntimeError('out of luck')")
    assert "exit code 1" in outcome.reason
    assert "out of luck" in outcome.reason


def test_a_script_without_steps_says_so(experiment):
    assert "no optimiser step" in experiment("import torch").reason


def test_standard_input_is_empty_or_the_same_file(experiment, tmp_path: Path, laboratory: Laboratory):
    program = TRAIN + "import sys\ntext = sys.stdin.read()\nassert text == '{}', text\nsteps(3)"
    assert experiment(program.format("")).trace is not None
    words = tmp_path / "words.txt"
    words.write_text("xxthree words")
    script = tmp_path / "program.py"
    script.write_text(program.format("three words"))
    laboratory.script = Script((str(script),), False, str(tmp_path), stdin=(str(words), 2))
    laboratory.begin(Experiment(()), 60, environment(tmp_path / "out" / "traces"))
    while not (outcomes := laboratory.collect(1.0)):
        pass
    assert outcomes[0].trace is not None, outcomes[0].reason


def test_a_module_is_run_as_one(tmp_path: Path, laboratory: Laboratory):
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "other.py").write_text("count = 4")
    (package / "train.py").write_text(
        "from .other import count\n" + TRAIN + "assert __name__ == '__main__'\nsteps(count)"
    )
    laboratory.script, laboratory.folder = Script(("pack.train",), True, str(tmp_path)), tmp_path / "out"
    laboratory.begin(Experiment(()), 60, environment(tmp_path / "out" / "traces"))
    while not (outcomes := laboratory.collect(1.0)):
        pass
    assert outcomes[0].trace is not None, outcomes[0].reason
    assert len(outcomes[0].trace.steps) == 4


def test_preloading_what_starts_a_thread_does_not_spoil_the_forks(tmp_path: Path):
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()"
    )
    script = tmp_path / "program.py"
    script.write_text(TRAIN + "steps(3)")
    os.environ["PYTHONPATH"], before = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}", os.environ.get("PYTHONPATH")
    try:
        with Laboratory(Script((str(script),), False, str(tmp_path)), tmp_path / "out") as made:
            assert made.warm_up(["threaded"])
            made.begin(Experiment(()), 60, environment(tmp_path / "out" / "traces"))
            while not (outcomes := made.collect(1.0)):
                pass
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    assert outcomes[0].trace is not None, outcomes[0].reason


def test_a_run_that_reads_what_the_watched_run_wrote_is_no_repetition(laboratory, tmp_path: Path):
    program = "import os\n" + TRAIN + "if os.path.exists('last.txt'): open('last.txt').read()\nsteps(3)"
    outcome = _again(laboratory, tmp_path, program, began=time.time())
    assert outcome.trace is not None, outcome.reason
    (tmp_path / "last.txt").write_text("3")
    outcome = _again(laboratory, tmp_path, program, began=time.time() - 1)
    assert outcome.trace is None
    assert "it did not start as the watched run did: it read" in outcome.reason
    assert "last.txt, which the watched run had written" in outcome.reason


def test_a_run_finds_its_own_file_after_a_change_of_folder(laboratory, tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    program = (
        "import os\nos.chdir('elsewhere')\nassert os.path.samefile(__file__, '../program.py')\n" + TRAIN + "steps(3)"
    )
    assert _again(laboratory, tmp_path, program).reason == ""


def _again(laboratory: Laboratory, folder: Path, program: str, began: float = 0.0) -> Outcome:
    """Run the program by a relative path, after a watched run that began then."""
    (folder / "program.py").write_text(program)
    os.utime(folder / "program.py", (0, 0))
    laboratory.folder = folder / "out"
    laboratory.script = Script(("program.py",), False, str(folder), began=began)
    laboratory.begin(Experiment(()), 100, environment(folder / "out" / "traces") | {"OMP_NUM_THREADS": "1"})
    while not (outcomes := laboratory.collect(1.0)):
        pass
    return outcomes[0]
