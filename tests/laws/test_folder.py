"""Law 2: nothing of the person's is written or changed, but the output folder."""

import sys
from pathlib import Path

import pytest

from laws.twice import Bench, execute

pytestmark = pytest.mark.slow

WRITING = """
    import os, pathlib, torch
    from torch import nn
    import helper

    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with open("log.txt", "a") as log:
        for step in range(6):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(torch.ones(4, 3)), torch.zeros(4, 1))
            loss.backward()
            optimizer.step()
            log.write(f"{step}\\n")
    torch.save(model.state_dict(), "last.pt")
    if os.path.exists("old.txt"):
        os.rename("old.txt", f"old-{len(list(pathlib.Path().glob('old-*')))}.txt")
    if os.path.exists("gone.txt"):
        os.remove("gone.txt")
    pathlib.Path("runs").mkdir(exist_ok=True)
    number = len(os.listdir("runs"))
    pathlib.Path("runs", str(number)).write_text("once")
"""


def contents(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file())
    # a checkpoint's and a byte code file's own bytes depend on folder and time; that they are there is the point
    return {str(p.relative_to(folder)): "" if p.suffix in (".pt", ".pyc") else p.read_text() for p in sorted(files)}


@pytest.fixture
def apart(bench: Bench, tmp_path: Path) -> Bench:
    bench.write("train.py", WRITING)
    bench.write("helper.py", "")
    bench.write("log.txt", "before\n")
    bench.write("old.txt", "old")
    bench.write("gone.txt", "to be deleted")
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    return bench


@pytest.mark.parametrize("command", ["watch", "check"])
@pytest.mark.parametrize("given_out", [True, False])
def test_the_folder_is_as_after_one_plain_run(apart: Bench, tmp_path: Path, command: str, given_out: bool):
    env = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp"), "PYTHONDONTWRITEBYTECODE": ""}
    home_before = contents(tmp_path / "home")
    assert execute([sys.executable, "train.py"], apart.plain_home, env=env).code == 0
    home_plain = contents(tmp_path / "home")
    out = ["--out", str(apart.out)] if given_out else []
    result = execute([sys.executable, "-m", "trainloud", command, *out, "train.py"], apart.watched_home, env=env)
    assert result.code in (0, 1), result.err
    after = contents(apart.watched_home)
    assert after == contents(apart.plain_home)
    assert after["log.txt"] == "before\n0\n1\n2\n3\n4\n5\n"
    assert contents(tmp_path / "home") == home_plain == home_before
    assert apart.out.exists() == given_out
    if given_out and command == "check":
        assert {"findings.json", "report.html"} <= {p.name for p in apart.out.iterdir()}
    assert contents(tmp_path / "tmp") == {}


def test_out_may_lie_in_the_folder_and_nothing_else_does(apart: Bench):
    before = set(contents(apart.watched_home)) - {"old.txt", "gone.txt"}
    result = execute([sys.executable, "-m", "trainloud", "check", "--out", "mine", "train.py"], apart.watched_home)
    assert result.code in (0, 1), result.err
    new = {name for name in set(contents(apart.watched_home)) - before if not name.startswith("mine/")}
    assert new == {"last.pt", "old-0.txt", "runs/0"}


def test_a_script_in_a_read_only_folder_can_be_checked(bench: Bench):
    bench.write("train.py", "print('nothing')")
    bench.watched_home.chmod(0o555)
    try:
        command = [sys.executable, "-m", "trainloud", "check", "--out", str(bench.out), "train.py"]
        result = execute(command, bench.watched_home)
    finally:
        bench.watched_home.chmod(0o755)
    assert result.code == 3
    assert result.out.startswith("nothing")
