"""What probes compute with, held against plain computations and known truths."""

import numpy as np
import pyarrow as pa
import pytest

from trainloud.core.inspection import Recognised
from trainloud.data.dataset import Dataset, Limits
from trainloud.data.methods import appearance, convolution, dimension, grams, rocket, words
from trainloud.data.methods.retention import Bench, Kept, Refused, bench
from trainloud.data.methods.ridge import cross_fitted, standardised
from trainloud.data.survey import Measured, Survey


def labelled(y: np.ndarray, rows: int = 0, group: np.ndarray | None = None) -> Bench:
    hot = np.eye(int(y.max()) + 1, dtype=np.float32)[y]
    return Bench(np.arange(len(y)), hot, None, np.arange(len(y)) if group is None else group, "accuracy")


def survey_of(y: np.ndarray, **more) -> Survey:
    cells = pa.table({"y": pa.array(y.astype(str)).dictionary_encode()} | more.pop("columns", {}))
    roles = {"y": "category"} | more.pop("roles", {})
    measured, group = more.pop("measured", Measured()), more.pop("group", "")
    data = Dataset(
        Recognised("table", "classes", "y", more.pop("time", "")),
        cells,
        np.zeros(len(y), np.int16),
        ("",),
        "x",
        str,
        roles,
    )
    return Survey(data, measured, Limits(), group)


# ridge --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [5, 90])
def test_every_row_is_predicted_by_a_fit_without_its_fold(columns: int) -> None:
    """The same as solving the normal equations of the other folds, in the primal and in the dual."""
    rng = np.random.default_rng(0)
    x = standardised(rng.normal(size=(60, columns)))
    y = (x[:, :2] @ np.array([[1.0, -1.0], [0.5, 2.0]]) + rng.normal(0, 0.5, (60, 2))).astype(np.float32)
    folds, weight = np.arange(60) % 4, rng.uniform(0.5, 2, 60).astype(np.float32)
    fit = cross_fitted(x, y, folds, weight)
    middle = (y * weight[:, None]).sum(axis=0) / weight.sum()
    for fold in range(4):
        others, mine = folds != fold, folds == fold
        heavy = x[others] * weight[others, None]
        gram = heavy.T @ x[others] + fit.penalty * np.eye(columns)
        expected = x[mine] @ np.linalg.solve(gram, heavy.T @ (y[others] - middle)) + middle
        np.testing.assert_allclose(fit.predicted[mine], expected, atol=2e-3)


def test_the_penalty_grows_with_noise() -> None:
    rng = np.random.default_rng(0)
    x = standardised(rng.normal(size=(400, 20)))
    clean = (x @ rng.normal(size=(20, 1))).astype(np.float32)
    noisy = clean + rng.normal(0, 30, clean.shape).astype(np.float32)
    folds = np.arange(400) % 5
    assert cross_fitted(x, clean, folds).penalty < 10 < 100 < cross_fitted(x, noisy, folds).penalty


def test_standardised_columns() -> None:
    x = standardised(np.array([[1.0, 5.0, np.nan, 0.0], [3.0, 5.0, 4.0, np.inf], [5.0, 5.0, 8.0, 2.0]]))
    assert np.isfinite(x).all()
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-6)
    assert (x[:, 1] == 0).all() and x[0, 2] == 0 and x[1, 3] == 0


# retention ----------------------------------------------------------------------------------------------------


def test_accuracy_chance_and_retention_by_hand() -> None:
    y = np.array([0] * 60 + [1] * 40)
    found = labelled(y)
    assert found.chance == pytest.approx(0.6)
    right, half = np.eye(2)[y], np.eye(2)[np.where(np.arange(100) % 4 == 0, 1 - y, y)]
    whole, part = found.judged("whole", right, 1), found.judged("part", half, 1)
    assert whole.value == pytest.approx(1.0) and part.value == pytest.approx(0.75)
    kept = found.kept(part, whole)
    assert kept.value == pytest.approx((0.75 - 0.6) / 0.4) and kept.low < kept.value < kept.high
    change = found.change(part, whole)
    assert change.value == pytest.approx(-0.25, abs=1e-6) and -0.4 < change.low < -0.25 < change.high < -0.12


def test_r_squared_by_hand() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(500, 1)).astype(np.float32)
    found = Bench(np.arange(500), y, None, np.arange(500), "R squared")
    guess = y + rng.normal(0, 0.5, y.shape)
    expected = 1 - np.square(guess - y).sum() / np.square(y - y.mean()).sum()
    trial = found.judged("x", guess, 1)
    assert trial.value == pytest.approx(float(expected), abs=1e-5) and trial.low < trial.value < trial.high
    assert found.chance == 0


