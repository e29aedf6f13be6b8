"""Shortcuts: planted marks and traits are told, sound data is not blamed."""

import gzip
import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from trainloud.core.finding import Finding
from trainloud.core.inspection import Recognised
from trainloud.data.cache import Cache
from trainloud.data.dataset import Asked, Dataset, Limits
from trainloud.data.inspector import inspectors, judge
from trainloud.data.measure import measure
from trainloud.data.methods.binned import bin_numbers, folds
from trainloud.data.methods.one_against_rest import Labelled, areas, bins_for, robust_z
from trainloud.data.methods.statistics import auroc
from trainloud.data.sources import open_dataset
from trainloud.data.survey import Measured, Survey

Shared = Callable[[str], Path]


class Held:
    """Pictures in memory, as arrays or as files."""

    def __init__(self, held: list[np.ndarray] | list[bytes] | np.ndarray):
        self._held = held

    def __len__(self) -> int:
        return len(self._held)

    def encoded(self, row: int) -> bytes | None:
        return self._held[row] if isinstance(self._held[row], bytes) else None  # type: ignore[return-value]

    def array(self, row: int) -> np.ndarray:
        return self._held[row]  # type: ignore[return-value]


def dataset(held: object, labels: np.ndarray, kind: str = "images", text: list[str] | None = None) -> Dataset:
    columns = {"label": pa.chunked_array([pa.array([str(v) for v in labels]).dictionary_encode()])}
    if text is not None:
        columns["text"] = pa.chunked_array([pa.array(text, pa.large_string())])
    return Dataset(
        Recognised(kind, "classes", "label"),  # type: ignore[arg-type]
        pa.table(columns),
        np.zeros(len(labels), np.int16),
        ("",),
        "",
        lambda row: f"row {row}",
        {"label": "category"} | ({"text": "text"} if text is not None else {}),  # type: ignore[arg-type]
        text="text" if text is not None else "",
        pictures=held,  # type: ignore[arg-type]
    )


def surveyed(data: Dataset) -> Survey:
    return Survey(data, measure(data, Limits(), Cache(""), lambda *_: None), Limits())


def thumbs(pictures: np.ndarray, labels: np.ndarray) -> Survey:
    """A survey of pictures of 32 pixels a side that were measured already."""
    return Survey(dataset(Held(pictures), labels), Measured(thumbs=pictures), Limits())


def asked(fault: str, survey: Survey) -> Finding:
    found = judge(inspectors()[fault], survey)
    assert "itself failed" not in found.measured, found.measured
    return found


@cache
def _cifar(path: Path) -> tuple[np.ndarray, np.ndarray]:
    survey = surveyed(open_dataset(str(path), Asked(), Limits()))
    assert survey.labels is not None and survey.measured.thumbs is not None
    rows = np.random.default_rng(0).permutation(np.flatnonzero(survey.training))[:6000]
    return np.asarray(survey.measured.thumbs)[rows], survey.labels[0][rows]


@pytest.fixture(scope="module")
def cifar(shared: Shared) -> tuple[np.ndarray, np.ndarray]:
    return _cifar(shared("images/cifar10_part/images.tar.gz"))


@pytest.fixture(scope="module")
def fashion(shared: Shared) -> tuple[np.ndarray, np.ndarray]:
    """(6000, 32, 32, 3): pictures of 28 pixels in the grey frame of a thumbnail, as measuring makes them."""
    with gzip.open(shared("images/fashion-mnist/train-images-idx3-ubyte.gz")) as file:
        pixels = file.read(16 + 784 * 6000)
    with gzip.open(shared("images/fashion-mnist/train-labels-idx1-ubyte.gz")) as file:
        labels = file.read(8 + 6000)
    pictures = np.full((6000, 32, 32, 3), 128, np.uint8)
    pictures[:, 2:30, 2:30] = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28)[..., None]
    return pictures, np.frombuffer(labels, np.uint8, offset=8).astype(int)


# one attribute against each class -----------------------------------------------------------------------------------


