"""What a watched script fed to its network can be inspected, and keeping it changes nothing of the run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from trainloud.data.dataset import Asked, Dataset, Limits, SourceError
from trainloud.data.sources import open_dataset

pytest.importorskip("torch")
pytestmark = pytest.mark.slow
SCRIPT = """
import hashlib
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(140, 1, 10, 10)
y = (x[:, 0, 0, 0] > 0).long() + (x[:, 0, 0, 1] > 1).long()
model = nn.Sequential(nn.Flatten(), nn.Linear(100, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    model.train()
    for chosen in torch.randperm(100).split(25):
        batch = x[chosen].clone()
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch), y[chosen])
        loss.backward()
        optimizer.step()
        batch.zero_()  # what was kept must be a copy
    model.eval()
    with torch.no_grad():
        nn.functional.cross_entropy(model(x[100:]), y[100:])
state = b"".join(p.detach().numpy().tobytes() for p in model.parameters()) + torch.get_rng_state().numpy().tobytes()
print("digest", hashlib.sha256(state).hexdigest())
"""


def ran(folder: Path, *command: str) -> str:
    """The digest of weights and random state that the script prints."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"digest (\w+)", done.stdout)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "train.py").write_text(dedent(SCRIPT))
    plain = ran(folder, "train.py")
    watched = ran(folder, "-m", "trainloud", "watch", "--keep-examples", "60", "--quiet", "--out", "out", "train.py")
    assert watched == plain, "keeping examples changed the run"
    return folder / "out"


def right(data: Dataset) -> bool:
    """Whether every label is the one that the script made of this picture."""
    assert data.pictures is not None
    made = []
    for row in range(len(data)):
        pixels = np.asarray(data.pictures.array(row)).reshape(10, 10)
        made.append(str(int(pixels[0, 0] > 0) + int(pixels[0, 1] > 1)))
    return made == data.table.column("label").to_pylist()


def test_the_kept_examples_are_those_that_entered(run: Path) -> None:
    data = open_dataset(run, Asked(), Limits())
    assert data.recognised.kind == "images" and data.recognised.task == "classes"
    assert {s: int((data.split == i).sum()) for i, s in enumerate(data.splits)} == {"train": 60, "eval": 40}
    assert right(data)
    assert data.pictures is not None
    assert len({data.pictures.array(r).tobytes() for r in range(100)}) == 100, "an example stands there twice"
    assert "60 of the 100 different ones in train and 40 of the 40 different ones in eval" in data.notes[0]


def test_a_trace_alone_gives_the_first_of_a_few_batches_and_says_so(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "out")
    for kept in (tmp_path / "out").rglob("*.examples"):
        shutil.rmtree(kept)
    data = open_dataset(tmp_path / "out", Asked(), Limits())
    assert 20 <= len(data) < 100 and right(data)
    assert "the first of a few batches" in data.notes[0] and "--keep-examples" in data.notes[1]
    (trace,) = (tmp_path / "out").rglob("*.jsonl")
    trace.write_text(trace.read_text().splitlines()[0] + "\n")
    with pytest.raises(SourceError, match="the trace holds no example that entered a network"):
        open_dataset(tmp_path / "out", Asked(), Limits())
