"""The words in the terminal, line by line."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from report import sample
from trainloud.core.check import Explanation
from trainloud.core.finding import passed, unknown
from trainloud.core.place import Place
from trainloud.report.text import Page, explain_text, render


def printed(result, width=80, verbose=False, **options) -> str:
    console = Console(file=io.StringIO(), width=width, **options)
    render(result, console, verbose)
    return console.file.getvalue()


def test_a_finding_reads_like_a_compilers():
    assert printed(sample.result()).splitlines() == [
        "train.py:15  error  softmax-before-cross-entropy  (proof)",
        "    measured  every row of the loss's input (64, 10) sums to 1.000 and none is",
        "              below 0: probabilities, at train.py:15",
        "    since     optimiser step 0",
        "    expected  logits: rows whose exp, not whose values, sum to 1 after the",
        "              loss's own log_softmax",
        "    fix       Return the logits: delete the softmax in train.py:15;",
        "              F.cross_entropy applies log_softmax itself.",
        "    also explained by this: final-bias-not-initialised at train.py:22",
        "    more      trainloud explain softmax-before-cross-entropy",
        "",
        "train.py:9  note  bias-before-batchnorm: conv1.bias enters bn1, which removes it",
        "",
        "11 checks: 3 fired, 4 passed, 4 could not judge",
        "could not judge: 2 because no schedule was made; 2 for a reason of their own",
        "(--verbose)",
        "exit code 1: 3 findings, the worst an error",
    ]


def test_a_symptom_says_its_number_where_there_is_room():
    line = "    also explained by this: final-bias-not-initialised at train.py:22 (loss 2.41 at step 0)"
    assert line in printed(sample.result(), width=120).splitlines()


def test_nothing_fired_says_what_was_asked_with_its_numbers():
    quiet = sample.result(findings=(), answers=sample.PASSED, exit_code=0, exit_reason="")
    assert printed(quiet, width=100).splitlines() == [
        "asked and passed:",
        "    input-not-scaled           mean 0.13, std 0.98 of (64, 1, 16, 16) at the door",
        "    non-finite-values-in-data  0 of 16,384 values in 20 batches are NaN or infinite",
        "    zero-grad-missing          gradients were zero before each of 400 backwards",
        "    dead-relu                  0.4 % of 64 units never active over 1,280 examples",
        "",
        "4 checks: 0 fired, 4 passed, 0 could not judge",
    ]


def test_a_long_list_of_passed_checks_is_cut_and_counted():
    many = tuple(sample.named(passed(f"number {i}"), f"check-{i}") for i in range(15))
    quiet = sample.result(findings=(), answers=many, exit_code=0, exit_reason="")
    lines = printed(quiet).splitlines()
    assert lines[12:14] == ["    check-11  number 11", "    and 3 more: --verbose"]
    assert "    check-14  number 14" in printed(quiet, verbose=True).splitlines()


def test_nothing_judged_is_not_a_pass():
    reason = "no optimiser step was seen"
    blank = tuple(sample.named(unknown(reason), f"check-{i}") for i in range(3))
    result = sample.result(findings=(), answers=blank, exit_code=3, exit_reason=reason)
    assert printed(result).splitlines() == [
        "Nothing could be judged. This is not a pass.",
        "3 checks: 0 fired, 0 passed, 3 could not judge",
        "could not judge: 3 because no optimiser step was seen",
        "exit code 3: no optimiser step was seen",
    ]


def test_rare_reasons_are_counted_together():
    blank = tuple(sample.named(unknown(f"reason {i}"), f"check-{i}") for i in range(5))
    text = printed(sample.result(findings=(), answers=(*sample.PASSED, *blank)), width=200)
    assert "could not judge: 5 for a reason of their own (--verbose)" in text.replace("\n", " ")


def test_one_check_is_singular():
    assert "1 check: 0 fired, 1 passed, 0 could not judge\n" in printed(
        sample.result(findings=(), answers=sample.PASSED[:1])
    )


def test_ignored_findings_are_said():
    text = printed(sample.result(findings=(), suppressed=((sample.SOFTMAX, "as in the paper"),)), width=120)
    assert "train.py:15  ignored  softmax-before-cross-entropy: as in the paper\n" in text
    assert "11 checks: 0 fired, 1 ignored by you, 4 passed, 4 could not judge\n" in text


def test_where_all_that_was_judged_is_ignored_it_was_judged():
    text = printed(sample.result(findings=(), answers=(sample.NOTE,), suppressed=((sample.NOTE, "known"),)))
    assert text.startswith("train.py:9  ignored  bias-before-batchnorm: known\n\n1 check: 0 fired, 1 ignored by you,")


def test_verbose_shows_evidence_and_every_reason():
    text = printed(sample.result(), width=120, verbose=True)
    assert "    evidence  row_sums = [0.9999998, 1.0000002], floor = 1.4612\n" in text
    assert "    scheduler-misused               no schedule was made\n" in text
    assert "conv1.bias enters bn1, which removes it Fix: Pass\n    bias=False.\n" in text


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_places_and_names_are_never_broken(width):
    deep = Place(f"{sample.DIRECTORY}/a folder/" + "deep/" * 12 + "train.py", 15)
    cause = replace(sample.SOFTMAX, where=deep, symptoms=(replace(sample.BIAS, where=deep),))
    result = sample.result(findings=(cause, replace(sample.NOTE, where=deep)))
    lines = printed(result, width=width).splitlines()
    place = result.at(deep)
    assert f"{place}  error  softmax-before-cross-entropy  (proof)" in lines
    assert any(line.startswith(f"    also explained by this: final-bias-not-initialised at {place}") for line in lines)
    assert any(line.startswith(f"{place}  note  bias-before-batchnorm:") for line in lines)


@pytest.mark.parametrize("width", [80, 120])
def test_running_text_stays_within_the_width(width):
    assert max(len(line) for line in printed(sample.result(), width=width, verbose=True).splitlines()) <= width


def test_markup_and_control_codes_of_the_script_are_shown_as_text():
    nasty = replace(sample.SOFTMAX, measured="[bold red]x[/] [/nothing]\x1b[2J\x07 end\nnext", symptoms=())
    text = printed(sample.result(findings=(nasty,)), force_terminal=True, color_system="truecolor")
    assert "[bold red]x[/] [/nothing]?[2J? end next" in text
    assert "\x1b[2J" not in text


def test_colour_only_on_a_terminal():
    assert "\x1b" not in printed(sample.result())
    assert "\x1b[1;31merror\x1b[0m" in printed(sample.result(), force_terminal=True, color_system="standard")


DOCSTRING = """Is the loss's input already a
probability?

Why it matters: two softmaxes flatten the gradient [see the source].

Remedy: return the logits.

Known limits: none known.

Source: torch documentation of cross_entropy.
"""


def test_explain():
    name, how = "softmax-before-cross-entropy", "from one run, without another"
    page = Page(name, "error", "proof", Explanation(DOCSTRING), how, ("final-bias-not-initialised",))
    console = Console(file=io.StringIO(), width=80)
    explain_text(page, console)
    assert console.file.getvalue().splitlines() == [
        "softmax-before-cross-entropy  error  (proof)",
        "",
        "    Is the loss's input already a probability?",
        "",
        "Why it matters",
        "    two softmaxes flatten the gradient [see the source].",
        "",
        "Remedy",
        "    return the logits.",
        "",
        "Known limits",
        "    none known.",
        "",
        "Source",
        "    torch documentation of cross_entropy.",
        "",
        "How it is told",
        "    from one run, without another",
        "    explains also: final-bias-not-initialised",
        "",
    ]