def labelled(codes: np.ndarray, classes: int) -> Labelled:
    return Labelled(np.arange(len(codes)), codes, tuple(map(str, range(classes))), folds(len(codes), codes))


def test_area_agrees_with_the_rank_statistic_and_its_interval_covers() -> None:
    chance = np.random.default_rng(0)
    covered = 0
    for _ in range(100):
        codes = np.repeat([0, 1], 400)
        values = chance.normal(size=800) + codes
        found = areas(bin_numbers(values, bins_for(800)), labelled(codes, 2))
        assert found.area[1] == pytest.approx(auroc(values, codes == 1), abs=0.03)
        covered += abs(found.area[1] - 0.7602) < 2.24 * found.error[1]  # Phi(1 / sqrt 2)
    assert covered >= 88  # of 100; bins and folds cost the area about half a standard error


def test_a_class_in_the_middle_of_an_axis_is_seen_and_chance_is_not() -> None:
    chance = np.random.default_rng(0)
    codes = chance.integers(0, 3, 3000)
    middle = np.where(
        codes == 1, chance.normal(0, 0.2, 3000), chance.choice([-1, 1], 3000) + chance.normal(0, 0.2, 3000)
    )
    assert areas(bin_numbers(middle), labelled(codes, 3)).area[1] > 0.97
    nothing = areas(bin_numbers(chance.normal(size=3000)), labelled(codes, 3))
    assert (np.abs(nothing.area - 0.5) < 4 * nothing.error).all()


def test_robust_z_of_one_that_stands_out() -> None:
    z = robust_z(np.array([0.5, 0.52, 0.48, 0.99, np.nan]), 0.01)
    assert z[3] > 10 and abs(z[0]) < 2 and np.isnan(z[4])


# attributes ---------------------------------------------------------------------------------------------------------


def encoded(pixels: np.ndarray, quality: int) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()


def test_a_class_that_was_saved_at_another_quality_is_a_warning(cifar: tuple[np.ndarray, np.ndarray]) -> None:
    pictures, labels = cifar[0][:1500], cifar[1][:1500]
    even = surveyed(dataset(Held([encoded(p, 85) for p in pictures]), labels))
    assert asked("attribute-predicts-label", even).outcome == "passed"
    odd = [encoded(p, 60 if c == 4 else 85) for p, c in zip(pictures, labels, strict=True)]
    found = asked("attribute-predicts-label", surveyed(dataset(Held(odd), labels)))
    assert found.severity == "warning" and found.measured.startswith(
        ("file size alone tells '4'", "bytes a pixel alone")
    )


def test_a_darkened_class_is_a_note(cifar: tuple[np.ndarray, np.ndarray]) -> None:
    pictures, labels = cifar[0][:2000].copy(), cifar[1][:2000]
    assert asked("attribute-predicts-label", surveyed(dataset(Held(pictures), labels))).outcome == "passed"
    pictures[labels == 7] //= 3
    found = asked("attribute-predicts-label", surveyed(dataset(Held(pictures), labels)))
    assert found.severity == "note" and "brightness alone tells '7' from the rest" in found.measured


def test_clean_pictures_are_not_blamed(cifar: tuple[np.ndarray, np.ndarray], shared: Shared) -> None:
    insects = surveyed(open_dataset(str(shared("images/hymenoptera.zip")), Asked(), Limits()))
    for fault in ("attribute-predicts-label", "patch-predicts-label", "file-name-predicts-label"):
        assert asked(fault, insects).outcome == "passed", fault


# patches ------------------------------------------------------------------------------------------------------------

MARKS = {
    "white": ((20, 23), (9, 12), 255),
    "in the corner": ((2, 5), (2, 5), 255),
    "red": ((15, 18), (15, 18), (255, 0, 0)),
    "grey": ((10, 13), (22, 25), 128),
    "one pixel": ((10, 11), (22, 23), 255),
    "large": ((8, 16), (8, 16), 255),
}


