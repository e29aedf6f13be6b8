"""Wrong labels: planted ones are found and counted, sound data is not blamed, and what cannot be told is refused."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from data.made_tables import survey_of
from trainloud.core.answer import Answer
from trainloud.core.finding import Finding
from trainloud.core.inspection import Recognised
from trainloud.data.cache import Cache
from trainloud.data.dataset import Dataset, Limits
from trainloud.data.inspector import answer, inspectors, judge, questions
from trainloud.data.measure import measure
from trainloud.data.methods.kernel import Components, LeaveOneOut, kernel, width
from trainloud.data.methods.labels import Study, margins, representatives, study
from trainloud.data.methods.noise_rate import easiness, rate, transition
from trainloud.data.methods.statistics import auroc
from trainloud.data.survey import Measured, Survey


def found(survey: Survey) -> Finding:
    answered = judge(inspectors()["labels-noisy"], survey)
    assert "itself failed" not in answered.measured, answered.measured
    return answered


def asked(survey: Survey) -> Answer:
    answered = answer(questions()["label-noise"], survey)
    assert "itself failed" not in answered.statement, answered.statement
    return answered


def flipped(y: np.ndarray, share: float, classes: int, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    wrong = chance.random(len(y)) < share
    return np.where(wrong, (y + chance.integers(1, classes, len(y))) % classes, y)


class Held:
    """Pictures in memory."""

    def __init__(self, pictures: np.ndarray):
        self._pictures = pictures

    def __len__(self) -> int:
        return len(self._pictures)

    def encoded(self, row: int) -> bytes | None:
        return None

    def array(self, row: int) -> np.ndarray:
        return self._pictures[row]


def examples(
    labels: Sequence[object] | np.ndarray,
    kind: str,
    pictures: np.ndarray | None = None,
    text: list[str] | None = None,
    series: np.ndarray | None = None,
    limits: Limits | None = None,
    split: np.ndarray | None = None,
    content: np.ndarray | None = None,
) -> Survey:
    """A survey of pictures, texts or series; a label of None is missing."""
    words = [None if v is None else str(v) for v in labels]
    columns: dict[str, pa.Array] = {"label": pa.array(words, pa.string()).dictionary_encode()}
    if text is not None:
        columns["text"] = pa.array(text, pa.large_string())
    data = Dataset(
        Recognised(kind, "classes", "label"),  # type: ignore[arg-type]
        pa.table(columns),
        np.zeros(len(words), np.int16) if split is None else split.astype(np.int16),
        ("",) if split is None else ("train", "test"),
        "",
        lambda row: f"row {row}",
        {"label": "category"} | ({"text": "text"} if text is not None else {}),  # type: ignore[arg-type]
        text="text" if text is not None else "",
        pictures=None if pictures is None else Held(pictures),
        series=None if series is None else lambda row: series[row],
    )
    limits = limits or Limits()
    if series is not None:
        return Survey(data, Measured(content=content), limits)
    measured = measure(data, limits, Cache(""), lambda *_: None)
    return Survey(data, measured, limits)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """(1797, 16, 16) uint8 pictures and their digits."""
    from sklearn.datasets import load_digits

    held = load_digits()
    return (held.images * 15).astype(np.uint8).repeat(2, axis=1).repeat(2, axis=2), held.target


@pytest.fixture(scope="module")
def planted(digits: tuple[np.ndarray, np.ndarray]) -> tuple[Survey, np.ndarray]:
    """Digits with one label in ten wrong, of which only 1,200 are fitted, and which labels are wrong."""
    pictures, y = digits
    given = flipped(y, 0.1, 10)
    return examples(given, "images", pictures, limits=Limits(probe_rows=1200)), given != y


# the kernel ---------------------------------------------------------------------------------------------------------


def test_leaving_one_out_in_closed_form_is_leaving_one_out() -> None:
    chance = np.random.default_rng(0)
    x, y = chance.normal(size=(40, 5)).astype(np.float32), chance.normal(size=(40, 2)).astype(np.float32)
    between = kernel(x, x, width(x))
    assert between[0, 1] == pytest.approx(1 / (1 + np.square(x[0] - x[1]).sum() / width(x)), rel=1e-4)
    told = LeaveOneOut(between.copy(), 0.3)(y)
    for i in (0, 17, 39):
        rest = np.delete(np.arange(40), i)
        # A free constant: the saddle point system of ridge regression with an unpenalised mean.
        system = np.ones((40, 40))
        system[:39, :39] = between[np.ix_(rest, rest)] + 0.3 * np.eye(39)
        system[39, 39] = 0
        solved = np.linalg.solve(system, np.vstack([y[rest], np.zeros(2)]))
        assert told[i] == pytest.approx(between[i, rest] @ solved[:39] + solved[39], abs=2e-4)


@pytest.mark.parametrize("shape", [(60, 9), (9, 60)])
def test_components_keep_distances_when_nothing_is_whitened(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    x[:, 3] = 7  # constant
    seen = Components.of(x, standardise=False, whitened=0).see(x)
    assert np.linalg.norm(seen[0] - seen[1]) == pytest.approx(np.linalg.norm(x[0] - x[1]), rel=1e-3)


def test_margin_names_the_best_other_class() -> None:
    lead, best = margins(np.array([[0.9, 0.1, 0.0], [0.2, 0.1, 0.7]], np.float32), np.array([0, 0]))
    assert lead == pytest.approx([-0.8, 0.5])
    assert best.tolist() == [1, 2]


# the rate -----------------------------------------------------------------------------------------------------------


def scores_of(rows: int, classes: int, error: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose class is wrong ever less often the larger their gap, and labels that are wrong with `noise`."""
    chance = np.random.default_rng(3)
    place, said = chance.random(rows), chance.integers(0, classes, rows)
    true = np.where(chance.random(rows) < 3 * error * place**2, (said + 1) % classes, said)
    scores = np.zeros((rows, classes), np.float32)
    scores[np.arange(rows), said] = 1.1 - place
    return scores, flipped(true, noise, classes, 4)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.2])
