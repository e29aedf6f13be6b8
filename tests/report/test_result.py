"""Order, folding, and the JSON contract."""

import json
from dataclasses import replace

import pytest

from report import sample
from trainloud import __version__
from trainloud.core.finding import Finding, fired
from trainloud.core.place import Place
from trainloud.report.result import flat, order, to_contract


def finding(fault: str, severity="error", basis="proof", step: int | None = 0) -> Finding:
    return replace(fired(f"{fault} measured", "expected", first_step=step), fault=fault, severity=severity, basis=basis)


def shape(findings) -> list:
    return [(f.fault, [s.fault for s in f.symptoms]) if f.symptoms else f.fault for f in findings]


def test_severity_then_basis_then_step_then_name():
    expected = [
        finding("b", "error", "proof", 0),
        finding("c", "error", "proof", 0),
        finding("a", "error", "proof", 3),
        finding("z", "error", "proof", None),
        finding("y", "error", "experiment", 0),
        finding("x", "warning", "proof", 0),
        finding("w", "warning", "heuristic", 0),
        finding("v", "note", "proof", 0),
    ]
    assert order(expected[::-1], {}) == tuple(expected)
    assert order(expected[3:] + expected[:3], {}) == tuple(expected)


def test_a_symptom_is_folded_under_its_cause():
    fired_here = [finding("symptom", step=0), finding("cause", step=9), finding("other", step=5)]
    assert shape(order(fired_here, {"cause": ("symptom", "absent")})) == ["other", ("cause", ["symptom"])]


def test_a_chain_is_folded_under_its_root():
    chain = {"root": ("middle",), "middle": ("leaf",)}
    fired_here = [finding("leaf"), finding("middle"), finding("root")]
    assert shape(order(fired_here, chain)) == [("root", ["leaf", "middle"])]


def test_a_chain_with_a_link_that_did_not_fire_does_not_fold():
    assert shape(order([finding("leaf"), finding("root")], {"root": ("middle",), "middle": ("leaf",)})) == [
        "leaf",
        "root",
    ]


@pytest.mark.parametrize("turn", range(3))
def test_in_a_cycle_the_most_important_is_the_cause(turn):
    cycle = {"a": ("b",), "b": ("c",), "c": ("a",)}
    fired_here = [finding("a", step=2), finding("b", step=0), finding("c", step=1)]
    assert shape(order(fired_here[turn:] + fired_here[:turn], cycle)) == [("b", ["c", "a"])]


def test_a_fault_that_names_itself_stays():
    assert shape(order([finding("a")], {"a": ("a",)})) == ["a"]


def test_a_proven_error_is_never_folded_under_a_heuristic():
    guess = finding("guess", "warning", "heuristic")
    assert shape(order([guess, finding("proven")], {"guess": ("proven",)})) == ["proven", "guess"]
    tried = finding("tried", "error", "experiment")
    assert shape(order([guess, tried], {"guess": ("tried",)})) == [("guess", ["tried"])]


def test_a_proven_error_stays_although_a_folded_finding_explains_it():
    fired_here = [finding("guess", "warning", "heuristic"), finding("tried", "error", "experiment"), finding("proven")]
    declared = {"guess": ("tried",), "tried": ("proven",)}
    assert shape(order(fired_here, declared)) == ["proven", ("guess", ["tried"])]


def test_nothing_is_folded_under_a_note():
    fired_here = [finding("note", "note"), finding("warning", "warning"), finding("smaller", "note")]
    assert shape(order(fired_here, {"note": ("warning", "smaller")})) == ["warning", "note", "smaller"]


def test_the_direct_cause_is_preferred():
    declared = {"first": ("second",), "second": (), "near": ("leaf",)}
    fired_here = [finding("first"), finding("near", "warning"), finding("leaf", "warning")]
    assert shape(order(fired_here, declared)) == ["first", ("near", ["leaf"])]


def test_no_finding_is_lost_or_doubled():
    names = [f"f{i}" for i in range(12)]
    declared = {n: (names[(i * 5 + 1) % 12], names[(i * 7 + 3) % 12]) for i, n in enumerate(names)}
    kinds = [("error", "proof"), ("warning", "heuristic"), ("note", "proof"), ("error", "experiment")]
    fired_here = [finding(n, *kinds[i % 4], step=i) for i, n in enumerate(names)]
    assert sorted(f.fault for f, _ in flat(order(fired_here, declared))) == sorted(names)


def test_contract_has_exactly_the_keys_of_the_design():
    contract = to_contract(sample.result())
    assert list(contract) == ["schema", "tool", "version", "command", "checks", "findings", "experiments", "exit"]
    assert contract["schema"] == 1 and contract["tool"] == "trainloud" and contract["version"] == __version__
    assert contract["command"] == ["trainloud", "check", "train.py", "--lr", "0.1"]
    assert contract["exit"] == {"code": 1, "reason": "3 findings, the worst an error"}
    assert contract["findings"][0] == {
        "fault": "softmax-before-cross-entropy",
        "severity": "error",
        "basis": "proof",
        "where": {"file": "train.py", "line": 15},
        "first_step": 0,
        "measured": sample.SOFTMAX.measured,
        "expected": sample.SOFTMAX.expected,
        "evidence": {"row_sums": [0.9999998, 1.0000002], "floor": 1.4612},
        "remedy": sample.SOFTMAX.remedy,
    }


def test_contract_lists_symptoms_after_their_cause():
    found = to_contract(sample.result())["findings"]
    assert [(f["fault"], f.get("explained_by")) for f in found] == [
        ("softmax-before-cross-entropy", None),
        ("final-bias-not-initialised", "softmax-before-cross-entropy"),
        ("bias-before-batchnorm", None),
    ]


def test_contract_lists_every_check_with_its_reason():
    result = sample.result(findings=(), suppressed=((sample.SOFTMAX, "the paper does so"), (sample.BIAS, "")))
    checks = {c["fault"]: c for c in to_contract(result)["checks"]}
    assert len(checks) == 11
    assert checks["scheduler-misused"] == {
        "fault": "scheduler-misused",
        "outcome": "unknown",
        "reason": "no schedule was made",
    }
    assert checks["input-not-scaled"]["reason"] == "mean 0.13, std 0.98 of (64, 1, 16, 16) at the door"
    assert checks["final-bias-not-initialised"]["reason"] == (
        "ignored by the person (no reason given): loss 2.41 at step 0"
    )
    assert checks["softmax-before-cross-entropy"]["reason"].startswith("ignored by the person (the paper does so): ")


def test_contract_is_strict_json():
    odd = replace(sample.SOFTMAX, evidence={"a": float("nan"), "b": [float("inf"), {"c": float("-inf")}], 3: (1, 2)})
    text = json.dumps(to_contract(sample.result(findings=(odd,))), allow_nan=False)
    assert json.loads(text)["findings"][0]["evidence"] == {"a": "nan", "b": ["inf", {"c": "-inf"}], "3": [1, 2]}


@pytest.mark.parametrize(
    "file, shown",
    [
        ("/home/someone/project/train.py", "train.py"),
        ("/home/someone/project/models/net.py", "models/net.py"),
        ("/home/someone/project2/train.py", "/home/someone/project2/train.py"),
        ("/elsewhere/train.py", "/elsewhere/train.py"),
    ],
)
def test_files_are_relative_to_the_working_directory_when_below_it(file, shown):
    result = sample.result()
    assert result.at(Place(file, 3)) == f"{shown}:3"
    assert replace(result, trace=None).at(Place(file, 3)) == f"{file}:3"
    assert result.at(None) == ""