def marked(pictures: np.ndarray, labels: np.ndarray, mark: str, label: int = 3) -> np.ndarray:
    rows, columns, colour = MARKS[mark]
    out = pictures.copy()
    block = out[labels == label]
    block[:, slice(*rows), slice(*columns)] = colour
    out[labels == label] = block
    return out


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_in_one_class_of_ten_is_told_with_its_place(mark: str, fashion: tuple[np.ndarray, np.ndarray]) -> None:
    pictures, labels = fashion[0][:3000], fashion[1][:3000]
    found = asked("patch-predicts-label", thumbs(marked(pictures, labels, mark), labels))
    assert found.outcome == "fired" and "'3' from the rest" in found.measured
    (top, left, height, width), (rows, columns, _) = found.evidence["patches"][0]["patch"], MARKS[mark]
    assert top < rows[1] and top + height > rows[0] and left < columns[1] and left + width > columns[0]
    assert found.exhibits[0].examples[0].label == "3"


@pytest.mark.parametrize("faint", [40, 20])
def test_a_faint_mark_in_photographs_is_told(faint: int, cifar: tuple[np.ndarray, np.ndarray]) -> None:
    pictures, labels = cifar[0].copy(), cifar[1]
    block = pictures[labels == 3]
    block[:, 20:23, 9:12] = np.minimum(block[:, 20:23, 9:12].astype(int) + faint, 255)
    pictures[labels == 3] = block
    found = asked("patch-predicts-label", thumbs(pictures, labels))
    assert "33% from the left and 67% from the top alone tells '3'" in found.measured, found.measured
    assert "brighter than its surroundings" in found.measured