def test_the_interval_holds_the_share_of_wrong_labels(noise: float) -> None:
    told = rate(*scores_of(6000, 5, error=0.2, noise=noise))
    assert told.refused == ""
    assert told.low <= noise <= told.high
    assert told.high - told.low < 0.06 + 1.2 * noise
    assert (min(told.low, told.surest) >= 0.01) == (noise > 0)


def test_with_overlap_the_low_end_is_nothing() -> None:
    assert rate(*scores_of(6000, 5, error=0.2, noise=0.2), overlap=True).low == 0


def test_the_matrix_says_what_classes_are_labelled_as() -> None:
    scores, y = scores_of(9000, 3, error=0.1, noise=0.0)
    y = np.where((y == 0) & (np.random.default_rng(0).random(9000) < 0.3), 2, y)
    matrix, rows = transition(scores, y)
    assert matrix[0] == pytest.approx([0.7, 0, 0.3], abs=0.08)
    assert matrix[1, 1] > 0.95 and rows.min() >= 250


def test_the_clearest_of_each_class_comes_first() -> None:
    best, place = easiness(np.repeat(np.array([[1, 0], [0.6, 0], [0, 0.2], [0, 0.9]]), 20, axis=0))
    assert best[::20].tolist() == [0, 0, 1, 1]
    assert place[0] < place[20] and place[60] < place[40]
    assert place.max() < 1


# pictures -----------------------------------------------------------------------------------------------------------


def test_planted_errors_are_counted_and_ranked_first(planted: tuple[Survey, np.ndarray]) -> None:
    survey, wrong = planted
    told = study(survey)
    assert told.fitted == 1200 and len(told.rows) == 1797  # the rest is judged without being fitted
    assert auroc(told.margin, wrong[told.rows]) > 0.95
    assert wrong[told.rows[:100]].mean() > 0.95
    assert told.rate.low <= wrong.mean() <= told.rate.high
    finding = found(survey)
    assert finding.outcome == "fired"
    assert f"between {told.rate.low:.1%} and {told.rate.high:.1%} of 1,200 labels are wrong (95 %)" in finding.measured
    assert len(finding.evidence["transition"]) == 10
    assert finding.evidence["suspects"][0]["row"] == told.rows[0]
    assert finding.exhibits[0].examples[0].note.startswith("probably ")
    assert len(finding.exhibits[0].examples) == 24