@pytest.mark.parametrize(
    "low, high, ruling", [(0.95, 1.1, "not needed"), (0.5, 0.94, "needed"), (0.9, 1.0, "undecided")]
)
def test_rulings(low: float, high: float, ruling: str) -> None:
    assert Kept((low + high) / 2, low, high).ruling == ruling


def test_the_interval_covers_the_true_retention() -> None:
    """Of 60 samples of 300 rows, of which a condition keeps three quarters of the advantage."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        y = rng.integers(0, 2, 300)
        found = labelled(y)
        sure = np.where(rng.random(300) < 0.9, y, 1 - y)
        lost = np.where(rng.random(300) < 0.25, rng.integers(0, 2, 300), sure)
        whole, part = (found.judged("", np.eye(2)[p], 1) for p in (sure, lost))
        kept = found.kept(part, whole)
        covered += kept.low <= 0.75 <= kept.high
    assert 51 <= covered <= 60


def test_conditions_that_never_differ_on_few_rows_may_still_differ() -> None:
    y = np.arange(60) % 2
    found = labelled(y)
    trial = found.judged("x", np.eye(2)[y], 1)
    few = found.kept(trial, trial)
    assert few.low < 0.95 and few.ruling == "undecided"
    y = np.arange(2000) % 2
    found = labelled(y)
    trial = found.judged("x", np.eye(2)[y], 1)
    assert found.kept(trial, trial).ruling == "not needed"


def test_a_probe_at_chance_is_refused() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    found = labelled(y)
    with pytest.raises(Refused, match=r"accuracy 0\.\d+ on 400 rows, the best constant 0\.5\d+: not clearly above it"):
        found.require(found.trial("noise", lambda: rng.normal(size=(400, 30))))


def test_noise_is_never_clearly_above_the_constant() -> None:
    """Neither wide features nor counted words that are weighed on other folds."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        found = labelled(rng.integers(0, 2, 200))
        said = words.Words(
            200, np.repeat(np.arange(200), 20), rng.integers(0, 100, 4000), tuple(f"w{i}" for i in range(100))
        )
        wide = rng.normal(size=(200, 400))
        for trial in (found.trial("wide", lambda wide=wide: wide), words.read(found, said, "words")):
            with pytest.raises(Refused):
                found.require(trial)


def test_groups_and_equal_rows_lie_in_one_fold() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    content = np.repeat(np.arange(1, 101, dtype=np.uint64), 2)[:, None] * np.ones(2, np.uint64)
    folds = bench(survey_of(y, measured=Measured(content=content)), 500).folds
    assert (folds[::2] == folds[1::2]).all() and len(set(folds.tolist())) == 5
    patient = np.repeat(np.arange(20), 10)
    columns = {"who": pa.array(patient.astype(str)).dictionary_encode()}
    found = bench(survey_of(y, columns=columns, roles={"who": "category"}, group="who"), 500)
    for p in range(20):
        assert len(set(found.folds[patient == p].tolist())) == 1


def test_rows_in_time_lie_in_runs() -> None:
    y = np.arange(1000) % 2
    columns = {"t": pa.array(np.arange(1000.0))}
    found = bench(survey_of(y, columns=columns, roles={"t": "number"}, time="t"), 5000)
    assert (np.diff(found.folds) != 0).sum() < 50


def test_weights_of_a_rare_class() -> None:
    y = np.array([0] * 900 + [1] * 100)
    found = bench(survey_of(y), 5000)
    assert found.metric == "balanced accuracy" and found.chance == pytest.approx(0.5, abs=1e-4)
    always = found.judged("x", np.tile([1.0, 0.0], (1000, 1)), 1)
    assert always.value == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize(
    "y, why",
    [(np.zeros(100, int), "fewer than two classes"), (np.arange(40) % 2, "40 labelled training rows are too few")],
)
def test_what_no_probe_can_be_fitted_on(y: np.ndarray, why: str) -> None:
    with pytest.raises(Refused, match=why):
        bench(survey_of(y), 1000)