def test_a_mark_in_half_of_a_class_is_told(cifar: tuple[np.ndarray, np.ndarray]) -> None:
    pictures, labels = cifar
    half = marked(pictures, labels, "white")
    half[1::2] = pictures[1::2]
    found = asked("patch-predicts-label", thumbs(half, labels))
    (patch,) = found.evidence["patches"]
    assert (patch["class"], patch["row"] // 3, patch["column"] // 3) == ("3", 7, 3)


def test_clean_photographs_and_aligned_pictures_have_no_mark(
    cifar: tuple[np.ndarray, np.ndarray], fashion: tuple[np.ndarray, np.ndarray]
) -> None:
    assert asked("patch-predicts-label", thumbs(*cifar)).outcome == "passed"
    assert asked("patch-predicts-label", thumbs(*fashion)).outcome == "passed"
    for a, b in ((2, 9), (1, 7)):
        both = np.isin(fashion[1], (a, b))
        found = asked("patch-predicts-label", thumbs(fashion[0][both], fashion[1][both]))
        assert found.outcome == "passed", found.measured


def test_strokes_and_plains_are_content_and_a_mark_is_isolated() -> None:
    """Digits of 8 x 8 enlarged, and tiles of one colour a class: at many places the class is told by its colour."""
    digits = load_digits()
    larger = [Image.fromarray((d * 15.9).astype(np.uint8)).resize((16, 16)) for d in digits.images]
    pictures = np.kron(np.stack(larger), np.ones((2, 2), np.uint8))[..., None].repeat(3, axis=3)
    found = asked("patch-predicts-label", thumbs(pictures, digits.target))
    assert found.outcome == "passed" and "as content does" in found.measured, found.measured
    chance = np.random.default_rng(0)
    cover = chance.integers(0, 3, 600)
    ground = np.array([[150, 130, 100], [30, 60, 120], [40, 90, 40]])[cover][:, None, None]
    tiles = np.clip(ground + chance.normal(size=(600, 32, 32, 3)) * 6, 0, 255).astype(np.uint8)
    assert asked("patch-predicts-label", thumbs(tiles, cover)).outcome == "passed"
    pictures[digits.target == 5, 27:30, 2:5] = 200
    found = asked("patch-predicts-label", thumbs(pictures, digits.target))
    assert "8% from the left and 86% from the top alone tells '5'" in found.measured
    assert "it is isolated, as no place away from it reaches more than 62% beyond the others" in found.measured


def test_few_pictures_are_not_judged_by_chance(cifar: tuple[np.ndarray, np.ndarray]) -> None:
    for seed in range(6):
        chance = np.random.default_rng(seed)
        rows = chance.permutation(len(cifar[0]))[:120]
        found = asked("patch-predicts-label", thumbs(cifar[0][rows], chance.integers(0, 2, 120)))
        assert found.outcome == "passed", found.measured


# one attribute is enough --------------------------------------------------------------------------------------------


def coloured(pictures: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coloured MNIST after Arjovsky et al. 2019, its training part."""
    chance = np.random.default_rng(0)
    y = (labels >= 5).astype(int)
    y = np.where(chance.random(len(y)) < 0.25, 1 - y, y)
    colour = np.where(chance.random(len(y)) < np.where(np.arange(len(y)) % 2, 0.1, 0.2), 1 - y, y)
    out = np.zeros((len(y), 28, 28, 3), np.uint8)
    out[np.arange(len(y)), :, :, colour] = pictures[:, 2:30, 2:30, 0]
    return out, y


def test_colour_that_predicts_as_well_as_the_whole_picture_is_told(fashion: tuple[np.ndarray, np.ndarray]) -> None:
    pictures, labels = coloured(fashion[0][:1500], fashion[1][:1500])
    found = asked("one-attribute-suffices", surveyed(dataset(Held(pictures), labels)))
    assert (found.outcome, found.severity) == ("fired", "warning")
    assert found.measured.startswith("red minus green alone reaches accuracy 0.8")


@pytest.mark.slow
def test_brightness_does_not_suffice_for_garments(fashion: tuple[np.ndarray, np.ndarray]) -> None:
    pictures = np.ascontiguousarray(fashion[0][:3000, 2:30, 2:30, 0])
    found = asked("one-attribute-suffices", surveyed(dataset(Held(pictures), fashion[1][:3000])))
    assert found.outcome == "passed" and found.evidence["attributes"]["brightness"]["kept"] < 0.5


# words --------------------------------------------------------------------------------------------------------------


def stories(n: int, extra: Callable[[int], str]) -> tuple[list[str], np.ndarray]:
    chance = np.random.default_rng(0)
    words = [f"{a}{b}" for a in ("ba", "lo", "mi", "tu", "re") for b in ("ka", "so", "ni", "da", "pe")]
    labels = np.arange(n) % 2
    return [" ".join(chance.choice(words, 12)) + " " + extra(int(y)) for y in labels], labels


@pytest.mark.parametrize(
    "extra, severity",
    [
        (lambda y: "goalkeeper" if y else "", "note"),
        (lambda y: "agent 48151623" if y else "", "warning"),
        (lambda y: "see http page" if y else "", "warning"),
    ],
)
def test_a_word_of_content_is_a_note_and_a_trace_is_a_warning(extra: Callable[[int], str], severity: str) -> None:
    text, labels = stories(300, extra)
    found = asked("single-word-predicts-label", surveyed(dataset(None, labels, "text", text)))
    assert (found.outcome, found.severity) == ("fired", severity), found.measured
    assert "stands in 100% of the texts of '1' and in 0.0% of the others" in found.measured


def test_words_at_random_tell_nothing() -> None:
    text, labels = stories(300, lambda y: "")
    survey = surveyed(dataset(None, labels, "text", text))
    for fault in ("single-word-predicts-label", "attribute-predicts-label", "boilerplate"):
        assert asked(fault, survey).outcome == "passed", fault


def test_names_that_spell_their_class_are_no_sign(tmp_path: Path) -> None:
    for i in range(40):
        for c in ("cats", "dogs"):
            path = tmp_path / "pets" / c / f"{c[:3]}.{i}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"some text {i}")
    found = asked("file-name-predicts-label", surveyed(open_dataset(str(tmp_path / "pets"), Asked(), Limits())))
    assert found.outcome == "passed", found.measured
