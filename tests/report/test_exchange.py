"""GitHub annotations and SARIF."""

import json
from dataclasses import replace

from report import sample
from trainloud.core.check import Explanation
from trainloud.core.place import Place
from trainloud.core.records import End
from trainloud.core.trace import Trace
from trainloud.report import github
from trainloud.report.sarif import to_sarif


def test_github_lines():
    assert github.lines(sample.result())[1:] == (
        "::warning file=train.py,line=22,title=final-bias-not-initialised (heuristic)::measured: loss 2.41 at step 0"
        "%0Aexpected: 2.303 of the best constant%0Afix: Set the last bias to the log of the class frequencies."
        "%0Aexplained by softmax-before-cross-entropy",
        "::notice file=train.py,line=9,title=bias-before-batchnorm (proof)::measured: conv1.bias enters bn1, which"
        " removes it%0Aexpected: a convolution with bias=False%0Afix: Pass bias=False.",
    )


def test_github_escapes_what_would_end_a_property_or_a_command():
    where = Place(f"{sample.DIRECTORY}/a,b:c%.py", 1)
    odd = replace(sample.SOFTMAX, measured="50 %: a,b\r\n::error::x", expected="", remedy="", where=where)
    assert github.lines(sample.result(findings=(odd,))) == (
        "::error file=a%2Cb%3Ac%25.py,line=1,title=softmax-before-cross-entropy (proof)"
        "::measured: 50 %25: a,b%0D%0A::error::x",
    )


def test_github_without_a_place():
    bare = replace(sample.SOFTMAX, where=None, expected="", remedy="", measured="m")
    assert (
        github.render(sample.result(findings=(bare,)))
        == "::error title=softmax-before-cross-entropy (proof)::measured: m\n"
    )


def run(**changes) -> dict:
    log = to_sarif(sample.result(**changes))
    json.dumps(log, allow_nan=False)
    assert log["version"] == "2.1.0" and len(log["runs"]) == 1
    return log["runs"][0]


def test_sarif_results_point_at_their_rules_and_lines():
    found = run()
    rules = found["tool"]["driver"]["rules"]
    assert [rules[r["ruleIndex"]]["id"] for r in found["results"]] == [r["ruleId"] for r in found["results"]]
    assert [(r["ruleId"], r["level"]) for r in found["results"]] == [
        ("softmax-before-cross-entropy", "error"),
        ("final-bias-not-initialised", "warning"),
        ("bias-before-batchnorm", "note"),
    ]
    assert found["results"][0]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "train.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 15},
    }
    assert found["originalUriBaseIds"] == {"%SRCROOT%": {"uri": "file:///home/someone/project/"}}
    assert found["results"][1]["properties"]["explained_by"] == "softmax-before-cross-entropy"


def test_sarif_escapes_file_names():
    below = replace(sample.SOFTMAX, where=Place(f"{sample.DIRECTORY}/a b/<x>.py", 1))
    outside = replace(sample.SOFTMAX, where=Place("/else where/x.py", 1))
    uris = [
        r["locations"][0]["physicalLocation"]["artifactLocation"] for r in run(findings=(below, outside))["results"]
    ]
    assert uris == [{"uri": "a%20b/%3Cx%3E.py", "uriBaseId": "%SRCROOT%"}, {"uri": "file:///else%20where/x.py"}]


def test_sarif_says_what_could_not_be_judged():
    (invocation,) = run()["invocations"]
    assert invocation["exitCode"] == 1 and invocation["executionSuccessful"]
    assert [n["message"]["text"] for n in invocation["toolExecutionNotifications"]][:2] == [
        "checkpoint-not-loaded could not judge: no state dict was loaded",
        "best-checkpoint-aliased could not judge: no state dict was saved",
    ]
    assert not run(exit_code=3)["invocations"][0]["executionSuccessful"]
    crashed = Trace.of([End(1.0, 3, exception="ValueError: x")])
    assert not run(trace=crashed)["invocations"][0]["executionSuccessful"]


def test_sarif_keeps_ignored_findings_as_suppressed():
    found = run(findings=(), suppressed=((sample.SOFTMAX, "as in the paper"),))
    assert found["results"][0]["suppressions"] == [{"kind": "inSource", "justification": "as in the paper"}]


def test_sarif_rules_carry_the_documentation():
    text = "Is it a probability?\n\nWhy it matters: flat gradients.\n\nRemedy: return logits.\n"
    log = to_sarif(sample.result(), {"softmax-before-cross-entropy": Explanation(text)})
    rules = {r["id"]: r for r in log["runs"][0]["tool"]["driver"]["rules"]}
    assert rules["softmax-before-cross-entropy"]["shortDescription"] == {"text": "Is it a probability?"}
    assert rules["softmax-before-cross-entropy"]["fullDescription"] == {"text": "flat gradients."}
    assert rules["softmax-before-cross-entropy"]["help"] == {"text": "return logits."}
    assert rules["dead-relu"]["help"] == {"text": "See: trainloud explain dead-relu"}
