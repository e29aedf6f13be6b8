"""Texts and series: how they are read, what is measured of them, what is told on real data."""

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from trainloud.core.finding import Finding
from trainloud.core.inspection import Recognised
from trainloud.data.cache import Cache
from trainloud.data.dataset import Asked, Dataset, Limits, SourceError
from trainloud.data.inspector import inspectors, judge
from trainloud.data.measure import measure
from trainloud.data.methods.shingles import alike, groups, jaccard
from trainloud.data.methods.spans import digests, flat, plain, words
from trainloud.data.sources import open_dataset
from trainloud.data.survey import Survey

Shared = Callable[[str], Path]


def opened(path: Path, **asked: str) -> Dataset:
    return open_dataset(str(path), Asked(**asked), Limits())  # type: ignore[arg-type]


def surveyed(data: Dataset, limits: Limits | None = None) -> Survey:
    limits = limits or Limits()
    return Survey(data, measure(data, limits, Cache(""), lambda *_: None), limits)


def texts(of: Sequence[str], labels: Sequence[str] = (), split: Sequence[int] = (), kind: str = "text") -> Survey:
    columns = {"text": pa.chunked_array([pa.array(of, pa.large_string())])}
    if labels:
        columns["label"] = pa.chunked_array([pa.array(labels, pa.string()).dictionary_encode()])
    return surveyed(
        Dataset(
            Recognised(kind, "classes" if labels else "none", "label" if labels else ""),  # type: ignore[arg-type]
            pa.table(columns),
            np.array(split or [0] * len(of), np.int16),
            ("train", "test") if split else ("",),
            "",
            lambda row: f"row {row}",
            {"text": "text"} | ({"label": "category"} if labels else {}),  # type: ignore[arg-type]
            text="text",
        )
    )


def asked(fault: str, survey: Survey) -> Finding:
    found = judge(inspectors()[fault], survey)
    assert "itself failed" not in found.measured, found.measured
    return found


def rows_of(data: Dataset) -> list[str]:
    data.table.column("text").validate(full=True)
    return data.table.column("text").to_pylist()


# plain text ---------------------------------------------------------------------------------------------------------


def test_lines_paragraphs_and_blocks_are_rows_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("emma\nolivia\nava")
    (tmp_path / "play.txt").write_text("First:\nhello\n\nSecond:\nbye\n\n\n")
    (tmp_path / "stream.txt").write_text("wörd " * 5000)
    names, play, stream = (opened(tmp_path / f"{n}.txt") for n in ("names", "play", "stream"))
    assert rows_of(names) == ["emma", "olivia", "ava"] and names.name_of(2) == "names.txt:3"
    assert "a row is a line" in names.recognised.why
    assert rows_of(play) == ["First:\nhello", "Second:\nbye"] and play.name_of(1) == "play.txt:4"
    assert "a row is a paragraph: 43% of 7 lines are empty" in play.recognised.why
    assert "".join(rows_of(stream)) == "wörd " * 5000 and stream.name_of(1) == "stream.txt, block 2"


def test_real_streams(shared: Shared) -> None:
    names, play = opened(shared("text/makemore_names.txt")), opened(shared("text/tinyshakespeare.txt"))
    assert (len(names), names.recognised.kind) == (32_033, "characters")
    assert len(play) == 7_222 and rows_of(play)[0] == "First Citizen:\nBefore we proceed any further, hear me speak."


@pytest.mark.parametrize(
    "raw, expected, encoding",
    [
        ("hello\r\nwörld 🎉\r\n".encode("utf-16"), ["hello", "wörld 🎉"], "utf-16-le"),
        (("hello there\nmy friend\n" * 20).encode("utf-16-be"), ["hello there", "my friend"] * 20, "utf-16-be"),
        (b"\xef\xbb\xbfhello\nyou\n", ["hello", "you"], "utf-8"),
        ("café\nnaïve “x”\n".encode("cp1252"), ["café", "naïve “x”"], "cp1252"),
        (b"one\rtwo\rthree", ["one", "two", "three"], "utf-8"),
    ],
)
def test_encodings_and_line_ends(raw: bytes, expected: list[str], encoding: str, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "t.txt.gz", "wb") as file:
        file.write(raw)
    data = opened(tmp_path / "t.txt.gz")
    assert rows_of(data) == expected and encoding in data.recognised.form