# convolution --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride, grid, channels", [(1, 2, 1), (2, 3, 3)])
def test_pooled_responses_are_those_of_patches_one_by_one(stride: int, grid: int, channels: int) -> None:
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (30, 13, 13, channels)).astype(np.float32)
    found = convolution.bank(images, 4, 4, stride)
    mine = convolution.pooled(images, found, grid)
    at = range(0, 10, stride)
    response = np.empty((30, len(at), len(at), 4))
    for i, top in enumerate(at):
        for j, left in enumerate(at):
            patch = images[:, top : top + 4, left : left + 4].reshape(30, -1)
            patch = patch - patch.mean(axis=1, keepdims=True)
            patch /= np.sqrt(np.square(patch).mean(axis=1, keepdims=True) + convolution.FLAT)
            response[:, i, j] = patch @ found.weight - found.offset
    starts = np.arange(grid) * len(at) // grid
    expected = []
    for sign in (1, -1):
        over = np.maximum(sign * response - convolution.THRESHOLD, 0)
        cells = [np.split(rows, starts[1:], axis=2) for rows in np.split(over, starts[1:], axis=1)]
        expected.append(np.stack([[c.mean(axis=(1, 2)) for c in row] for row in cells]))
    wanted = np.stack(expected).transpose(3, 0, 1, 2, 4).reshape(30, -1)
    np.testing.assert_allclose(mine, wanted, atol=2e-3)


@pytest.mark.parametrize("side", [1, 4, 7, 16, 28, 40])
def test_resizing_keeps_the_mean(side: int) -> None:
    images = np.random.default_rng(0).uniform(0, 255, (5, 28, 28, 3)).astype(np.float32)
    small = convolution.resized(images, side)
    assert small.shape == (5, side, side, 3)
    np.testing.assert_allclose(small.mean(axis=(1, 2)), images.mean(axis=(1, 2)), rtol=0.03)
    if side in (4, 7):
        blocks = images.reshape(5, side, 28 // side, side, 28 // side, 3).mean(axis=(2, 4))
        np.testing.assert_allclose(small, blocks, rtol=1e-4)


def test_windows_in_a_ring_cannot_tell_where_they_are() -> None:
    images = np.random.default_rng(0).uniform(0, 255, (6, 12, 12, 1)).astype(np.float32)
    found = convolution.bank(images, 5, 3)
    edge = ((0, 0), (0, 2), (0, 2), (0, 0))
    mine = [convolution.pooled(np.pad(x, edge, mode="wrap"), found, 1) for x in (images, np.roll(images, 5, axis=2))]
    np.testing.assert_allclose(mine[0], mine[1], atol=1e-4)


def test_the_kernel_approximates_a_gaussian() -> None:
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    found = convolution.Kernel.of(x, 6000)
    seen = found.see(x)
    approximate = 2 * seen @ seen.T / 6000
    squared = np.square(x[:, None] - x[None]).sum(axis=2)
    pairs = np.random.default_rng(0).integers(0, 300, (2, 2000))
    width = np.median(squared[pairs[0], pairs[1]])
    np.testing.assert_allclose(approximate, np.exp(-squared / (2 * width)), atol=0.08)


# appearance ---------------------------------------------------------------------------------------------------


def test_moving_by_whole_pixels_is_exact() -> None:
    images = np.random.default_rng(0).uniform(0, 255, (3, 9, 9, 2)).astype(np.float32)
    moved = appearance.warped(images, np.array([2, 0, -1]), np.array([0, -3, 4]), ring=True)
    for i, (down, right) in enumerate([(2, 0), (0, -3), (-1, 4)]):
        np.testing.assert_allclose(moved[i], np.roll(images[i], (down, right), (0, 1)), atol=1e-3)


def test_content_is_found_and_centred() -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(100, 5, (20, 24, 24, 1)).astype(np.float32)
    for i in range(20):
        images[i, i % 18 : i % 18 + 5, 3:8] += 90
    after = appearance.content(appearance.centred(images))
    assert np.abs(after[0]).max() < 1.2 and np.abs(after[1]).max() < 1.2


def test_what_normalising_does() -> None:
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (8, 10, 10, 3)).astype(np.float32) * rng.uniform(0.3, 1, (8, 1, 1, 1)).astype(
        np.float32
    )
    even = appearance.even_contrast(images)
    np.testing.assert_allclose(even.mean(axis=(1, 2, 3)), even.mean(), rtol=1e-3)
    np.testing.assert_allclose(even.std(axis=(1, 2, 3)), even.std(axis=(1, 2, 3)).mean(), rtol=1e-2)
    cast = appearance.even_cast(images)
    np.testing.assert_allclose(cast.mean(axis=(1, 2, 3)), images.mean(axis=(1, 2, 3)), rtol=1e-3)
    assert appearance.grey(images).shape == (8, 10, 10, 1)


def test_pieces_change_places_and_none_is_lost() -> None:
    images = np.random.default_rng(0).uniform(0, 255, (4, 9, 9, 1)).astype(np.float32)
    mixed = appearance.shuffled(images, 2)
    assert mixed.shape == (4, 8, 8, 1)
    np.testing.assert_allclose(np.sort(mixed.ravel()), np.sort(images[:, :8, :8].ravel()))
    assert not np.allclose(mixed, images[:, :8, :8])


