"""Traces survive what happens to files: round trip, cut lines, unknown fields."""

import json
import math
from pathlib import Path

from trainloud.core.place import Place
from trainloud.core.records import Activation, LossCall, Origin, Start, Step, Tensor
from trainloud.core.trace import Trace, line_of, read_run, unpack_labels, unpack_prints

START = Start(("train.py",), "/work", "3.11", "2.13", "cpu", 1)
STEP = Step(0, 0.5, 0, 2.25, 1, 0, (0.1,), (1.0, 3.5), 2)


def test_records_come_back_as_they_were() -> None:
    activation = Activation(3, 0, 1, "relu", Place("/a.py", 7, "f"), "Net", 64, 0.5, 0.25, 0.0, 100)
    trace = Trace.of([START, STEP, activation])
    assert trace.steps == (STEP,)
    assert trace.all(Activation) == (activation,)
    assert trace.start == START


def test_numbers_that_are_not_finite_survive_as_strict_json() -> None:
    step = Step(0, 0.5, 0, float("nan"), 1, 0, (float("inf"),))
    line = line_of(step)
    json.loads(line, parse_constant=lambda name: (_ for _ in ()).throw(AssertionError(name)))
    back = Trace([json.loads(line)]).steps[0]
    assert back.loss is not None
    assert math.isnan(back.loss)
    assert back.rates == (float("inf"),)


def test_a_last_line_cut_by_a_kill_is_left_out(tmp_path: Path) -> None:
    whole = line_of(START) + "\n" + line_of(STEP) + "\n"
    (tmp_path / "1.jsonl").write_text(whole + line_of(STEP)[:40])
    (trace,) = read_run(tmp_path)
    assert len(trace.steps) == 1


def test_fields_of_a_newer_version_are_passed_over() -> None:
    raw = json.loads(line_of(Tensor("x", (2, 3), "float32"))) | {"colour": "red"}
    assert Trace([raw]).all(Tensor)[0].shape == (2, 3)


def test_the_process_with_most_steps_comes_first(tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_text(line_of(START) + "\n")
    (tmp_path / "2.jsonl").write_text(line_of(START) + "\n" + line_of(STEP) + "\n")
    (tmp_path / "3.jsonl").write_text("not a trace\n")
    traces = read_run(tmp_path)
    assert [len(t.steps) for t in traces] == [1, 0]


def test_packed_values_come_back() -> None:
    from trainloud.stage.fingerprint import packed

    assert list(unpack_prints(packed([1, -(2**62)], "q"))) == [1, -(2**62)]
    assert list(unpack_labels(packed([1.5, 0.0], "f"))) == [1.5, 0.0]


def test_nested_optional_records() -> None:
    call = LossCall(0, "train", "mse_loss", None, 0.5, 4, 4)
    assert Trace.of([call]).all(LossCall) == (call,)
    assert Trace.of([Origin("relu", Place("/a", 1))]).all(Origin)[0].where == Place("/a", 1)
