"""The page: what it says, that it stands alone, and that nothing of the script's becomes markup."""

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from report import sample
from trainloud import __version__
from trainloud.core.check import Explanation
from trainloud.core.place import Place
from trainloud.core.records import Door, End, LossSample, Network, Pass, Prediction, Start, Step, Tensor, Unseen
from trainloud.core.trace import Trace
from trainloud.report import doors, html, pages
from trainloud.report.figures import chance_level, dynamics, evaluations, loss_figure, mean_loss, running_mean

EVIL = "<script>alert(1)</script>"
VOID = {"meta", "img", "br", "link", "input", "hr"}
INLINE = {"a", "code", "em", "span", "strong"}


class Page(HTMLParser):
    """Collects tags and text and demands that every tag is closed."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.text += "" if tag in INLINE else " "
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html.render(sample.result()))


def test_the_verdict_comes_first(page):
    verdict = "3 of 11 checks fired, softmax-before-cross-entropy first of all; 4 passed, 4 could not judge."
    assert html.verdict(sample.result()) == verdict
    assert f"trainloud {__version__} {verdict} command trainloud check train.py --lr 0.1 directory" in page.words


@pytest.mark.parametrize(
    "answers, ignored, verdict",
    [
        (sample.PASSED, (), "Nothing fired in 4 checks: 4 passed, 0 could not judge."),
        (sample.UNKNOWN, (), "Nothing could be judged, and that is not a pass: 4 checks, 0 passed, 4 could not judge."),
        (
            (sample.NOTE, *sample.PASSED[:1]),
            ((sample.NOTE, "known"),),
            "Nothing fired in 2 checks: 1 passed, 0 could not judge, 1 ignored by you.",
        ),
    ],
)
def test_the_other_verdicts(answers, ignored, verdict):
    assert html.verdict(sample.result(findings=(), answers=answers, suppressed=ignored)) == verdict


def test_a_run_without_a_single_answer():
    blank = sample.result(findings=(), answers=(), exit_code=3, exit_reason="no optimiser step was seen", trace=None)
    assert html.verdict(blank) == "Nothing was judged, and that is not a pass: no optimiser step was seen."


def test_a_finding_shows_its_number_and_its_remedy(page):
    assert (
        "error softmax-before-cross-entropy train.py:15 proof Measured every row of the loss's input (64, 10) sums to "
        "1.000 and none is below 0: probabilities, at train.py:15 Since optimiser step 0 Expected logits:"
    ) in page.words
    assert "Evidence row_sums [0.9999998, 1.0000002] floor 1.461 Also explained by this: final-bias-not" in page.words
    assert "trainloud explain softmax-before-cross-entropy" in page.words


def test_unknown_and_passed_stand_apart_with_their_reasons(page):
    assert "4 could not judge check why not checkpoint-not-loaded no state dict was loaded" in page.words
    assert "4 passed check measured input-not-scaled mean 0.13, std 0.98 of (64, 1, 16, 16) at the door" in page.words


def test_how_to_run_again(page):
    assert "Run again cd /home/someone/project trainloud check train.py --lr 0.1" in page.words
    assert html.again(("train.py", "a b")) == "trainloud check train.py 'a b'"


def test_the_page_stands_alone(page):
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object")
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,"))
        assert not any(name.startswith("on") for name in attributes)
    text = html.render(sample.result())
    assert len(text) < 2_000_000 and "url(" not in text and "@import" not in text and "http://" not in text


def test_links_and_labels_meet_their_targets(page):
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    used = [a["href"][1:] for _, a in page.tags if a.get("href", "").startswith("#")]
    used += [a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a]
    assert used and set(used) <= set(ids)


def test_pictures_and_charts_have_words_for_those_who_do_not_see_them(page):
    assert all(a["alt"] for tag, a in page.tags if tag == "img")
    charts = [a for tag, a in page.tags if tag == "svg" and a["class"].startswith("chart")]
    assert len(charts) == 10 and all(a["role"] == "img" and a["aria-label"] for a in charts)
    assert ("html", {"lang": "en"}) in page.tags
    assert sum(tag == "summary" for tag, _ in page.tags) == sum(tag == "details" for tag, _ in page.tags)


def hostile() -> Trace:
    where = Place(f"{sample.DIRECTORY}/{EVIL}.py", 3)
    tensor = Tensor(EVIL, (2, 3), EVIL)
    values = sample.floats([math.nan, 1, 2, 3, 4, 5])
    return Trace.of(
        [
            Start((EVIL,), EVIL, EVIL, EVIL, EVIL, 1),
            Network(0, 0, EVIL, where, where, (), (), (), ()),
            Door(0, 0, "train", (tensor,), ((1, 2, 3, 4),), (tensor,), None, None, True, values, (2, 3)),
            Step(0, 0.0, 0, 1.0, 1, 0, (0.1,)),
            Pass(0, 0, 1, where, 1, 2, False, False, True, 1, ((0.5, 2),), (), (EVIL,), where),
            Prediction(0, 0, ((1.0, math.nan), (math.inf, 2.0)), (2, 2)),
            Unseen(EVIL, where),
            End(1.0, 1, exception=EVIL),
        ]
    )


def test_nothing_of_the_scripts_becomes_markup():
    where = Place(f"/x/{EVIL}.py", 3)
    odd = replace(
        sample.SOFTMAX, fault=EVIL, measured=EVIL, expected=EVIL, remedy=EVIL, where=where, evidence={EVIL: [EVIL]}
    )
    result = sample.result(
        findings=(replace(odd, symptoms=(odd,)),),
        answers=(odd, *(replace(a, measured=EVIL, fault=EVIL) for a in (*sample.PASSED, *sample.UNKNOWN))),
        suppressed=((odd, EVIL),),
        command=(EVIL,),
        exit_reason=EVIL,
        trace=hostile(),
    )
    text = html.render(result, {EVIL: Explanation(f"{EVIL}\n\nWhy it matters: {EVIL}\n")})
    page = Page(text)
    assert "script" not in {tag for tag, _ in page.tags}
    assert "<script" not in text.lower() and text.count("&lt;script&gt;") > 30


def test_a_run_without_a_trace_still_gives_a_page():
    page = Page(html.render(sample.result(trace=None)))
    assert "No loss was seen in this run." in page.words
    assert "No batch was kept at a network's door." in page.words
    assert "No predictions were recorded in this run." in page.words


def test_a_run_cut_short_is_said():
    cut = Trace.of([r for r in sample.records() if not isinstance(r, End)])
    assert html.ending(cut) == "The run did not end by itself: its trace stops after 400 optimiser steps."
    assert html.ending(hostile()) == f"The script ended with an exception after 1 optimiser steps: {EVIL}"
    assert html.ending(Trace.of(sample.records())) == ""


def test_write(tmp_path):
    html.write(sample.result(), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == html.render(sample.result())


def place_name(place) -> str:
    return f"{place.file.rsplit('/', 1)[-1]}:{place.line}" if place else "-"


def test_the_loss_chart_has_training_evaluation_and_chance():
    figure = loss_figure(Trace.of(sample.records()), place_name)
    assert [c.name for c in figure.wide.curves] == [
        "training loss",
        "training loss, mean of 8 steps",
        "evaluation loss (train.py:40)",
    ]
    assert [name for _, name in figure.wide.levels] == ["best constant 2.3"]
    assert figure.notes == (
        "Chance line: cross_entropy of the best constant prediction for each batch, median over 4 batches.",
    )


def test_the_chance_line_of_classes_is_taken_over_all_batches():
    one_sided = [
        replace(r, counts=(8, 0) if r.step % 2 else (0, 8), best_constant=0.0) if isinstance(r, LossSample) else r
        for r in sample.records()
    ]
    level, note = chance_level(Trace.of(one_sided))
    assert level.y == pytest.approx(math.log(2)) and level.name == "best constant 0.6931"
    assert note == "Chance line: cross_entropy of the class frequencies over the targets of 4 batches."
    assert chance_level(changed(LossSample, counts=(), best_constant=0.5))[0].y == 0.5


def test_evaluation_loss_is_weighted_by_targets():
    (first, *_) = Trace.of(sample.records()).passes
    assert mean_loss(replace(first, losses=((1.0, 30), (4.0, 10)))) == 1.75
    assert mean_loss(replace(first, losses=())) is None
    table = evaluations(Trace.of(sample.records()), place_name)
    assert table.rows[0][:3] == ("100", "train.py:40", "100") and table.rows[0][4:] == ("0.7", "eval")


def changed(kind, **values) -> Trace:
    return Trace.of([replace(r, **values) if isinstance(r, kind) else r for r in sample.records()])


def test_no_chance_line_where_it_cannot_be_compared():
    assert chance_level(changed(LossSample, value=77.0)) == (
        None,
        "No chance line: the script's loss is not the loss function's value alone.",
    )
    assert chance_level(changed(LossSample, best_constant=None))[0] is None
    two = Trace.of([*sample.records(), *(replace(r, kind="mse_loss") for r in sample.records()
                                         if isinstance(r, LossSample))])  # fmt: skip
    assert chance_level(two) == (None, "No chance line: the script trains on more than one loss function.")


def test_losses_that_are_not_finite_are_counted():
    broken = Trace.of(replace(r, loss=math.nan) if isinstance(r, Step) and r.index % 4 == 0 else r
                      for r in sample.records())  # fmt: skip
    assert "100 of 400 losses are not finite or not seen: gaps." in loss_figure(broken, place_name).notes
    assert loss_figure(changed(Step, loss=None), place_name).wide.curves[2].path
    assert loss_figure(Trace(()), place_name) is None


def test_running_mean_skips_what_is_not_finite():
    assert running_mean([1.0, 3.0, math.nan, 5.0, None, 7.0], 3) == [1.0, 2.0, None, 4.0, None, 6.0]


def test_predictions_are_one_chart_an_example_on_one_scale():
    (group,) = dynamics(Trace.of(sample.records()))
    assert [c.title for c in group.charts] == [f"Example {e}: output {e} ends highest" for e in range(8)]
    assert len({c.y_ticks for c in group.charts}) == 1
    assert group.charts[3].curves[-1].name == "output 3", "the highest is drawn on top"


@pytest.mark.parametrize(
    "shape, view",
    [
        ((4, 1, 28, 28), (28, 28, 1, False, False, False)),
        ((4, 3, 32, 20), (32, 20, 3, False, False, False)),
        ((4, 32, 20, 3), (32, 20, 3, True, False, False)),
        ((4, 16, 7, 7), (7, 7, 1, False, False, False)),
        ((4, 28, 28), (28, 28, 1, False, False, False)),
        ((4, 50, 6), (50, 6, 1, False, True, True)),
        ((4, 2, 400), (2, 400, 1, False, True, False)),
        ((4, 784), (28, 28, 1, False, False, False)),
        ((4, 100), (10, 10, 1, False, False, False)),
        ((4, 40), (1, 40, 1, False, True, False)),
    ],
)
def test_how_an_input_is_drawn(shape, view):
    found = doors.choose_view(shape)
    assert (found.height, found.width, found.channels, found.channels_last, found.heat, found.turned) == view


@pytest.mark.parametrize("shape", [(8,), (8, 1), (8, 16)])
def test_few_features_are_shown_as_numbers(shape):
    assert doors.choose_view(shape) is None
    values = sample.floats(range(math.prod(shape)))
    (entry,) = doors.entries(Trace.of([Door(0, 0, "train", (), (), (), None, None, True, values, shape)]))
    assert entry.numbers.rows[1][:2] == ("1", str(shape[1] if len(shape) == 2 else 1))


def test_a_sample_that_does_not_fit_its_shape_is_left_out():
    door = Door(0, 0, "train", (), (), (), None, None, True, sample.floats([1, 2, 3]), (1, 1, 2, 2))
    (entry,) = doors.entries(Trace.of([door]))
    assert entry.pictures == () and entry.numbers is None


def test_pictures_stop_at_the_budget(monkeypatch):
    monkeypatch.setattr(doors, "BUDGET", 1500)
    first, second = doors.entries(Trace.of(sample.records()))
    assert 0 < len(first.pictures) < 6 and first.left_out == 6 - len(first.pictures)
    assert second.left_out + len(second.pictures) == 6


def test_a_middle_slice_of_a_volume_is_drawn():
    values = [float(d) for _ in range(2) for d in range(5) for _ in range(16)]  # (example, channel 1, depth, 4, 4)
    door = Door(0, 0, "train", (), (), (), None, None, True, sample.floats(values), (2, 1, 5, 4, 4))
    (entry,) = doors.entries(Trace.of([door]))
    assert [(p.low, p.high) for p in entry.pictures] == [(2.0, 2.0)] * 2
    assert entry.caption == "Channel 0 of 1, slice 2 of 5, 4 x 4."


def test_evidence_is_short_and_json():
    long = replace(sample.SOFTMAX, evidence={"n": list(range(1000)), "bad": [math.nan], "yes": True})
    page = Page(html.render(sample.result(findings=(long,))))
    assert re.search(r"\.\.\. \(4,890 characters\)", page.words)
    assert 'bad ["nan"] yes true' in page.words
    assert json.loads(pages.short([1, {"a": None}])) == [1, {"a": None}]