def test_invalid_bytes_are_told_by_line(tmp_path: Path) -> None:
    sound = "ähnlich größer\n".encode()
    (tmp_path / "t.txt").write_bytes(sound * 3 + b"bro\xffken\n" + sound + b"a\x00b\r\nc\n")
    data = opened(tmp_path / "t.txt")
    told = {(t.kind, t.name): t.what for t in data.troubles}
    assert told["encoding", "t.txt:4"] == "the bytes ff are no UTF-8"
    assert told["encoding", "t.txt:6"] == "a NUL byte in the text"
    assert told["line-ends", "t.txt"] == "mixed line ends: 6 \\n, 1 \\r\\n"
    found = asked("broken-encoding", surveyed(data))
    assert "1 hold U+FFFD" in found.measured and "first t.txt:4: the bytes ff are no UTF-8" in found.measured


@pytest.mark.parametrize(
    "raw, words_",
    [(bytes(range(256)) * 50, "control characters: this is no text"), (b" \n\n\t", "no text in it, white space only")],
)
def test_what_is_no_text_is_refused_in_one_line(raw: bytes, words_: str, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(raw)
    with pytest.raises(SourceError, match=words_):
        opened(tmp_path / "t.txt")


def test_rows_stay_whole_across_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainloud.data.sources.texts.decoding.PIECE", 1000)
    lines = [f"Zeile {i} " + "ü" * (i % 40) for i in range(9000)]
    (tmp_path / "t.txt").write_text("\n".join(lines), encoding="utf-8")
    data = opened(tmp_path / "t.txt")
    assert rows_of(data) == lines and data.name_of(8999) == "t.txt:9000"


def test_very_long_lines_are_cut_and_told(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("short\n" * 9000 + "ä" * 50_000 + "\nend\n")
    data = opened(tmp_path / "t.txt")
    assert len(data) == 9003 and rows_of(data)[-1] == "end" and data.name_of(9002) == "t.txt:9002"
    assert [t.what for t in data.troubles] == ["1 line of more than 65,536 bytes cut there"]


# folders of texts, records ------------------------------------------------------------------------------------------


def write(root: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_class_folders_under_splits(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        f"imdb/{s}/{c}/{i}_7.txt": f"A {c} review, {i}"
        for s in ("train", "test")
        for c in ("pos", "neg")
        for i in range(40)
    }
    files |= {f"imdb/train/unsup/{i}_0.txt": f"A review, {i}" for i in range(10)}
    files |= {"imdb/README": "about", "imdb/imdb.vocab": "a\nb", "imdb/train/urls_pos.txt": "http://x"}
    write(tmp_path, files)
    data = opened(tmp_path / "imdb")
    assert (data.recognised.kind, data.recognised.task, data.recognised.target) == ("text", "classes", "folder")
    assert data.splits == ("train", "test") and np.bincount(data.split).tolist() == [90, 80]
    assert data.table.column("folder").null_count == 10
    assert {t.name for t in data.troubles} == {"README", "imdb.vocab", "train/urls_pos.txt"}
    assert "10 texts in folders named 'unsup' are taken to have no label" in data.notes


def test_newsgroups_files_without_suffix_in_latin_1(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            f"news-bydate-{s}/{c}/{50000 + i}": f"Subject: {c}\n\ncafé {i}".encode("latin-1")
            for s in ("train", "test")
            for c in ("alt.atheism", "sci.space")
            for i in range(10)
        },
    )
    data = opened(tmp_path)
    assert set(data.splits) == {"train", "test"} and len(data) == 40
    assert "café" in rows_of(data)[0] and "cp1252" in data.recognised.form


def test_files_named_after_splits_are_streams(tmp_path: Path) -> None:
    write(tmp_path, {f"wiki.{s}.tokens": "Title\n\nSome text.\n\n" * 20 for s in ("train", "valid", "test")})
    data = opened(tmp_path)
    assert data.recognised.kind == "characters" and data.splits == ("train", "val", "test")
    assert np.bincount(data.split).tolist() == [40, 40, 40]


def test_json_lines_with_broken_lines(tmp_path: Path) -> None:
    records = [json.dumps({"text": f"a text that is long enough, {i}", "label": "ab"[i % 2]}) for i in range(60)]
    (tmp_path / "t.jsonl").write_text("\n".join([*records[:10], '{"text": "bro', *records[10:], "[1]"]))
    data = opened(tmp_path / "t.jsonl")
    assert (len(data), data.recognised.kind, data.recognised.target) == (60, "text", "label")
    assert [t.name for t in data.troubles] == ["t.jsonl:11", "t.jsonl:62"] and data.name_of(10) == "t.jsonl:12"
    (tmp_path / "t.json").write_text(json.dumps({"data": [json.loads(r) for r in records]}))
    assert len(opened(tmp_path / "t.json")) == 60


# series -------------------------------------------------------------------------------------------------------------

TS = """#about
@problemName x
@univariate false
@dimensions 2
@seriesLength 3
@classLabel true a b
@data
1,2,3:4,5,6:a
1,?,3:4,NaN,6:b
1,2:4,5,6:a
1,2,x:4,5,6:a
1,2,3:a
1,2,3:4,5,6:c
"""


def test_ts_format_with_broken_lines(tmp_path: Path) -> None:
    (tmp_path / "x.ts").write_text(TS)
    data = opened(tmp_path / "x.ts")
    assert len(data) == 4 and data.series is not None
    np.testing.assert_array_equal(data.series(1), np.array([[1, np.nan, 3], [4, np.nan, 6]], np.float32))
    np.testing.assert_array_equal(data.series(2), np.array([[1, 2, np.nan], [4, 5, 6]], np.float32))
    told = {t.name: t.what for t in data.troubles}
    assert told["x.ts:11"] == "'x' is no number: left out"
    assert told["x.ts:12"] == "channels: 1; expected 2: left out"
    assert told["x.ts:13"] == "the class 'c' is none of the 2 in the header"


def test_ts_regression_with_time_stamps(tmp_path: Path) -> None:
    (tmp_path / "r.ts").write_text("@timestamps true\n@targetlabel true\n@data\n(0,1.5),(1,2.5):3.5\n(0,1.0),(1,?):4\n")
    data = opened(tmp_path / "r.ts")
    assert data.recognised.task == "number" and data.table.column("target").to_pylist() == [3.5, 4.0]
    assert data.series is not None and data.series(0).tolist() == [[1.5, 2.5]]


def test_real_series(shared: Shared) -> None:
    train = opened(shared("sequence/JapaneseVowels_TRAIN.ts"))
    assert len(train) == 270 and "12 channels of 7 to 26 steps" in train.recognised.why
    survey = surveyed(train)
    assert survey.measured.axes["length"].min() == 7 and survey.labels is not None and len(survey.labels[1]) == 9
    assert "7 to 26 steps" in asked("series-lengths-uneven", survey).measured
    for fault in ("constant-channels", "series-with-gaps", "clipped-series", "stuck-sensor"):
        assert asked(fault, survey).outcome == "passed", fault


def test_stuck_sensors_of_a_real_series_are_told_by_line(shared: Shared) -> None:
    survey = surveyed(opened(shared("sequence/ETTh1.csv")))
    found = asked("stuck-sensor", survey)
    assert "LUFL stays at 8.285 for 141 steps from ETTh1.csv:9311 on" in found.measured and found.severity == "note"
    assert "OT has the mean 16.29 in the first 70% and 6.395 after it" in asked("level-shift", survey).measured


def test_series_are_measured_with_known_numbers(tmp_path: Path) -> None:
    lines = ["@univariate true", "@classLabel true a b", "@data", "1,2,3,4:a", "5,5,5,5:b", "1,?,3,?:a", "?,?,?,?:b"]
    (tmp_path / "s.ts").write_text("\n".join(lines))
    survey = surveyed(opened(tmp_path / "s.ts"))
    axes = survey.measured.axes
    np.testing.assert_array_equal(axes["length"], [4, 4, 3, 0])
    np.testing.assert_allclose(axes["mean"], [2.5, 5, 2, np.nan])
    np.testing.assert_allclose(axes["flat share"], [0, 1, np.nan, np.nan])
    np.testing.assert_allclose(axes["missing share"], [0, 0, 1 / 3, np.nan], rtol=1e-6)
    assert asked("constant-channels", survey).evidence["rows"] == [1]
    gaps = asked("series-with-gaps", survey)
    assert "1 of 4 series has gaps" in gaps.measured and "1 series has no value at all" in gaps.measured


# measuring texts ----------------------------------------------------------------------------------------------------


def test_texts_are_measured_with_known_numbers() -> None:
    survey = texts(["Hello hello WORLD 42!", "", "naïve Ã© café", "при́вет <br/> &amp; www.x.org", "a\x07b\ufffd"])
    axes = survey.measured.axes
    np.testing.assert_array_equal(axes["length"], [21, 0, 13, 29, 4])
    np.testing.assert_array_equal(axes["words"], [4, 0, 3, 6, 2])
    np.testing.assert_allclose(axes["distinct-word share"][:2], [0.75, np.nan])
    np.testing.assert_allclose(axes["digit share"][0], 2 / 21, rtol=1e-6)
    np.testing.assert_allclose(axes["upper-case share"][0], 6 / 15)
    np.testing.assert_array_equal(axes["garbled sequences"], [0, 0, 1, 0, 0])
    np.testing.assert_array_equal(axes["markup"], [0, 0, 0, 2, 0])
    np.testing.assert_array_equal(axes["links"], [0, 0, 0, 1, 0])
    np.testing.assert_array_equal(axes["control characters"], [0, 0, 0, 0, 1])
    np.testing.assert_array_equal(axes["replacement characters"], [0, 0, 0, 0, 1])
    codes, names = survey.measured.words["script"]
    assert [names[c] if c >= 0 else "" for c in codes[:3]] == ["Latin", "", "Latin"]


def test_entropy_is_shannons() -> None:
    entropy = texts(["aaaa", "abab", "abcd"]).measured.axes["entropy"]
    np.testing.assert_allclose(entropy, [0, 1, 2], atol=1e-6)


def test_digests_are_equal_for_equal_texts_alone() -> None:
    some = ["a", "b", "ab", "ba", "a" * 8, "a" * 9, "a" * 16, "", " ", "a ", "ab" * 500, "ba" * 500, "a\0", "\0a"]
    found = digests(*flat(pa.array(some + some)))
    assert (found[: len(some)] == found[len(some) :]).all() and len(np.unique(found, axis=0)) == len(some)
    numbers = digests(*flat(pa.array([str(i) for i in range(200_000)])))
    assert len(np.unique(numbers[:, 0])) == len(np.unique(numbers[:, 1])) == 200_000


def test_words_do_not_reach_over_texts() -> None:
    begin, length, text = words(*flat(pa.array(["ab", "cd ef", "", "ü-x"])))
    assert text.tolist() == [0, 1, 1, 3, 3] and length.tolist() == [2, 2, 2, 2, 1] and begin[1] == 2
    data, offsets = plain(*flat(pa.array(["A, b!", "..", "c"])))
    assert data.tobytes() == b"a b c" and offsets.tolist() == [0, 4, 4, 5]


# near-duplicates ----------------------------------------------------------------------------------------------------


def random_texts(n: int, seed: int = 0, words_: int = 30) -> list[str]:
    chance = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    vocabulary = ["".join(chance.choice(letters, chance.integers(3, 9))) for _ in range(2000)]
    return [" ".join(chance.choice(vocabulary, words_)) for _ in range(n)]


def test_similar_texts_are_found_and_no_others() -> None:
    some = random_texts(1500)
    changed = [" ".join(["new", *t.split()[:12], "other", *t.split()[13:]]) for t in some[:300]]
    column = pa.chunked_array([pa.array(some + changed, pa.large_string())])
    found = alike(column, np.arange(len(column)), 0.7)
    planted = jaccard(column, np.arange(300), np.arange(1500, 1800), 5)
    assert set(zip(found.first, found.second, strict=True)) <= {(i, 1500 + i) for i in range(300)}
    assert len(found.first) >= 0.97 * (planted >= 0.7).sum() and (planted >= 0.7).sum() > 250
    sets = [{t[i : i + 5] for i in range(len(t) - 4)} for t in (some[0], changed[0])]
    assert planted[0] == pytest.approx(len(sets[0] & sets[1]) / len(sets[0] | sets[1]))


def test_groups_are_linked_over_others() -> None:
    found = groups(np.array([1, 2, 7, 9]), np.array([2, 5, 8, 1]))
    assert [g.tolist() for g in found] == [[1, 2, 5, 9], [7, 8]]


def test_short_texts_that_repeat_are_no_near_duplicates() -> None:
    survey = texts(["ok", "Ok.", "OK lar", "see you", "See you!"] * 20 + random_texts(50))
    assert asked("near-duplicate-texts", survey).outcome == "passed"


def test_one_mould_is_not_judged() -> None:
    of = [
        f"The patient with the number {i} was admitted to the ward on day {i * 7 % 31} and sent home"
        for i in range(300)
    ]
    found = asked("near-duplicate-texts", texts(of))
    assert found.outcome == "unknown" and "made from one mould" in found.measured


def test_texts_of_a_small_alphabet_are_compared_by_longer_runs() -> None:
    chance = np.random.default_rng(0)
    of = ["".join(chance.choice(list("acgt"), 2000)) for _ in range(100)]
    found = asked("near-duplicate-texts", texts([*of, of[3][:250] + "tt" + of[3][252:]]))
    assert (
        found.outcome == "fired" and found.evidence["members"] == [[3, 100]] and "runs of 9 letters" in found.measured
    )


def test_real_texts(shared: Shared) -> None:
    sms = surveyed(opened(shared("text/sms_spam.tsv")))
    content = sms.measured.content
    assert content is not None and len(content) - len(np.unique(content, axis=0)) == 403
    near = asked("near-duplicate-texts", sms)
    assert near.severity == "note" and near.evidence["groups"] > 100 and near.evidence["different_labels"] == 0
    assert "35 hold control characters" in asked("broken-encoding", sms).measured
    for fault in ("empty-texts", "truncated-texts", "boilerplate", "single-word-predicts-label"):
        assert asked(fault, sms).outcome == "passed", fault
    names = surveyed(opened(shared("text/makemore_names.txt")))
    assert "2,539 of 32,033 rows repeat another (29,494 different)" in asked("repeated-lines", names).measured


def test_news_has_near_duplicates_and_markup(shared: Shared) -> None:
    news = surveyed(opened(shared("text/ag_news_test.csv")))
    near = asked("near-duplicate-texts", news)
    assert near.severity == "note" and 30 <= near.evidence["groups"] <= 60 and near.evidence["different_labels"] == 2
    assert "'#39;' 2,5" in asked("markup-in-text", news).measured
    for fault in ("empty-texts", "broken-encoding", "truncated-texts", "boilerplate", "attribute-predicts-label"):
        assert asked(fault, news).outcome == "passed", fault


def test_a_repeated_text_is_told_across_splits_alone_as_a_warning() -> None:
    some = random_texts(80)
    copies = [some[i].replace(some[i].split()[5], "other") for i in range(5)]
    inside = asked("near-duplicate-texts", texts(some + copies, split=[0] * 60 + [1] * 20 + [0] * 5))
    across = asked("near-duplicate-texts", texts(some + copies, split=[0] * 60 + [1] * 20 + [1] * 5))
    assert (inside.severity, inside.evidence["across"]) == ("note", 0)
    assert (across.severity, across.evidence["across"]) == ("warning", 5)


def test_a_limit_that_people_fill_is_no_truncation() -> None:
    chance = np.random.default_rng(1)
    lengths = np.minimum(chance.normal(120, 15, 3000).astype(int), 140)
    of = ["".join(chance.choice(list("abcdefg "), n - 1)) + "." for n in lengths]
    assert asked("truncated-texts", texts(of)).outcome == "passed"


def test_repeated_lines_across_given_splits() -> None:
    survey = texts(["a", "b", "c", "d", "a", "e"], split=[0, 0, 0, 0, 1, 1], kind="characters")
    assert "50.0% of the rows outside the training split" in asked("repeated-lines", survey).measured