def test_shares_of_variation() -> None:
    rng = np.random.default_rng(0)
    light = rng.normal(0, 20, (300, 1, 1, 1))
    shares = appearance.decomposed((128 + light + rng.normal(0, 10, (300, 8, 8, 1))).astype(np.float32))
    assert shares["brightness"] == pytest.approx(0.8, abs=0.04)
    assert sum(shares.values()) == pytest.approx(1.0)
    axis = next(a for a in appearance.AXES if a.name == "position")
    noise = rng.normal(100, 10, (200, 12, 12, 1)).astype(np.float32)
    assert appearance.removed(axis, noise) < 0.03  # moving noise about takes nothing away


# dimension ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("true, tolerance", [(1, 0.1), (3, 0.3), (6, 0.8)])
def test_intrinsic_dimension_of_a_bent_cube(true: int, tolerance: float) -> None:
    rng = np.random.default_rng(0)
    cube = rng.random((1500, true))
    bent = np.concatenate([cube, cube**2, np.sin(cube)], axis=1) @ rng.normal(size=(3 * true, 30))
    value, low, high = dimension.steady(dimension.two_nearest(bent))
    assert low - tolerance < true < high + tolerance and abs(value - true) < 2 * tolerance + 0.1


def test_noise_at_the_finest_scale_is_left_behind() -> None:
    rng = np.random.default_rng(0)
    bent = rng.random((3000, 2)) @ rng.normal(size=(2, 20)) + rng.normal(0, 0.012, (3000, 20))
    found = dimension.two_nearest(bent)
    assert found[0].value > found[-1].value + 1
    assert dimension.steady(found)[0] < found[0].value


def test_repeated_rows_have_no_dimension_of_their_own() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((600, 2))
    assert dimension.two_nearest(np.repeat(x, 3, axis=0))[0].value == pytest.approx(2, abs=0.3)


def test_participation_and_classes() -> None:
    rng = np.random.default_rng(0)
    assert dimension.participation(rng.normal(size=(4000, 5)))[0] == pytest.approx(5, abs=0.1)
    codes = rng.integers(0, 4, 2000)
    assert dimension.between(rng.normal(size=(2000, 6)), codes, 4) < 0.003
    apart = np.eye(4)[codes] * 4 + rng.normal(size=(2000, 4))
    assert dimension.between(apart, codes, 4) == pytest.approx(12 / (12 + 4), abs=0.02)


# words --------------------------------------------------------------------------------------------------------


def read(said: list[str]) -> words.Words:
    table = pa.table({"t": pa.array(said, pa.large_string())})
    data = Dataset(
        Recognised("text", "none"), table, np.zeros(len(said), np.int16), ("",), "x", str, {"t": "text"}, text="t"
    )
    return words.tokens(Survey(data, Measured()), np.arange(len(said)))


def test_tokens_and_what_can_be_done_to_them() -> None:
    found = read(["Hello, hello world!", "", "日本語 ok"])
    assert [found.forms[i] for i in found.form] == ["Hello", ",", "hello", "world", "!", "日", "本", "語", "ok"]
    assert found.lengths.tolist() == [5, 0, 4] and found.place.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3]
    plain = found.spelled([f.lower() if f.isalnum() else None for f in found.forms])
    assert [plain.forms[i] for i in plain.form] == ["hello", "hello", "world", "日", "本", "語", "ok"]
    assert (found.known(2).form >= 0).sum() == 2


def test_runs_of_words_stay_together_within_their_text() -> None:
    found = read([" ".join(f"a{i}" for i in range(12)), " ".join(f"b{i}" for i in range(12))])
    mixed = found.mixed(3)
    assert sorted(mixed.form[:12].tolist()) == sorted(found.form[:12].tolist())
    runs = [tuple(mixed.form[i : i + 3]) for i in range(0, 12, 3)]
    assert sorted(runs) == [tuple(found.form[i : i + 3]) for i in range(0, 12, 3)] and runs != sorted(runs)
    assert sorted(found.mixed(-4).form.tolist()) == sorted(found.form.tolist())


def test_counts_leave_out_both_folds() -> None:
    y = np.array([0, 1] * 30)
    found = labelled(y)
    one = words.Block.of(found, np.arange(60), np.zeros(60, int))
    said = one.said(found, 0)
    assert one.size == 1 and np.allclose(said, said[0, 0] * np.array([1, 1]), atol=0.3)
    alone = words.Block.of(found, np.arange(60), np.arange(60))
    assert alone.size == 0 and (alone.said(found, 0) == 0).all()


