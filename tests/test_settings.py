"""What the person may set, and what wrong use is told."""

from pathlib import Path

import pytest

from trainloud.core.finding import fired
from trainloud.core.place import Place
from trainloud.settings import SettingsError, ignored_in_code, settings

KNOWN = ("dead-relu", "input-not-scaled")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    return tmp_path


def test_the_nearest_pyproject_is_read(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.trainloud]\nignore = ["dead-relu"]\nfail-on = "error"\n')
    got = settings(None, (), (), KNOWN)
    assert (got.fail_on, got.ignore) == ("error", {"dead-relu": "pyproject.toml"})


def test_options_win(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.trainloud]\nselect = ["dead-relu"]\nfail-on = "error"\n')
    got = settings("note", ("input-not-scaled, dead-relu",), (), KNOWN)
    assert (got.fail_on, got.select) == ("note", ("input-not-scaled", "dead-relu"))


def test_without_any_the_defaults_hold(project: Path) -> None:
    (project / "pyproject.toml").write_text("[project]\n")
    got = settings(None, (), (), KNOWN)
    assert (got.fail_on, got.select, got.ignore) == ("warning", (), {})


@pytest.mark.parametrize(
    ("table", "select", "words"),
    [
        ("", ("ded-relu",), "no check is named 'ded-relu'"),
        ('ignore = "dead-relu"', (), "must be a list of fault names"),
        ('fail-on = "never-ever"', (), "fail-on is 'never-ever'"),
        ("ignore = [", (), "cannot be read"),
    ],
)
def test_wrong_use_is_told(project: Path, table: str, select: tuple[str, ...], words: str) -> None:
    (project / "pyproject.toml").write_text(f"[tool.trainloud]\n{table}\n")
    with pytest.raises(SettingsError, match=words):
        settings(None, select, (), KNOWN)


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("# trainloud: ignore[dead-relu] sparse on purpose", "sparse on purpose"),
        ("# trainloud: ignore[input-not-scaled, dead-relu]", "ignored in the code"),
        ("# trainloud: ignore", "ignored in the code"),
        ("# trainloud: ignore[input-not-scaled] raw", None),
        ("# nothing", None),
    ],
)
def test_comments_on_the_line(tmp_path: Path, comment: str, reason: str | None) -> None:
    script = tmp_path / f"train_{abs(hash(comment))}.py"
    script.write_text(f"import torch\nx = 1  {comment}\n")
    from dataclasses import replace

    finding = replace(fired("m", "e", Place(str(script), 2)), fault="dead-relu")
    assert ignored_in_code(finding) == reason
