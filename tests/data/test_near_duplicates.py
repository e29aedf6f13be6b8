"""Near-duplicates are found whatever was done to them, and nothing is called one that is none."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from trainloud.core.finding import Finding
from trainloud.core.inspection import Recognised
from trainloud.data.cache import Cache
from trainloud.data.dataset import Dataset, Limits
from trainloud.data.inspector import inspectors, judge
from trainloud.data.measure import images
from trainloud.data.methods import neighbours
from trainloud.data.methods.copies import FEWEST, certain, copies, pairs, stars
from trainloud.data.methods.likeness import features, mirrored
from trainloud.data.methods.registration import register
from trainloud.data.methods.thumbnails import Squares, enlarging, showing, squares
from trainloud.data.survey import Survey

SIDE = 32


class Held:
    """Decoded pictures."""

    def __init__(self, held: list[np.ndarray]):
        self.held = held

    def __len__(self) -> int:
        return len(self.held)

    def encoded(self, row: int) -> None:
        return None

    def array(self, row: int) -> np.ndarray:
        return self.held[row]


def survey_of(given: Mapping[str, np.ndarray]) -> Survey:
    """Pictures by "split/label/name"."""
    words = [name.split("/") for name in given]
    splits = tuple(dict.fromkeys(w[0] for w in words))
    data = Dataset(
        Recognised("images", "classes", "folder"),
        pa.table({"folder": pa.array([w[1] for w in words]).dictionary_encode()}),
        np.array([splits.index(w[0]) for w in words], np.int16),
        splits,
        "",
        lambda row: list(given)[row],
        roles={"folder": "category"},
        pictures=Held(list(given.values())),
    )
    return Survey(data, images.measure(data, Limits(workers=1), Cache(""), lambda *_: None), Limits(workers=1))


def asked(name: str, survey: Survey) -> Finding:
    return judge(inspectors()[name], survey)


def textures(count: int, size: tuple[int, int] = (SIDE, SIDE), seed: int = 0) -> list[Image.Image]:
    """Independent pictures of smooth noise of several grains."""
    rng = np.random.default_rng(seed)
    grain = rng.choice([4, 6, 8], count)
    coarse = [Image.fromarray(rng.integers(0, 256, (g, g, 3), dtype=np.uint8)) for g in grain]
    return [c.resize(size, Image.Resampling.BICUBIC) for c in coarse]


def documents(count: int) -> list[np.ndarray]:
    """Pages of random letters: all alike from afar."""
    rng = np.random.default_rng(0)
    pages = []
    for _ in range(count):
        page = Image.new("L", (256, 256), 255)
        draw = ImageDraw.Draw(page)
        for y in range(int(rng.integers(8, 20)), 240, 12):
            draw.text((10, y), "".join(chr(c) for c in rng.integers(97, 123, int(rng.integers(10, 42)))), fill=0)
        pages.append(np.asarray(page))
    return pages


def whole(pictures: list[np.ndarray]) -> Squares:
    full = np.full(len(pictures), SIDE, np.int16)
    return Squares(np.stack(pictures), full, full)


CHANGED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "mirrored": lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "brightened": lambda p: ImageEnhance.Brightness(p).enhance(1.3),
    "flatter": lambda p: ImageEnhance.Contrast(p).enhance(0.6),
    "shrunk": lambda p: p.resize((p.width // 2, p.height // 2), Image.Resampling.BOX),
    "cropped": lambda p: p.crop((5, 3, p.width - 3, p.height - 4)),
    "squeezed": lambda p: p.resize((p.width, p.height * 4 // 5)),
}


@pytest.fixture(scope="module")
def changed() -> Survey:
    """200 pictures; of the first 24 a changed copy in the test split, of two of them with another label."""
    given = {f"train/{'ab'[i % 2]}/{i}": np.asarray(p) for i, p in enumerate(textures(200, (96, 72)))}
    for i, picture in enumerate(textures(200, (96, 72))[:24]):
        label = "ab"[i % 2] if i > 1 else "ba"[i % 2]
        kind = list(CHANGED)[i % len(CHANGED)]
        given[f"test/{label}/{kind} {i}"] = np.asarray(CHANGED[kind](picture))
    given |= {f"test/a/{i}": np.asarray(p) for i, p in enumerate(textures(60, (96, 72), seed=1))}
    return survey_of(given)


def test_changed_copies_are_found_whatever_was_done(changed: Survey) -> None:
    told = asked("near-duplicates-across-splits", changed)
    assert told.outcome == "fired" and told.severity == "warning" and told.basis == "heuristic"
    assert "24 of 84 test pictures (28.57%) have a near-duplicate in train" in told.measured
    assert told.evidence["leaked"] == {"test in train": 24} and told.evidence["pairs"] == 24
    first = told.exhibits[0]
    assert [e.split for e in first.examples] == ["test", "train"] and "2 labels" in first.caption
    assert all(len({e.name.split()[-1].split("/")[-1] for e in x.examples}) == 1 for x in told.exhibits)
    found = copies(changed)
    assert sum("mirrored" in found.laid.words(i) for i in range(len(found.a))) == 4


def test_nothing_is_told_inside_a_split_that_lies_across(changed: Survey) -> None:
    told = asked("near-duplicates", changed)
    assert told.outcome == "passed"
    assert "no two of 284 different pictures of one split are more alike than chance makes them" in told.measured


def test_contradicting_labels_stand_first_and_make_a_warning() -> None:
    pictures = textures(150)
    given = {f"/{'ab'[i % 2]}/{i}": np.asarray(p) for i, p in enumerate(pictures)}
    given |= {f"/b/{i} again": np.asarray(CHANGED["brightened"](pictures[i])) for i in (3, 5, 6)}
    told = asked("near-duplicates", survey_of(given))
    assert told.severity == "warning" and "; 1 of 3 pairs carry different labels" in told.measured
    assert "6 of 153 different pictures (3.92%) are nearly the same as another, in 3 groups of up to 2" in told.measured
    assert {e.label for e in told.exhibits[0].examples} == {"a", "b"}
    assert told.exhibits[0].examples[0].note.startswith("correlation 0.9")


def test_equal_pictures_are_left_to_others() -> None:
    given = {f"/a/{i}": np.asarray(p) for i, p in enumerate(textures(100))}
    given |= {f"/b/{i} again": given[f"/a/{i}"].copy() for i in range(20)}
    survey = survey_of(given)
    assert asked("duplicate-examples", survey).outcome == "fired"
    told = asked("near-duplicates", survey)
    assert told.outcome == "passed" and "of 100 different pictures" in told.measured


def test_plain_pictures_do_not_pair() -> None:
    rng = np.random.default_rng(0)
    given = {f"/a/{i}": np.asarray(p) for i, p in enumerate(textures(110))}
    for i in range(60):
        page: np.ndarray = np.full((SIDE, SIDE, 3), 250, np.int16) + rng.integers(-1, 2, (SIDE, SIDE, 1))
        page[14:16, 10 + i % 9 : 13 + i % 9] = 0
        given[f"/b/{i}"] = page.astype(np.uint8)
    told = asked("near-duplicates", survey_of(given))
    assert told.outcome == "passed" and "60 of 170 that show next to nothing left out" in told.measured


def test_a_few_pictures_and_tiny_ones_are_not_judged() -> None:
    few = {f"/a/{i}": np.asarray(p) for i, p in enumerate(textures(FEWEST - 1))}
    told = asked("near-duplicates", survey_of(few))
    assert told.outcome == "unknown" and "99 different pictures can be compared" in told.measured
    tiny = {f"/a/{i}": np.asarray(p) for i, p in enumerate(textures(90, (8, 8)))}
    told = asked("near-duplicates", survey_of(tiny))
    assert told.outcome == "unknown" and "90 of less than 16 pixels a side left out" in told.measured


@pytest.mark.parametrize("seed", range(3))
def test_independent_textures_make_no_pairs(seed: int) -> None:
    assert not len(certain(pairs(whole([np.asarray(p) for p in textures(400, seed=seed)]))))


def test_documents_that_all_look_alike_make_no_pairs() -> None:
    given = {f"/a/{i}": p for i, p in enumerate(documents(150))}
    assert asked("near-duplicates", survey_of(given)).outcome == "passed"


def test_many_partners_do_not_hide_each_other() -> None:
    """Frames of panning cameras, a quarter of all: found, and no group holds two films."""
    pictures = [np.asarray(p) for p in textures(300)]
    for film in textures(5, (52, SIDE), seed=9):
        pictures += [np.asarray(film)[:, d : d + SIDE] for d in range(20)]
    found = pairs(whole(pictures))
    sure = certain(found)
    groups = stars(found.a[sure], found.b[sure], found.laid.score[sure])
    assert len(set(np.concatenate(groups).tolist())) >= 90
    assert all(len({(int(r) - 300) // 20 for r in g}) == 1 and g.min() >= 300 for g in groups)


def test_bands_around_pictures_are_no_likeness() -> None:
    wide = survey_of({"/a/0": np.asarray(textures(1, (200, 80))[0]), "/a/1": np.asarray(textures(1, (80, 200))[0])})
    seen = squares(wide)
    assert seen.high.tolist() == [13, SIDE] and seen.wide.tolist() == [SIDE, 13]
    one, two = seen[np.array([0, 1])].astype(int)
    assert np.abs(one - two).mean() < 12  # the same picture, whatever its aspect
    grey = survey_of({"/a/0": np.full((40, 40, 3), 128, np.uint8)})
    assert squares(grey).high.tolist() == [SIDE]


def test_mirroring_columns_is_mirroring_pictures() -> None:
    some = np.stack([np.asarray(p) for p in textures(3)])
    np.testing.assert_allclose(features(some)[:, mirrored()], features(some[:, :, ::-1]), atol=1e-4)


def test_registration_finds_what_was_done() -> None:
    big = np.asarray(textures(1, (60, 60))[0].convert("L")).astype(np.float32)
    one, two = big[10:42, 10:42], big[13:45, 8:40]
    peak, zoom, shift = register(one[None], two[None])
    assert shift[0].tolist() == [3, -2] and zoom[0].tolist() == [0, 0] and peak[0] > 0.6
    stretch = enlarging(SIDE, 1.17)
    peak, zoom, _ = register(one[None], (stretch @ one @ stretch.T)[None])
    assert zoom[0].tolist() == [2, 0] and peak[0] > 0.95


def test_lists_find_what_comparing_all_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x = neighbours.unit(rng.standard_normal((3000, 24)) + 2 * rng.standard_normal((40, 24))[rng.integers(0, 40, 3000)])
    ids, cosines = neighbours.nearest(x, k=3)
    assert (ids != np.arange(3000)[:, None]).all() and (np.diff(cosines, axis=1) <= 0).all()
    monkeypatch.setattr(neighbours, "EXACT_BELOW", 0)
    listed, _ = neighbours.nearest(x.astype(np.float16), k=3)
    assert (listed[:, 0] == ids[:, 0]).mean() > 0.97
    assert (listed != np.arange(3000)[:, None]).all()
    assert (
        neighbours.nearest(x[:2], k=5)[0].tolist() == [[1, 0], [0, 1]]
        or (neighbours.nearest(x[:2], k=5)[0][:, 1] == -1).all()
    )


def test_showing_counts_cells() -> None:
    plain: np.ndarray = np.full((1, SIDE, SIDE, 3), 200, np.uint8)
    plain[:, 4:8, 4:8] = 0
    assert 1 <= showing(plain)[0] <= 4 and showing(np.asarray(textures(1)[0])[None])[0] > 40


def test_photographs_without_copies_make_no_pairs(shared: Callable[[str], Path]) -> None:
    given = {}
    with zipfile.ZipFile(shared("images/hymenoptera.zip")) as archive:
        for name in archive.namelist():
            if name.endswith(".jpg"):
                with archive.open(name) as file, Image.open(file) as picture:
                    picture.draft("RGB", (64, 64))
                    given[f"/{name.split('/')[-2]}/{name}"] = np.asarray(picture.convert("RGB"))
    told = asked("near-duplicates", survey_of(given))
    assert told.outcome == "passed" and told.evidence["likely"] == 0
