"""Law 2: what a script writes in an experiment goes to a scratch place, and the script does not notice."""

import hashlib
import os
from pathlib import Path

import pytest

TRAIN = """
import torch
from torch import nn
torch.manual_seed(0)
net = nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for _ in range(3):
    loss = net(torch.randn(8, 4)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""

EVERYTHING = (
    TRAIN
    + """
import glob, os, shutil, tempfile, json, sqlite3
from pathlib import Path

# appends, and reads back what was there
with open("log.txt", "a") as f:
    f.write("second\\n")
assert open("log.txt").read() == "first\\nsecond\\n"
# writes anew, truncates
Path("settings.json").write_text(json.dumps({"a": 2}))
assert json.loads(Path("settings.json").read_text()) == {"a": 2}
# makes folders, saves, keeps the last two checkpoints, loads
os.makedirs("runs/one/deep")
for k in range(4):
    torch.save(net.state_dict(), f"runs/one/deep/{k}.pt")
    kept = sorted(glob.glob("runs/one/deep/*.pt"))
    for old in kept[:-2]:
        os.remove(old)
assert [p.name for p in sorted(Path("runs/one/deep").iterdir())] == ["2.pt", "3.pt"]
net.load_state_dict(torch.load("runs/one/deep/3.pt"))
# renames a file of the person's, and one of its own
os.rename("old.txt", "new.txt")
assert not os.path.exists("old.txt") and Path("new.txt").read_text() == "old"
Path("runs/a").write_text("a"); os.replace("runs/a", "runs/b")
assert Path("runs/b").exists() and not Path("runs/a").exists()
# removes a file and a whole folder, and makes them anew
os.unlink("gone.txt")
assert "gone.txt" not in os.listdir(".")
try:
    open("gone.txt")
except FileNotFoundError:
    pass
else:
    raise AssertionError("still there")
shutil.rmtree("results")
assert not os.path.isdir("results")
os.makedirs("results"); assert os.listdir("results") == []
Path("results/x.txt").write_text("x")
assert [p.name for p in Path("results").rglob("*")] == ["x.txt"]
# copies, moves, temporary files, a database
shutil.copy("data.bin", "runs/copy.bin"); shutil.move("runs/copy.bin", "moved.bin")
assert Path("moved.bin").read_bytes() == b"data"
with tempfile.NamedTemporaryFile() as f:
    f.write(b"1")
database = sqlite3.connect("metrics.db")
database.execute("create table if not exists t (a)"); database.execute("insert into t values (1)"); database.commit()
with open("data.bin", "r+b") as f:
    f.seek(1); f.write(b"X")
assert Path("data.bin").read_bytes() == b"dXta"
# another folder of the person's
(Path.home() / "elsewhere.txt").write_text("x")
"""
)


def snapshot(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "folder"
        for p in sorted(folder.rglob("*"))
        if "out" not in p.relative_to(folder).parts
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    (tmp_path / "log.txt").write_text("first\n")
    (tmp_path / "settings.json").write_text('{"a": 1}')
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "gone.txt").write_text("gone")
    (tmp_path / "data.bin").write_bytes(b"data")
    (tmp_path / "results" / "deep").mkdir(parents=True)
    (tmp_path / "results" / "deep" / "r.txt").write_text("r")
    (tmp_path / "home").mkdir()
    (tmp_path / "program.py").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def test_writes_go_elsewhere(experiment, folder: Path):
    (folder / "program.py").write_text(EVERYTHING)
    before = snapshot(folder)
    outcome = experiment(EVERYTHING)
    assert outcome.trace is not None, outcome.reason
    assert snapshot(folder) == before


def test_other_programs_cannot_write_either(experiment, folder: Path):
    program = TRAIN + "import subprocess\nassert subprocess.run(['touch', 'touched.txt']).returncode != 0"
    (folder / "program.py").write_text(program)
    before = snapshot(folder)
    outcome = experiment(program)
    if not _landlocked():
        pytest.skip("this kernel has no Landlock: other programs' writing is not stopped")
    assert outcome.trace is not None, outcome.reason
    assert snapshot(folder) == before


def _landlocked() -> bool:
    import ctypes
    import sys

    return sys.platform.startswith("linux") and ctypes.CDLL(None).syscall(444, None, 0, 1) >= 1


def test_reading_is_as_ever(experiment, folder: Path):
    program = (
        TRAIN
        + """
from pathlib import Path
import os
assert Path("settings.json").read_text() == '{"a": 1}'
assert sorted(os.listdir("results")) == ["deep"]
with os.scandir("results") as entries:
    assert [e.name for e in entries if e.is_dir()] == ["deep"]
assert os.path.getsize("data.bin") == 4
assert next(os.walk("results"))[1] == ["deep"]
try:
    open("no/such/folder.txt", "w")
except FileNotFoundError as e:
    assert "no/such" in str(e)
else:
    raise AssertionError
"""
    )
    assert experiment(program).trace is not None


def test_workers_of_a_loader_still_work(experiment, folder: Path):
    program = (
        TRAIN
        + """
from torch.utils.data import DataLoader, TensorDataset
data = TensorDataset(torch.randn(64, 4))
for (x,) in DataLoader(data, batch_size=8, num_workers=2):
    net(x)
"""
    )
    outcome = experiment(program)
    assert outcome.trace is not None, outcome.reason
    assert os.path.exists(folder)


def test_safetensors_are_redirected_too(experiment, folder: Path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    program = (
        TRAIN
        + """
from safetensors import safe_open
from safetensors.torch import load_file, save_file
save_file({"w": torch.ones(2)}, "w.safetensors")
assert load_file("w.safetensors")["w"].tolist() == [1, 1]
with safe_open("w.safetensors", "pt") as f:
    assert f.get_tensor("w").tolist() == [1, 1]
"""
    )
    outcome = experiment(program)
    assert outcome.trace is not None, outcome.reason
    assert not (folder / "w.safetensors").exists()
