"""Every check against its own two programs: the bad one must be told, the good one must pass.

The programs run in forks of one warm process, which spares each of them the import of torch.
"""

import inspect
import os
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from trainloud.checks.catalogue import ask, catalogue, explained
from trainloud.core.check import Runs
from trainloud.core.experiment import Experiment
from trainloud.core.finding import Finding
from trainloud.core.trace import read_run
from trainloud.experiments.laboratory import Laboratory, Script
from trainloud.experiments.plan import Plan
from trainloud.report.result import flat, order
from trainloud.stage.launch import environment

LIMIT = 120  # seconds: a program takes about one, a loaded machine more
NAMES = list(catalogue())


def body(function) -> str:
    """The source of a function's body, as a program of its own."""
    lines = inspect.getsource(function).splitlines()
    start = next(i for i, line in enumerate(lines) if line.rstrip().endswith(":")) + 1
    return textwrap.dedent("\n".join(lines[start:])) + "\n"


@dataclass
class Told:
    answers: dict[str, Finding]
    findings: tuple[Finding, ...]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory) -> Iterator[Laboratory]:
    with Laboratory(Script((), False, ""), tmp_path_factory.mktemp("laboratory")) as made:
        made.at_once, made.threads = 1, 1
        assert made.warm_up(["numpy"])
        yield made


def tell(laboratory: Laboratory, program: str, folder: Path, name: str) -> Told:
    """What `trainloud check` finds in a program, with the experiments of one check."""
    script = folder / "program.py"
    script.write_text(program)
    laboratory.script, laboratory.folder = Script((str(script),), False, str(folder)), folder
    given = environment(folder / "traces") | {"OMP_NUM_THREADS": "1"}
    laboratory.begin(Experiment((), 0, "watched"), LIMIT, given, closely=True)
    outcome = None
    while outcome is None:
        outcome = next(iter(laboratory.collect(1.0)), None)
    traces = read_run(folder / "traces" / "repetition")  # also of a program that never steps
    assert traces, outcome.reason
    runs = Runs(traces[0])
    check = catalogue()[name].check
    if check.asks is not None:
        runs = Plan(laboratory, [check], traces[0], LIMIT).carry_out(lambda _question, _done: None, given)
    answers = {n: ask(e, runs) for n, e in catalogue().items()}
    fired = [a for a in answers.values() if a.outcome == "fired"]
    return Told(answers, order(fired, explained()))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_bad_program_is_told(name: str, laboratory: Laboratory, tmp_path: Path):
    entry = catalogue()[name]
    told = tell(laboratory, body(entry.module.bad), tmp_path, name)
    found = [f for f, _ in flat(told.findings) if f.fault == name]
    assert found, f"{name} did not fire: {told.answers[name].measured}"
    accepted = {"error", "warning"} | ({"note"} if entry.check.severity == "note" else set())
    assert found[0].severity in accepted, found[0]
    assert any(c.isdigit() for c in found[0].measured), f"no number in {found[0].measured!r}"
    assert found[0].expected


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_good_program_passes(name: str, laboratory: Laboratory, tmp_path: Path):
    told = tell(laboratory, body(catalogue()[name].module.good), tmp_path, name)
    assert told.answers[name].outcome == "passed", told.answers[name].measured
    alarms = [f for f, _ in flat(told.findings) if f.severity in ("error", "warning")]
    assert not alarms, [(f.fault, f.measured) for f in alarms]


@pytest.mark.parametrize("name", NAMES)
def test_experiments_are_declared(name: str):
    check = catalogue()[name].check
    assert bool(check.needs) <= (check.asks is not None), "interventions are named, but none is asked for"
    assert os.sep not in "".join(check.needs)