def test_the_suggested_class_is_the_true_one(
    planted: tuple[Survey, np.ndarray], digits: tuple[np.ndarray, np.ndarray]
) -> None:
    survey, wrong = planted
    told = study(survey)
    assert survey.labels is not None
    meant = np.array([int(n) for n in survey.labels[1]])[told.suggested]
    assert (meant == digits[1][told.rows])[wrong[told.rows]].mean() > 0.9


def test_the_question_says_what_follows(planted: tuple[Survey, np.ndarray]) -> None:
    said = asked(planted[0])
    assert said.verdict == "yes"
    assert said.low is not None and said.high is not None and said.value is not None
    assert said.low < said.value < said.high
    assert f"Do not ask for a training error below {said.low:.1%}" in said.follows
    assert {p.direction for p in said.predictions} == {"up"}
    assert len(said.points) == 10


def test_sound_digits_pass(digits: tuple[np.ndarray, np.ndarray]) -> None:
    survey = examples(digits[1], "images", digits[0])
    finding, said = found(survey), asked(survey)
    assert finding.outcome == "passed" and finding.evidence["interval"][0] < 0.005
    assert said.verdict == "no" and "another fault" in said.follows


def test_labels_at_random_are_refused(digits: tuple[np.ndarray, np.ndarray]) -> None:
    shuffled = np.random.default_rng(0).permutation(digits[1])
    survey = examples(shuffled, "images", digits[0])
    assert found(survey).outcome == "unknown" and "not clearly above" in found(survey).measured
    assert asked(survey).verdict == "refused"


def test_other_splits_are_judged_by_the_training_split(digits: tuple[np.ndarray, np.ndarray]) -> None:
    pictures, y = digits
    split = np.arange(len(y)) % 3 == 0
    given = np.where(split, flipped(y, 0.2, 10), y)
    finding = found(examples(given, "images", pictures, split=split))
    test = finding.evidence["splits"]["test"]
    assert finding.outcome == "passed", "the training labels are right"
    assert test["contradicted"] == pytest.approx(0.2 * test["judged"], rel=0.25)


# copies -------------------------------------------------------------------------------------------------------------


def test_copies_do_not_vouch_for_each_other() -> None:
    chance = np.random.default_rng(0)
    y = chance.integers(0, 2, 300)
    x = chance.normal(size=(300, 1, 12)).astype(np.float32) + 3 * y[:, None, None]
    x = np.concatenate([x, np.repeat(x[:1], 5, axis=0)])
    given = np.concatenate([y, np.repeat(1 - y[:1], 5)])  # five copies, all of them labelled otherwise
    given[0] = 1 - y[0]
    content = np.zeros((305, 2), np.uint64)
    content[:, 0] = np.r_[np.arange(1, 301), np.ones(5)]
    survey = examples(given, "series", series=x, content=content)
    assert representatives(survey)[300:].tolist() == [0] * 5
    told = study(survey)
    assert told.fitted == 300
    assert set(told.rows[:6].tolist()) == {0, 300, 301, 302, 303, 304}
    assert told.margin[0] > 0.5


# texts, tables ------------------------------------------------------------------------------------------------------


def sentences(y: np.ndarray) -> list[str]:
    chance = np.random.default_rng(5)
    common = [f"word{i}" for i in range(300)]
    own = [[f"{topic}{i}" for i in range(40)] for topic in ("sport", "trade", "stars")]
    return [" ".join([*chance.choice(common, 8), *chance.choice(own[c], 4)]) for c in y]


@pytest.mark.parametrize("classes", [2, 3])
def test_texts(classes: int) -> None:
    y = np.random.default_rng(0).integers(0, classes, 1500)
    given = flipped(y, 0.15, classes)
    survey = examples(given, "text", text=sentences(y))
    told = study(survey)
    assert auroc(told.margin, (given != y)[told.rows]) > 0.95
    assert told.rate.low <= (given != y).mean() <= told.rate.high
    assert found(survey).outcome == "fired"
    assert found(examples(y, "text", text=sentences(y))).outcome == "passed"


