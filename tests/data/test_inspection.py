"""One inspection from start to telling: the cache, Ctrl-C, exit codes, Python and notebooks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import trainloud
from trainloud.cli import main
from trainloud.data import conduct
from trainloud.data.cache import Cache
from trainloud.data.dataset import SourceError
from trainloud.data.inspector import inspectors

NOISE = np.random.default_rng(0).normal(size=(300, 3))
ROWS = "\n".join(f"{a:.3f},{b:.3f},{'yes' if a + c > 0 else 'no'}" for a, b, c in NOISE)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test alone, and a folder to work in."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text(f"a,b,answer\n{ROWS}\n")
    return tmp_path


def told(*words: str, code: int = 0) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["inspect", *words, "--no-probes", "--out", "out", "--format", "json"])
    assert done.exit_code == code, done.output
    return json.loads(Path("out/findings.json").read_text())


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in found.items() if k != "seconds"}


def test_a_second_run_says_the_same_from_the_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = told("table.csv", "--target", "answer")

    def never(*_: Any) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(conduct, "judge", never)
    assert without_times(told("table.csv", "--target", "answer")) == without_times(first)


def test_changed_data_is_asked_again(home: Path) -> None:
    assert "duplicate-examples" not in [f["fault"] for f in told("table.csv", "--target", "answer")["findings"]]
    many = "\n".join([ROWS, *ROWS.splitlines()[:40]])
    (home / "table.csv").write_text(f"a,b,answer\n{many}\n")
    found = told("table.csv", "--target", "answer", "--fail-on", "never")
    assert {c["fault"]: c["outcome"] for c in found["checks"]}["duplicate-examples"] == "fired"


def test_ctrl_c_keeps_what_was_answered(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = conduct.judge

    def third_time(entry: Any, survey: Any) -> Any:
        asked.append(entry.item.fault)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return real(entry, survey)

    monkeypatch.setattr(conduct, "judge", third_time)
    cut = told("table.csv", "--target", "answer", code=130)
    reasons = [c["reason"] for c in cut["checks"]]
    assert reasons.count("interrupted before it was asked") == len(reasons) - 2
    assert len({c["fault"] for c in cut["checks"]}) == len(reasons), "one answer each"
    again = told("table.csv", "--target", "answer")
    assert asked.count(asked[0]) == 1, "the first answer came from the cache"
    assert not any("interrupted" in c["reason"] for c in again["checks"])


def test_a_failure_of_our_own_is_said_and_not_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = inspectors()["contradicting-labels"]

    def broken(survey: Any) -> None:
        raise MemoryError("too much")

    with monkeypatch.context() as patched:
        patched.setitem(entry.item.__dict__, "judge", broken)
        found = told("table.csv", "--target", "answer", "--select", "contradicting-labels", code=3)
    (check,) = found["checks"]
    assert check["outcome"] == "unknown" and "the inspector itself failed: MemoryError" in check["reason"]
    (check,) = told("table.csv", "--target", "answer", "--select", "contradicting-labels")["checks"]
    assert check["outcome"] == "passed"


def test_arrays_in_memory_never_share_answers(home: Path) -> None:
    rng = np.random.default_rng(0)
    sound, copied = rng.normal(size=(200, 6)), np.repeat(rng.normal(size=(100, 6)), 2, axis=0)
    first = trainloud.inspect(sound, val=rng.normal(size=(50, 6)), probes=False)
    second = trainloud.inspect(copied, val=rng.normal(size=(50, 6)), probes=False)
    assert "duplicate-examples" not in [f.fault for f in first.findings]
    assert "duplicate-examples" in [f.fault for f in second.findings]


def test_in_python_it_shows_itself(home: Path) -> None:
    found = trainloud.inspect("table.csv", target="answer", probes=False)
    assert "taken for a table, classes in 'answer' (2)" in repr(found)
    page = found._repr_html_()
    assert "300 examples" in page and len(page.encode()) < 60_000
    assert found.save("kept").read_text().startswith("<!doctype html>")


def test_what_cannot_be_read_is_an_error_in_one_line(home: Path) -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        trainloud.inspect("nowhere.csv")
    done = CliRunner().invoke(main, ["inspect", "nowhere.csv"])
    assert done.exit_code == 2 and "Traceback" not in done.output


@pytest.mark.parametrize("words", [("--select", "no-such-inspector"), ("--out", "table.csv"), ("--target", "zzz")])
def test_wrong_use_is_told_before_any_work(home: Path, words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, ["inspect", "table.csv", *words])
    assert done.exit_code == 2 and done.exception.__class__ is SystemExit


def test_without_a_place_for_the_cache_it_works_all_the_same(home: Path) -> None:
    (home / "cache").write_text("a file where the folder should be")
    assert told("table.csv", "--target", "answer")["exit"]["code"] == 0


def test_a_full_disk_only_means_that_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(str(tmp_path), "data")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    cache.keep_arrays("chunk", {"a": np.zeros(3)})
    assert cache.arrays("chunk") is None


@pytest.mark.parametrize("name", ["notes.txt.gz", "records.jsonl.gz", "table.csv.gz"])
def test_a_broken_archive_is_one_line(home: Path, name: str) -> None:
    import gzip

    whole = bytearray(gzip.compress(b'{"text": "a", "label": 1}\n' * 4000))
    whole[60:90] = bytes(30)
    (home / name).write_bytes(whole)
    done = CliRunner().invoke(main, ["inspect", name])
    assert done.exit_code in (1, 2) and not isinstance(done.exception, Exception), done.exception
