"""An inspection as text, as a page and in a notebook: what it says, and that nothing of the data becomes markup."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from report.test_html import EVIL, Page
from trainloud.core.answer import Answer, Point, Prediction
from trainloud.core.check import Explanation
from trainloud.core.example import Example, Exhibit
from trainloud.core.finding import Finding, declared, fired, passed, unknown
from trainloud.core.inspection import Axis, Inspection, Recognised
from trainloud.core.jsonable import decode, encode
from trainloud.report import inspection_html, inspection_text
from trainloud.report.inspection_contract import to_contract

PIXEL = "data:image/webp;base64,AAAA"


def example(name: str = "train/cat/0001.jpg", **more) -> Example:
    return Example(7, "train", name, "cat", "0.91 like its twin", **more)


LEAK = declared(
    fired(
        "28 of 3,000 test examples are also in train",
        "no example in two splits",
        exhibits=(Exhibit("the same picture", (example(picture=PIXEL), example(picture=PIXEL)), 2),),
        rows=28,
    ),
    "train-validation-leak", "error", "proof", "Drop them from train.",
)  # fmt: skip
NOTE = declared(fired("136 sizes", "one size"), "uneven-sizes", "note", "proof", "Resize.")
PASSED = declared(passed("0 of 18,000 files cannot be decoded"), "undecodable-files", "error", "proof", "")
UNKNOWN = declared(unknown("there is one split"), "split-drift", "warning", "experiment", "")
DETAIL = Answer(
    "detail", "Does detail matter?", "yes", "At 8 px the probe keeps 0.85 (0.82 to 0.88).", "Do not downsample.",
    0.85, 0.82, 0.88, "share kept",
    (Point("8 px", 0.5, 0.48, 0.52, 8.0), Point("32 px", 0.6, 0.58, 0.62, 32.0)),
    "side in pixels", "accuracy", 0.1, 0.6, (Prediction("input-size=8", "validation accuracy", "down", -9.0, -5.0),),
)  # fmt: skip
AXIS = Axis(
    "brightness", "grey levels of 255", 18_000, 2, (0, 1, 2, 3, 4, 5, 6, 7, 8), (0.0, 4.0, 8.0),
    {"train": (10, 30), "test": (5, 5)}, Exhibit("far out", (example(picture=PIXEL),), 3),
)  # fmt: skip


def inspection(**changes) -> Inspection:
    base = Inspection(
        ("images.tar.gz", "--target", "clean"),
        Recognised("images", "classes", "class", "", "10 folders with images below train and test", "tar.gz of images"),
        {"train": 15_000, "test": 3_000},
        {"cat": {"train": 1500, "test": 300}, "dog": {"train": 1500, "test": 300}},
        "32 x 32 pixels",
        (LEAK, NOTE, PASSED, UNKNOWN),
        (LEAK, NOTE),
        (DETAIL,),
        (AXIS,),
        (Exhibit("cat", (example(picture=PIXEL),), 1500),),
        ("a sample of 12,000",),
        {"measuring": 2.5},
        exit_code=1,
        exit_reason="1 finding at or above warning",
    )
    return replace(base, **changes)


def as_text(given: Inspection, verbose: bool = False) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    inspection_text.render(given, console, verbose)
    return console.file.getvalue()


def test_the_terminal_says_first_what_the_data_was_taken_for():
    lines = as_text(inspection()).splitlines()
    assert lines[1] == "taken for images, classes in 'class' (2), stored as tar.gz of images"
    assert lines[2] == "18,000 examples (train 15,000, test 3,000), 32 x 32 pixels"
    assert lines[3] == "10 folders with images below train and test"


def test_the_terminal_shows_findings_with_examples_then_notes_then_answers():
    text = as_text(inspection())
    places = [
        text.index(words)
        for words in (
            "error  train-validation-leak  (proof)",
            "measured  28 of 3,000 test examples",
            "examples  the same picture: train/cat/0001.jpg (cat, 0.91 like its twin)",
            "note  uneven-sizes: 136 sizes",
            "Does detail matter?  yes",
            "so: Do not downsample.",
            "4 inspectors: 2 fired, 1 passed, 1 could not judge; 1 question; 2.5 s",
            "exit code 1: 1 finding at or above warning",
        )
    ]
    assert places == sorted(places)


def test_what_could_not_be_judged_is_no_pass():
    text = as_text(inspection(answers=(UNKNOWN,), findings=(), questions=()))
    assert "Nothing could be judged. This is not a pass." in text
    assert inspection_html.verdict(inspection(answers=(UNKNOWN,), findings=())) == (
        "Nothing could be judged, and that is not a pass: 1 inspector, 0 passed, 1 could not judge."
    )


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        ((LEAK, NOTE), "2 of 4 inspectors fired, train-validation-leak first of all; 1 passed, 1 could not judge."),
        ((NOTE,), "Nothing serious: 2 of 4 inspectors left a note; 1 passed, 1 could not judge."),
    ],
)
def test_the_verdict_is_one_sentence_with_numbers(findings, words):
    assert inspection_html.verdict(inspection(findings=findings)) == words


def test_the_page_shows_pictures_charts_and_numbers():
    text = inspection_html.render(inspection())
    page = Page(text)
    assert "Does detail matter?" in page.words and "Do not downsample." in page.words
    assert text.count(PIXEL) == 4, "two of the finding, one outlier, one of the class"
    assert "1,500 (50.0%)" in page.words
    assert (
        "train-validation-leak" in page.words and "Asked and passed" in page.words and "Could not judge" in page.words
    )
    assert text.count('<svg class="chart') == 2, "one question with numeric conditions, one axis"
    assert "validation accuracy goes down, by -9 to -5" in " ".join(page.words.split())


def test_nothing_of_the_data_becomes_markup():
    odd = Example(1, EVIL, EVIL, EVIL, EVIL, "", EVIL)
    exhibit = Exhibit(EVIL, (odd,), 2)
    finding = replace(LEAK, measured=EVIL, expected=EVIL, remedy=EVIL, evidence={EVIL: EVIL}, exhibits=(exhibit,))
    axis = replace(AXIS, name=EVIL, unit=EVIL, counts={EVIL: (1, 2)}, outliers=exhibit)
    answer = replace(DETAIL, question=EVIL, statement=EVIL, follows=EVIL, axis=EVIL, metric=EVIL,
                     points=(Point(EVIL, 1, 1, 1),))  # fmt: skip
    given = inspection(
        command=(EVIL,), recognised=Recognised("text", "classes", EVIL, EVIL, EVIL, EVIL), splits={EVIL: 3},
        classes={EVIL: {EVIL: 3}}, shape=EVIL, findings=(finding,), questions=(answer,), axes=(axis,),
        samples=(exhibit,), notes=(EVIL,), answers=(finding, replace(PASSED, measured=EVIL)),
    )  # fmt: skip
    known = {"train-validation-leak": Explanation(f"{EVIL}\n\nWhy it matters: {EVIL}\n")}
    for text in (inspection_html.render(given, known), inspection_html.notebook(given)):
        assert "<script" not in text.lower() and text.count("&lt;script&gt;") > 5


def test_the_short_form_stays_small():
    many = tuple(Exhibit("c", tuple(example(picture=PIXEL + "A" * 9000) for _ in range(6)), 6) for _ in range(8))
    text = inspection_html.notebook(inspection(samples=many))
    assert "28 of 3,000 test examples" in text and "<img" in text
    assert len(text.encode()) <= 60_000


def test_json_round_trip_and_contract():
    given = inspection()
    assert decode(Inspection, json.loads(json.dumps(encode(given)))) == given
    told = to_contract(given)
    assert told["checks"][2] == {
        "fault": "undecodable-files", "outcome": "passed", "reason": "0 of 18,000 files cannot be decoded",
    }  # fmt: skip
    assert told["findings"][0]["exhibits"][0]["examples"][0] == {
        "row": 7, "split": "train", "name": "train/cat/0001.jpg", "label": "cat", "note": "0.91 like its twin",
    }  # fmt: skip
    assert PIXEL not in json.dumps(told)
    assert told["questions"][0]["verdict"] == "yes" and told["exit"]["code"] == 1


def test_control_characters_do_not_reach_the_terminal():
    bad = Example(0, "train", "a\x1b[31mred\n.png")
    finding = replace(LEAK, exhibits=(Exhibit("x", (bad,), 1),))
    assert isinstance(finding, Finding)
    assert "\x1b" not in as_text(inspection(findings=(finding,)))