# series -------------------------------------------------------------------------------------------------------


def of_series(x: np.ndarray, lengths: np.ndarray | None = None) -> rocket.Courses:
    y = np.arange(len(x)) % 2
    lengths = np.full(len(x), x.shape[2]) if lengths is None else lengths
    return rocket.Courses(labelled(y), x.astype(np.float32), lengths, ("a", "b")[: x.shape[1]])


def test_convolutions_of_series_are_those_of_the_definition() -> None:
    x = np.random.default_rng(0).normal(size=(3, 2, 20)).astype(np.float32)
    seen = rocket._windows(x, 3, 4)
    assert seen.shape == (3, 20, 6)
    np.testing.assert_allclose(seen[:, 10, 2:4], x[:, :, 10])  # the middle tap
    np.testing.assert_allclose(seen[:, 10, 0:2], x[:, :, 6])
    assert (seen[:, 2, 0:2] == 0).all()


def test_what_lies_beyond_the_end_is_not_seen() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(70, 2, 30))
    lengths = rng.integers(12, 31, 70)
    x[np.broadcast_to(np.arange(30) >= lengths[:, None, None], x.shape)] = 0
    short = of_series(x, lengths)
    longer = of_series(np.pad(x, ((0, 0), (0, 0), (0, 9))), lengths)
    np.testing.assert_allclose(rocket.see(short, 5), rocket.see(longer, 5), atol=1e-4)


def test_what_can_be_done_to_series() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(16)
    x = rng.normal(size=(60, 1, 1)) * 5 + rng.normal(size=(60, 1, 1)) * time + rng.normal(size=(60, 1, 16))
    seen = of_series(x)
    assert np.abs(rocket.level_free(seen).x.mean(axis=2)).max() < 1e-4
    assert np.abs(rocket.trend_free(seen).x @ (time - 7.5)).max() < 0.01
    assert rocket.share_gone(seen, rocket.trend_free(seen)) > 0.9
    coarse = rocket.averaged(seen, 4)
    np.testing.assert_allclose(coarse.x, seen.x.reshape(60, 1, 4, 4).mean(axis=3), atol=1e-5)
    turned = rocket.turned(seen, 0.25).x
    np.testing.assert_allclose(np.sort(turned, axis=2), np.sort(seen.x, axis=2))
    last = rocket.blurred(seen, 5).x
    np.testing.assert_allclose(last[:, :, -1], seen.x[:, :, -1])
    np.testing.assert_allclose(last[:, 0, 10:15].std(axis=1), 0, atol=1e-5)


# characters ---------------------------------------------------------------------------------------------------


def spoken(rows: list[str]) -> grams.Stream:
    table = pa.table({"t": pa.array(rows, pa.large_string())})
    known = Recognised("characters", "none")
    data = Dataset(known, table, np.zeros(len(rows), np.int16), ("",), "x", str, {"t": "text"}, text="t")
    return grams.stream(Survey(data, Measured()))


def test_probabilities_of_all_symbols_sum_to_one() -> None:
    rng = np.random.default_rng(0)
    found = spoken(["".join(rng.choice(list("abcd"), 60, p=[0.5, 0.3, 0.15, 0.05])) for _ in range(200)])
    at = found.held[50]
    total = np.zeros(4)
    for symbol in range(len(found.symbols)):
        asked = found.x.copy()
        asked[at] = symbol
        other = grams.Stream(asked, found.symbols, np.array([at]), found.counted, found.run[:1], found.place)
        total += np.array([c[0] for c in grams.grams(other, orders=3)])
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_bits_of_coin_flips_and_of_a_sentence_said_again() -> None:
    rng = np.random.default_rng(0)
    coins = spoken(["".join(rng.choice(list("ht"), 200)) for _ in range(100)])
    bits = [-np.log2(c).mean() for c in grams.grams(coins)]
    assert min(bits) == pytest.approx(1.0, abs=0.06)  # the line ends cost a little
    again = spoken(["the quick brown fox jumps over the lazy dog"] * 300)
    assert -np.log2(grams.grams(again)[-1]).mean() < 0.05
    assert not set(again.held.tolist()) & set(again.counted.tolist())


def test_a_cache_remembers_what_was_said_shortly_before() -> None:
    rng = np.random.default_rng(0)
    found = spoken(["".join(rng.choice(list("abcdefgh"), 40)) * 6 for _ in range(100)])
    base = grams.grams(found, orders=3)[-1]
    near, far = (grams.cached(found, base, reach) for reach in (20, 100))
    assert -np.log2(far).mean() < 1.6 < 2.5 < -np.log2(near).mean()
