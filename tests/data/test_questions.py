"""The questions on data whose answer is known, because it was made."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from trainloud.core.answer import Answer
from trainloud.core.inspection import Recognised
from trainloud.core.jsonable import decode, encode
from trainloud.data.dataset import Dataset, Limits
from trainloud.data.inspector import answer, questions
from trainloud.data.survey import Measured, Survey

SIDE = 20


class Arrays:
    """Pictures in memory."""

    def __init__(self, images: np.ndarray):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def encoded(self, row: int) -> bytes | None:
        return None

    def array(self, row: int) -> np.ndarray:
        return self.images[row]


def made(kind: str, target: np.ndarray | None, columns: dict, task: str = "classes", **more) -> Survey:
    """A survey of data in memory, without splits."""
    time = more.pop("time", "")
    measured = more.pop("measured", Measured())
    roles = {n: "number" if np.asarray(v).dtype.kind == "f" else "category" for n, v in columns.items()}
    roles |= {more["text"]: "text"} if "text" in more else {}
    cells = {
        n: pa.array(v, pa.large_string() if roles[n] == "text" else pa.float64())
        if roles[n] != "category"
        else pa.array([str(w) for w in v]).dictionary_encode()
        for n, v in columns.items()
    }
    if target is not None:
        number = task in ("number", "forecast")
        cells["y"] = pa.array(target, pa.float64()) if number else pa.array(map(str, target)).dictionary_encode()
        roles["y"] = "number" if number else "category"
    rows = len(next(iter(cells.values())))
    known = Recognised(kind, task, "y" if target is not None else "", time)
    data = Dataset(known, pa.table(cells), np.zeros(rows, np.int16), ("",), "x", lambda r: f"row {r}", roles, **more)
    return Survey(data, measured, Limits())


def pictures(images: np.ndarray, y: np.ndarray) -> Survey:
    side: np.ndarray = np.full(len(images), images.shape[1], np.float32)
    measured = Measured(axes={"width": side, "height": side})
    return made("images", y, {}, pictures=Arrays(images.clip(0, 255).astype(np.uint8)), measured=measured)


def texts(said: list[str], y: np.ndarray) -> Survey:
    return made("text", y, {"text": said}, text="text")


def asked(name: str, survey: Survey) -> Answer:
    found = answer(questions()[name], survey)
    assert "itself failed" not in found.statement, found.statement
    assert decode(Answer, encode(found)) == found
    if found.verdict != "refused":
        assert any(c.isdigit() for c in found.statement) and found.follows
        assert found.low is not None and found.value is not None and found.high is not None
        assert found.low <= found.value <= found.high
        for point in found.points:
            assert point.low <= point.value + 1e-9 and point.value <= point.high + 1e-9, point
    return found


def noise(rows: int, side: int = SIDE, seed: int = 0) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng, rng.normal(100, 8, (rows, side, side)), rng.integers(0, 2, rows)


def blob(image: np.ndarray, top: int, left: int, size: int = 3) -> None:
    image[top : top + size, left : left + size] += 90


def texture(rows: int = 260) -> Survey:
    rng, _, y = noise(rows)
    grain = rng.normal(0, 1, (rows, SIDE, SIDE))
    streaks = np.where(y[:, None, None] == 1, grain + np.roll(grain, 1, 1), grain + np.roll(grain, 1, 2))
    return pictures(128 + 30 * streaks, y)


def place(rows: int = 400) -> Survey:
    rng, images, y = noise(rows)
    for image, right in zip(images, y, strict=True):
        blob(image, rng.integers(0, SIDE - 3), rng.integers(0, SIDE // 2 - 3) + right * SIDE // 2)
    return pictures(images, y)


def relation(rows: int = 1200) -> Survey:
    """Two equal parts far apart: side by side, or one above the other."""
    rng, images, y = noise(rows)
    for image, upright in zip(images, y, strict=True):
        along, across = rng.integers(0, 3), rng.integers(0, SIDE - 3)
        for at in ((along, across), (along + 14, across)):
            blob(image, *(int(a) for a in (at if upright else at[::-1])))
    return pictures(images, y)


def chance(rows: int = 260) -> Survey:
    rng, images, y = noise(rows)
    for image in images:
        blob(image, rng.integers(0, SIDE - 3), rng.integers(0, SIDE - 3))
    return pictures(images, y)


# pictures -----------------------------------------------------------------------------------------------------


def test_a_texture_is_local_and_has_no_place() -> None:
    survey = texture()
    local = asked("local-or-global", survey)
    assert local.verdict == "yes" and "windows of 3 of 20 pixels" in local.statement
    assert "not with attention" in local.follows
    assert asked("position", survey).verdict == "no"
    detail = asked("detail", survey)
    assert detail.verdict == "yes" and detail.high is not None and detail.high < 0.95
    assert detail.predictions[0].ingredient == "input-size=10" and detail.predictions[0].direction == "down"


@pytest.mark.slow
def test_parts_far_apart_need_the_whole_picture() -> None:
    found = asked("local-or-global", relation())
    assert found.verdict == "no" and found.whole is not None and found.whole > 0.9
    assert "receptive field covers the whole picture" in found.follows


@pytest.mark.slow
def test_the_place_of_a_blob_matters_and_its_detail_does_not() -> None:
    survey = place()
    found = asked("position", survey)
    assert found.verdict == "yes" and found.high is not None and found.high < 0.3
    assert found.predictions[0].ingredient == "pooling=average" and found.predictions[0].high < -0.3
    assert asked("local-or-global", survey).verdict == "yes"
    detail = asked("detail", survey)
    assert detail.verdict == "no" and detail.evidence is not None
    spurious = asked("spurious-variation", survey)
    needed = spurious.statement.partition("eeded: ")[2].partition("eeded: ")[2] or spurious.statement
    assert "position" in needed and "left and right" in needed
    assert "Do not augment: horizontal-flip" in spurious.follows
    flip = next(p for p in spurious.predictions if p.ingredient == "augmentation=horizontal-flip")
    assert flip.direction == "down" and flip.high < -0.2


@pytest.mark.slow
def test_light_that_tells_nothing_is_spurious() -> None:
    rng, images, y = noise(500)
    for image, kind in zip(images, y, strict=True):
        top, left = rng.integers(0, SIDE - 8, 2)
        image[top : top + (8 if kind else 3), left : left + (3 if kind else 8)] += 60
    images = images + rng.uniform(-60, 60, (500, 1, 1))
    found = asked("spurious-variation", pictures(images, y))
    assert found.verdict == "yes" and "brightness" in found.statement.partition("needed: ")[2]
    assert "same mean" in found.follows
    variation = asked("variation", pictures(images, y))
    shares = {p.condition: p for p in variation.points}
    truth = 1200 / (1200 + 64 + 60**2 * 24 / 400)  # variance of the light against that of noise and bars
    assert shares["brightness"].low - 0.05 < truth < shares["brightness"].high + 0.1


def test_labels_that_mean_nothing_are_refused() -> None:
    survey = chance()
    for name in ("local-or-global", "spurious-variation", "position", "detail"):
        found = asked(name, survey)
        assert found.verdict == "refused" and "not clearly above it" in found.statement, found
        assert found.follows.startswith("Nothing follows") and not found.predictions
    assert asked("variation", survey).verdict != "refused"  # it needs no labels


def test_few_pictures_are_refused_and_not_guessed_at() -> None:
    survey = texture(40)
    assert "40 labelled training rows are too few" in asked("position", survey).statement


def test_pictures_without_labels() -> None:
    images = noise(120)[1]
    survey = pictures(images, np.zeros(120, int))
    survey.data.recognised = replace(survey.data.recognised, task="none", target="")
    assert "no target" in asked("detail", survey).statement
    assert asked("variation", survey).value is not None


@pytest.mark.parametrize("side", [1, 2, 3, 5])
def test_tiny_pictures_do_not_break_the_questions(side: int) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    images = np.clip(rng.normal(0, 10, (200, side, side, 3)) + 60 * y[:, None, None, None], 0, 255)
    for name in ("local-or-global", "variation", "spurious-variation", "position", "detail"):
        asked(name, pictures(images, y))


@pytest.mark.slow
def test_enlarged_digits_lose_nothing_down_to_their_own_size() -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    some = np.arange(0, 1797, 2)
    images = np.kron(digits.images[some] * 15.9, np.ones((4, 4)))
    found = asked("detail", pictures(images, digits.target[some]))
    assert found.verdict == "no" and found.evidence is not None
    kept = {p.condition: found.evidence["kept"].get(p.condition) for p in found.points}
    assert kept["pictures of 8 pixels"][1] >= 0.95 > kept["pictures of 4 pixels"][2] - 0.03
    assert kept["pictures of 2 pixels"][2] < 0.8


def membranes(rows: int = 24, side: int = 60, wide: int = 0) -> Survey:
    """A mask that is 255 where the picture is bright; with `wide` where the mean of so many pixels around is."""
    rng = np.random.default_rng(0)
    images = rng.normal(120, 40, (rows, side, side)).clip(0, 255)
    light = images
    if wide:
        kernel = np.fft.rfft2(np.pad(np.ones((wide, wide)), ((0, side - wide), (0, side - wide))))
        light = np.fft.irfft2(np.fft.rfft2(images) * kernel, (side, side))
        light = np.roll(light, -(wide // 2), (1, 2))
    masks = np.where(light > np.median(light), 255, 0)
    extent: np.ndarray = np.full(rows, side, np.float32)
    measured = Measured(axes={"width": extent, "height": extent})
    more = {"pictures": Arrays(images.astype(np.uint8)), "masks": Arrays(masks.astype(np.uint8)), "measured": measured}
    return made("images", None, {"n": np.arange(float(rows))}, "segmentation", **more)


@pytest.mark.slow
def test_a_mask_that_is_told_by_its_own_pixel() -> None:
    survey = membranes()
    found = asked("local-or-global", survey)
    assert found.verdict == "yes" and "the 3 pixels around" in found.statement
    assert "places" in asked("position", survey).statement
    assert asked("detail", survey).verdict == "yes"


@pytest.mark.slow
def test_a_mask_that_is_told_by_what_lies_around() -> None:
    survey = membranes(wide=15)
    found = asked("local-or-global", survey)
    points = {p.condition: p for p in found.points}
    assert points["the 3 pixels around"].high < points["the 9 pixels around"].low < points["the 17 pixels around"].value
    assert asked("detail", survey).verdict == "no"
    spurious = asked("spurious-variation", survey)
    assert not any("shift" in p.ingredient or "centred" in p.ingredient for p in spurious.predictions)


# texts --------------------------------------------------------------------------------------------------------

WORDS = np.array([f"w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(200)])


def sentences(rows: int, seed: int = 0) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng, WORDS[rng.integers(0, len(WORDS), (rows, 20))].astype(object), rng.integers(0, 2, rows)


def test_the_order_of_two_words_is_no_bag_of_words() -> None:
    rng, said, y = sentences(1200)
    for row, first in zip(said, y, strict=True):
        a, b = np.sort(rng.choice(20, 2, replace=False))
        row[a], row[b] = ("alpha", "beta") if first else ("beta", "alpha")
    survey = texts([" ".join(r) for r in said], y)
    found = asked("local-or-global", survey)
    assert found.verdict == "no" and found.whole is not None and found.whole > 0.9
    assert found.points[0].condition == "single words in random order" and found.points[0].high < 0.6
    assert "reads the sequence" in found.follows


def test_words_alone_are_a_bag_of_words() -> None:
    rng, _, y = sentences(800)
    said = [" ".join(WORDS[rng.integers(0, 150, 20) + 50 * k]) for k in y]
    survey = texts(said, y)
    found = asked("local-or-global", survey)
    assert found.verdict == "yes" and "bag of words" in found.follows
    assert asked("position", survey).verdict == "no"
    detail = asked("detail", survey)
    assert detail.verdict == "yes" and "Keep all 200 words" in detail.follows


def test_where_a_word_stands() -> None:
    rng, said, y = sentences(800)
    for row, late in zip(said, y, strict=True):
        row[rng.integers(0, 8) + 12 * late] = "alpha"
    found = asked("position", texts([" ".join(r) for r in said], y))
    assert found.verdict == "yes" and found.predictions[0].high < -0.3


def test_letter_case_that_tells_nothing_and_case_that_tells_all() -> None:
    rng, _, y = sentences(600)
    said = [" ".join(WORDS[rng.integers(0, 150, 20) + 50 * k]) for k in y]
    odd = [" ".join(w.upper() if rng.random() < 0.5 else w for w in s.split()) for s in said]
    found = asked("spurious-variation", texts(odd, y))
    assert found.verdict == "yes" and "lower case" in found.follows
    loud = [s.upper() if k else s for s, k in zip([" ".join(r) for r in sentences(600)[1]], y, strict=True)]
    found = asked("spurious-variation", texts(loud, y))
    assert "needed: letter case (" in found.statement.lower() and "lower case" not in found.follows


def test_texts_whose_labels_mean_nothing() -> None:
    _, said, y = sentences(600)
    survey = texts([" ".join(r) for r in said], y)
    for name in ("local-or-global", "position", "detail", "spurious-variation"):
        assert asked(name, survey).verdict == "refused"


def test_a_rare_class_is_measured_by_balanced_accuracy() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(1500) < 0.06).astype(int)
    said = [" ".join(WORDS[rng.integers(0, 150, 20) + 50 * k]) for k in y]
    found = asked("local-or-global", texts(said, y))
    assert found.metric == "balanced accuracy" and found.chance == pytest.approx(0.5, abs=0.01)
    assert found.verdict == "yes"


# tables -------------------------------------------------------------------------------------------------------


def table(rows: int = 900, seed: int = 0) -> tuple[np.random.Generator, dict]:
    rng = np.random.default_rng(seed)
    columns = {f"x{i}": rng.normal(size=rows) for i in range(5)}
    return rng, columns | {"word": rng.choice(["red", "green", "blue"], rows)}


def test_columns_that_add_up() -> None:
    rng, columns = table()
    y = columns["x0"] + np.sin(2 * columns["x1"]) + (columns["word"] == "red") + rng.normal(0, 0.3, 900)
    survey = made("table", y, columns, "number")
    found = asked("local-or-global", survey)
    assert found.verdict == "yes" and found.metric == "R squared" and "linear" in found.follows
    spurious = asked("spurious-variation", survey)
    assert spurious.verdict == "yes"
    assert {n for n in ("'x2'", "'x3'", "'x4'") if n in spurious.follows} == {"'x2'", "'x3'", "'x4'"}
    assert not any(n in spurious.follows for n in ("'x0'", "'x1'", "'word'"))


def test_columns_that_must_be_combined() -> None:
    _, columns = table()
    y = ((columns["x0"] > 0) ^ (columns["x1"] > 0)).astype(int)
    found = asked("local-or-global", made("table", y, columns))
    assert found.verdict == "no" and "Columns must be combined" in found.follows
    assert found.predictions[0].ingredient == "model=linear-on-bins" and found.predictions[0].high < -0.2


def test_levels_of_a_number() -> None:
    _, columns = table()
    y = (columns["x0"] > np.median(columns["x0"])).astype(int)
    found = asked("detail", made("table", y, columns))
    assert found.verdict == "no" and "numbers in 2 quantile levels" in found.statement.lower()


def test_one_column_that_tells_all_is_questioned() -> None:
    _, columns = table()
    y = columns["x3"] * 2 + 1
    found = asked("spurious-variation", made("table", y, columns, "number"))
    assert found.follows.startswith("Ask first whether 'x3' will be known when a prediction is made")


def test_a_table_without_signal_is_refused() -> None:
    rng, columns = table(800)
    for task, y in (("classes", rng.integers(0, 2, 800)), ("number", rng.normal(size=800))):
        survey = made("table", y, columns, task)
        for name in ("local-or-global", "detail", "spurious-variation"):
            assert asked(name, survey).verdict == "refused"


def test_many_columns_of_noise_are_refused() -> None:
    """The strongest of them are chosen on rows that then have no part in the experiment."""
    rng = np.random.default_rng(0)
    columns = {f"x{i}": rng.normal(size=600) for i in range(300)}
    assert asked("local-or-global", made("table", rng.integers(0, 2, 600), columns)).verdict == "refused"


def test_words_that_add_up_to_a_number() -> None:
    rng, said, _ = sentences(800)
    worth = dict(zip(WORDS, rng.normal(size=len(WORDS)), strict=True))
    y = np.array([sum(worth[w] for w in row) for row in said])
    survey = made("text", y, {"text": [" ".join(row) for row in said]}, "number", text="text")
    found = asked("local-or-global", survey)
    assert found.verdict == "yes" and found.metric == "R squared" and found.whole is not None and found.whole > 0.5


def test_dimension_of_a_table() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.random((1500, 2))
    mixed = hidden @ rng.normal(size=(2, 8))
    survey = made("table", None, {f"x{i}": mixed[:, i] for i in range(8)}, "none")
    found = asked("variation", survey)
    assert found.verdict == "yes" and found.low is not None and found.high is not None
    assert found.low < 2.2 and found.high > 1.8 and found.high < 2.6


# series -------------------------------------------------------------------------------------------------------


def series(rows: int, steps: int, seed: int = 0) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng, rng.normal(size=(rows, 2, steps)).astype(np.float32), rng.integers(0, 2, rows)


def of_series(x: list[np.ndarray], y: np.ndarray) -> Survey:
    return made("series", y, {}, series=lambda row: x[row])


def test_a_ripple_is_local_and_has_no_place() -> None:
    _, x, y = series(300, 60)
    wave = np.where(np.arange(60) % 2, 1, -1)
    x[:, 0] += 1.2 * np.where(y[:, None] == 1, wave, np.repeat(wave, 2)[:60])
    survey = of_series(list(x), y)
    found = asked("local-or-global", survey)
    assert found.verdict == "yes" and found.predictions[0].ingredient in ("receptive-field=3", "receptive-field=5")
    assert asked("position", survey).verdict == "no"
    points = {p.condition: p for p in asked("detail", survey).points}
    assert points["series in means of 4 steps"].high < 0.7 < 0.9 < points["series in means of 2 steps"].low


def test_when_something_happens() -> None:
    rng, x, y = series(400, 60)
    for one, late in zip(x, y, strict=True):
        at = rng.integers(2, 22) + 32 * late
        one[0, at : at + 4] += 4
    survey = of_series([one[:, : rng.integers(56, 61)] for one in x], y)
    found = asked("position", survey)
    assert found.verdict == "yes" and "Keep the time axis" in found.follows


def test_the_level_of_a_series_is_spurious() -> None:
    rng, x, y = series(300, 40)
    x[:, 0] += np.where(y[:, None] == 1, 1, -1) * np.linspace(-2, 2, 40)
    x += rng.normal(0, 3, (300, 2, 1))
    found = asked("spurious-variation", of_series(list(x), y))
    assert found.verdict == "yes" and "mean 0" in found.follows
    assert "trend" in found.statement.partition("; needed: ")[2]


def test_a_forecast_that_needs_a_longer_past() -> None:
    rng = np.random.default_rng(0)
    shocks = rng.normal(size=4000)
    for at in range(6, 4000):
        shocks[at] += 0.9 * shocks[at - 6]
    columns = {"t": np.arange(4000.0), "other": rng.normal(size=4000)}
    survey = made("series", np.cumsum(shocks), columns, "forecast", time="t")
    found = asked("local-or-global", survey)
    points = {p.condition: p for p in found.points}
    assert points["the last 4 steps"].high < 0.1 < 0.3 < points["the last 8 steps"].low
    assert found.verdict == "yes" and found.predictions[0].ingredient == "history=8"
    assert asked("position", survey).verdict == "refused"


def test_a_random_walk_cannot_be_forecast() -> None:
    rng = np.random.default_rng(0)
    columns = {"t": np.arange(2000.0), "other": rng.normal(size=2000)}
    survey = made("series", np.cumsum(rng.normal(size=2000)), columns, "forecast", time="t")
    for name in ("local-or-global", "spurious-variation", "detail"):
        assert asked(name, survey).verdict == "refused"


# characters ---------------------------------------------------------------------------------------------------


def characters(rows: list[str]) -> Survey:
    return made("characters", None, {"text": rows}, "none", text="text")


def test_a_chain_of_characters_is_local() -> None:
    """Each symbol is one of two that follow the one before: one bit a character, one character back."""
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.integers(1, 3, 30_000)) % 8
    survey = characters(["".join(map(chr, 97 + x[a : a + 100])) for a in range(0, 30_000, 100)])
    found = asked("local-or-global", survey)
    assert found.verdict == "yes" and found.predictions[0].ingredient == "context=1"
    assert {p.condition: p for p in found.points}["1 character before"].value == pytest.approx(1.0, abs=0.12)
    open_ = asked("variation", survey)
    assert open_.verdict == "yes" and open_.value == pytest.approx(2.0, abs=0.15)


def test_what_is_repeated_from_far_back_is_not_local() -> None:
    """Every row repeats a random pattern of its own of 30 symbols."""
    rng = np.random.default_rng(0)
    rows = ["".join(map(chr, 97 + rng.integers(0, 20, 30))) * 8 for _ in range(150)]
    found = asked("local-or-global", characters(rows))
    assert found.verdict == "no" and "cache" in found.statement
    assert "more than 5 characters back" in found.follows


def test_the_place_in_the_row_matters() -> None:
    rng = np.random.default_rng(0)
    rows = ["".join(chr(97 + (i % 6) * 4 + k) for i, k in enumerate(rng.integers(0, 2, 6))) for _ in range(3000)]
    assert asked("position", characters(rows)).verdict == "no"  # the symbol before tells the place
    rows = [
        "".join("z" if i % 10 == 9 else "abc"[k] for i, k in enumerate(rng.integers(0, 3, 20))) for _ in range(1500)
    ]
    found = asked("position", characters(rows))
    assert found.verdict == "yes" and "Begin every training window at the begin of a row" in found.follows


def test_too_few_characters() -> None:
    assert "too few to count" in asked("local-or-global", characters(["abc"] * 50)).statement


# real data ----------------------------------------------------------------------------------------------------


def opened(path: Path, target: str = "") -> Survey:
    from trainloud.data.cache import Cache
    from trainloud.data.dataset import Asked
    from trainloud.data.measure import measure
    from trainloud.data.sources import open_dataset

    data = open_dataset(str(path), Asked(target=target), Limits())
    return Survey(data, measure(data, Limits(), Cache(""), lambda *_: None))


def test_names(shared: Callable[[str], Path]) -> None:
    survey = opened(shared("text/makemore_names.txt"))
    found = asked("local-or-global", survey)
    assert found.chance == pytest.approx(4.07, abs=0.06)  # log2 of 27 is 4.75
    # makemore's counting bigrams reach 2.454 nats on all of the names
    assert {p.condition: p for p in found.points}["1 character before"].value == pytest.approx(
        2.454 / np.log(2), abs=0.12
    )
    assert found.verdict == "yes"


@pytest.mark.slow
def test_messages_are_a_bag_of_words(shared: Callable[[str], Path]) -> None:
    survey = opened(shared("text/sms_spam.tsv"))
    found = asked("local-or-global", survey)
    assert found.verdict == "yes" and found.metric == "balanced accuracy"
    assert found.whole is not None and found.whole > 0.96
    assert asked("position", survey).verdict == "no"


@pytest.mark.slow
def test_houses_need_income_and_place(shared: Callable[[str], Path]) -> None:
    survey = opened(shared("tables/california_housing.csv"), "median_house_value")
    found = asked("local-or-global", survey)
    assert found.whole is not None and found.whole > 0.74
    assert "'median_income' alone" in found.statement
    spurious = asked("spurious-variation", survey)
    assert "column 'median_income'" in spurious.statement.partition("needed: ")[2].partition("; needed: ")[2]


def test_delays_cannot_be_predicted(shared: Callable[[str], Path]) -> None:
    found = asked("local-or-global", opened(shared("tables/flights_200k.parquet"), "delay"))
    assert found.verdict in ("refused", "undecided"), found.statement


@pytest.mark.slow
def test_vowels_need_their_level(shared: Callable[[str], Path]) -> None:
    survey = opened(shared("sequence/JapaneseVowels_TRAIN.ts"))
    found = asked("spurious-variation", survey)
    assert found.whole is not None and found.whole > 0.95
    assert "needed: level" in found.statement
    assert asked("local-or-global", survey).verdict == "yes"


@pytest.mark.slow
def test_few_photographs_are_refused(shared: Callable[[str], Path]) -> None:
    survey = opened(shared("images/hymenoptera.zip"))
    for name in ("local-or-global", "spurious-variation", "position", "detail"):
        assert asked(name, survey).verdict in ("refused", "undecided")