def coins(rows: int = 1500) -> Survey:
    """Heads in four of five throws of one coin and in one of five of another: chance, and no label is wrong."""
    chance = np.random.default_rng(0)
    coin = chance.integers(0, 2, rows)
    y = np.where((chance.random(rows) < 0.8) == coin, "heads", "tails")
    columns = {f"x{i}": chance.normal(size=rows) for i in range(3)}
    return survey_of({"coin": np.array(["a", "b"])[coin], **columns, "y": y}, "y")


def test_chance_in_a_table_is_no_noise() -> None:
    finding, said = found(coins()), asked(coins())
    assert finding.outcome == "passed"
    assert finding.evidence["interval"][0] == 0 and finding.evidence["suspects"]
    assert "equal inputs may rightly have different labels" in finding.measured
    assert said.verdict == "undecided" and said.low == 0


def test_columns_of_all_kinds_are_seen() -> None:
    chance = np.random.default_rng(0)
    y = chance.integers(0, 3, 900)
    word = np.array(["red", "green", "blue"], dtype=object)[np.where(chance.random(900) < 0.9, y, 0)]
    word[chance.random(900) < 0.1] = None
    number = y + 0.3 * chance.normal(size=900)
    number[chance.random(900) < 0.1] = np.nan
    given = flipped(y, 0.1, 3)
    columns = {
        "word": word,
        "number": number,
        "wild": np.exp(9 * chance.normal(size=900)),
        "none": np.full(900, np.nan),
    }
    told = study(survey_of({**columns, "y": np.array(list("abc"))[given]}, "y"))
    assert auroc(told.margin, (given != y)[told.rows]) > 0.95


# what cannot be asked -----------------------------------------------------------------------------------------------


def table(y: Sequence[object], seed: int = 0) -> Survey:
    rows = np.array([level(v) for v in y], np.float64)
    x = rows[:, None] * 2 + np.random.default_rng(seed).normal(size=(len(rows), 4))
    return survey_of({f"x{i}": x[:, i] for i in range(4)} | {"y": np.array(y, dtype=object)}, "y", task="classes")


def level(label: object) -> int:
    return 0 if label is None else ord(str(label)[0]) % 7


@pytest.mark.parametrize(
    "labels, reason",
    [
        (["a", "b", "a"], "3 distinct labelled training rows are too few"),
        ([None] * 200, "0 distinct labelled training rows are too few"),
        (["a"] * 200, "1 of 1 classes have 5 distinct rows"),
        (["a"] * 199 + ["b"], "1 of 2 classes have 5 distinct rows"),
    ],
)
def test_what_cannot_be_asked_is_unknown_with_the_reason(labels: list[object], reason: str) -> None:
    finding, said = found(table(labels)), asked(table(labels))
    assert finding.outcome == "unknown" and reason in finding.measured
    assert said.verdict == "refused" and reason in said.statement


def test_a_class_of_one_row_is_left_out_and_told() -> None:
    finding = found(table(["a", "b"] * 150 + ["c"]))
    assert finding.outcome == "passed"
    assert "(1 were not: too rare a class, unreadable, or too many)" in finding.measured
    assert finding.evidence["classes"] == ["a", "b"]


def test_constant_inputs_are_refused() -> None:
    content = np.arange(1, 401, dtype=np.uint64).reshape(200, 2)
    survey = examples(["a", "b"] * 100, "series", series=np.zeros((200, 1, 8), np.float32), content=content)
    assert found(survey).measured == "the examples do not differ in anything that the probe sees"


def test_little_memory_is_kept_to() -> None:
    y = ["a", "b"] * 400
    survey = table(y)
    survey.limits = Limits(memory=1 << 20)  # room for a kernel of 396 rows
    told: Study = study(survey)
    assert told.fitted == 396 and len(told.rows) == 800


def test_a_number_is_no_class() -> None:
    survey = survey_of({"x": np.arange(200.0), "y": np.arange(200.0)}, "y")
    assert found(survey).measured == "there are no class labels"
