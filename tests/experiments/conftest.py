from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trainloud.core.experiment import Experiment
from trainloud.experiments.laboratory import Laboratory, Outcome, Script
from trainloud.stage.launch import environment

LIMIT = 120  # seconds, of one run on a loaded machine


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory) -> Iterator[Laboratory]:
    """A warm process for all tests of a file."""
    with Laboratory(Script((), False, ""), tmp_path_factory.mktemp("laboratory")) as made:
        made.at_once, made.threads = 2, 1
        assert made.warm_up(["numpy"])
        yield made


@pytest.fixture
def experiment(laboratory: Laboratory, tmp_path: Path) -> Callable[..., Outcome]:
    """Run a script's text with changes and return what came of it."""

    def run(program: str, *change: str, steps: int = 0, seconds: float = LIMIT, args: tuple[str, ...] = ()) -> Outcome:
        script = tmp_path / "program.py"
        script.write_text(program)
        laboratory.script, laboratory.folder = Script((str(script), *args), False, str(tmp_path)), tmp_path / "out"
        given = environment(tmp_path / "out" / "traces") | {"OMP_NUM_THREADS": "1"}
        laboratory.begin(Experiment(change, steps), seconds, given)
        while True:
            if outcomes := laboratory.collect(1.0):
                return outcomes[0]

    return run
