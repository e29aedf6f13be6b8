"""What `bench/inspection.py` works with: processes whose cost is measured, peers, and data made with known faults.

A peer runs in its own interpreter, as a program in a temporary folder; what it prints is ignored, what it found it
writes into a file. Its cost is that of the whole process, as for trainloud.
"""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

LIMIT = 900  # seconds by the clock that one process may take

PEER_HEAD = """
import json, os, re, sys, warnings
warnings.filterwarnings("ignore")
out, words = sys.argv[1], sys.argv[2:]
try:
    import torch
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):  # which a torchvision built for another torch lacks
        library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
except Exception:
    pass
def tell(value):
    with open(out, "w") as file:
        json.dump(value, file)
"""
CLEANVISION = """
from cleanvision import Imagelab
lab = Imagelab(data_path=words[0])
lab.find_issues(n_jobs=int(words[1]) or None, verbose=False)
bad = [c for c in lab.issues.columns if c.startswith("is_")]
tell([os.path.basename(p) for p in lab.issues.index[lab.issues[bad].any(axis=1)]])
"""
FASTDUP = """
import fastdup, tempfile
fd = fastdup.create(work_dir=tempfile.mkdtemp(dir=os.path.dirname(out)), input_dir=words[0])
fd.run(overwrite=True, verbose=False)
tell([os.path.basename(p) for p in fd.invalid_instances()["filename"]])
"""
SPURIOUS = """
import numpy as np
from cleanvision import Imagelab
from cleanlab.datalab.internal.spurious_correlation import SpuriousCorrelations
lab = Imagelab(data_path=words[0])
lab.find_issues(n_jobs=1, verbose=False)
names = [os.path.basename(os.path.dirname(p)) for p in lab.issues.index]
labels = np.unique(names, return_inverse=True)[1]
columns = [c for c in lab.issues.columns if c.endswith("_score")]
scores = SpuriousCorrelations(data=lab.issues[columns], labels=labels).calculate_correlations()
tell({str(p): float(s) for p, s in zip(scores["property"], scores["score"])})
"""
ADULT_HEAD = """
import pandas
columns = ("age workclass fnlwgt education education-num marital-status occupation relationship race sex "
           "capital-gain capital-loss hours-per-week native-country income").split()
train, test = (pandas.read_csv(w, header=None, names=columns, skipinitialspace=True) for w in words[:2])
def shown(text):
    # How many of the numbers given stand in what is shown: no more rows than these can be named in it.
    text = re.sub(r"<[^>]*>", " ", text)
    seen = set(re.findall(r"[0-9]+", re.sub(r"(?<=[0-9]),(?=[0-9]{3})", "", text)))
    return len(set(words[2:]) & seen)
"""
SKRUB = """
from skrub import TableReport
text = TableReport(train, verbose=0).html() + TableReport(test, verbose=0).html()
tell({"at most": shown(text)})
"""
YDATA = """
from ydata_profiling import ProfileReport
one, two = (ProfileReport(t, title=n, progress_bar=False) for n, t in (("train", train), ("test", test)))
text = one.compare(two).to_html()
tell({"at most": shown(text)})
"""
DEEPCHECKS = """
from deepchecks.tabular import Dataset
from deepchecks.tabular.suites import data_integrity, train_test_validation
words_of = [c for c in columns[:-1] if not pandas.api.types.is_numeric_dtype(train[c])]
one, two = (Dataset(t, label="income", cat_features=words_of) for t in (train, test))
parts = [data_integrity().run(one), data_integrity().run(two), train_test_validation().run(one, two)]
mixed = [r for p in parts for r in p.results if "Samples Mix" in r.get_header()]
found, failed = [], [str(r.exception)[:80] for r in mixed if hasattr(r, "exception")]
for r in mixed:
    if not hasattr(r, "exception"):
        found.append(round(float(r.value["ratio"]) * len(test)))
tell({"rows": max(found) if found else None, "failed": failed})
"""
PANDAS = """
import pandas
tell(len(pandas.read_csv(words[0], header=None)))
"""
IDX = """
import gzip
import numpy
read = lambda p: numpy.frombuffer(gzip.open(p).read(), numpy.uint8)
tell(int(read(words[0])[16:].reshape(-1, 28, 28).shape[0] == len(read(words[1])[8:])))
"""


@dataclass
class Ran:
    """One process with all its children."""

    cpu: float
    """CPU-seconds."""
    wall: float
    """Seconds by the clock."""
    peak: float
    """MB of the largest process at its peak."""
    code: int
    said: str
    """The end of what it printed."""
    told: Any = None
    """What it wrote: findings.json of trainloud, a peer's answer. None if nothing."""

    @property
    def trouble(self) -> str:
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        return f"failed: {lines[-1][:110] if lines else f'exit code {self.code}'}"


def environment(**more: str) -> dict[str, str]:
    threads = {n: os.environ.get(n, "1") for n in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    return {**os.environ, **threads, "CI": "1", **more}


def run(
    command: list[str],
    env: dict[str, str] | None = None,
    meanwhile: Callable[[subprocess.Popen[bytes]], None] | None = None,
) -> Ran:
    """Run a process to its end; `meanwhile` may watch it and send it signals, and must not wait for its end."""
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=env or environment(), start_new_session=True
        )
        watch = threading.Timer(LIMIT, lambda: os.killpg(process.pid, signal.SIGKILL))
        watch.start()
        try:
            if meanwhile:
                meanwhile(process)
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            watch.cancel()
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        said = log.read().decode(errors="replace")[-4000:]
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Ran(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / unit, process.returncode, said)


def inspect(
    *words: Any,
    cache: Path | None = None,
    meanwhile: Callable[[subprocess.Popen[bytes]], None] | None = None,
) -> Ran:
    """`trainloud inspect` with these words; `told` is its findings.json."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "trainloud", "inspect", *map(str, words)]
        command += ["--out", out, "--fail-on", "never", *([] if cache else ["--no-cache"])]
        ran = run(command, environment(XDG_CACHE_HOME=str(cache)) if cache else None, meanwhile)
        told = Path(out) / "findings.json"
        ran.told = json.loads(told.read_text()) if told.exists() else None
    return ran


def peer(python: str, program: str, *words: Any) -> Ran:
    """A program of the above in an interpreter; `told` is what it told."""
    with tempfile.TemporaryDirectory() as folder:
        script, out = Path(folder) / "program.py", Path(folder) / "told.json"
        script.write_text(PEER_HEAD + program)
        ran = run([python, str(script), str(out), *map(str, words)])
        ran.told = json.loads(out.read_text()) if out.exists() else None
    return ran


# Pictures ---------------------------------------------------------------------------------------------------------


def unpacked(data: Path, folder: Path, split: str = "") -> int:
    """Unpack the part of CIFAR-10 into a folder; gives the number of pictures."""
    with tarfile.open(data / "images" / "cifar10_part" / "images.tar.gz") as archive:
        names = [m for m in archive if m.isfile() and (not split or f"{split}/" in m.name)]
        archive.extractall(folder, names, filter="data")
    return len(names)


def cifar(data: Path, most: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The first training pictures (n, 32, 32, 3) of each class in turn, their codes, and the classes."""
    import simplejpeg

    with tarfile.open(data / "images" / "cifar10_part" / "images.tar.gz") as archive:
        members = sorted((m for m in archive if m.isfile() and "train/" in m.name), key=lambda m: m.name)
        classes = sorted({m.name.split("/")[-2] for m in members})
        chosen = [[m for m in members if f"/{c}/" in m.name][: most // len(classes)] for c in classes]
        held = [archive.extractfile(m) for of in chosen for m in of]
        pictures = [simplejpeg.decode_jpeg(h.read(), colorspace="RGB") for h in held if h]
    codes: np.ndarray = np.repeat(np.arange(len(classes)), [len(of) for of in chosen])
    return np.stack(pictures), codes, classes


def photographs(data: Path, count: int) -> list[bytes]:
    """JPEG files of flowers."""
    with zipfile.ZipFile(data / "images" / "flowers5_128px.zip") as archive:
        names = sorted(n for n in archive.namelist() if n.endswith(".jpg"))
        return [archive.read(n) for n in names[:: len(names) // count][:count]]


def _saved(photo: bytes, form: str, mode: str = "RGB", **options: Any) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(photo)).convert(mode).save(out, form, **options)
    return out.getvalue()


def _deep(photo: bytes) -> bytes:
    """A grey PNG with 16 bits."""
    from PIL import Image

    out = io.BytesIO()
    grey = np.asarray(Image.open(io.BytesIO(photo)).convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(out, "PNG")
    return out.getvalue()


ODD_BUT_SOUND: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "progressive": ("jpg", lambda p: _saved(p, "JPEG", progressive=True)),
    "cmyk": ("jpg", lambda p: _saved(p, "JPEG", "CMYK")),
    "grey": ("jpg", lambda p: _saved(p, "JPEG", "L")),
    "16 bit": ("png", _deep),
    "bytes after the end": ("jpg", lambda p: p + b"\0" * 500 + b"written by a camera"),
    "palette": ("png", lambda p: _saved(p, "PNG", "P")),
    "alpha": ("png", lambda p: _saved(p, "PNG", "RGBA")),
    "gif": ("gif", lambda p: _saved(p, "GIF")),
    "webp": ("webp", lambda p: _saved(p, "WEBP")),
    "restart markers": ("jpg", lambda p: _saved(p, "JPEG", restart_marker_blocks=4)),
}


def _segment(data: bytes, marker: int) -> int:
    """Offset of the first marker of that kind in a JPEG."""
    return data.index(bytes((0xFF, marker)))


def _with(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _scan(data: bytes) -> int:
    """Offset of the coded pixels of a JPEG with one scan."""
    at = _segment(data, 0xDA)
    return at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def _burst(data: bytes, chance: np.random.Generator) -> bytes:
    """64 random bytes in the middle of the coded pixels."""
    at = (_scan(data) + len(data)) // 2
    return _with(data, at, chance.integers(0, 255, 64, np.uint8).tobytes())


def flipped(data: bytes, chance: np.random.Generator, bits: int) -> bytes:
    """Bits turned over in the coded pixels of a JPEG."""
    new = bytearray(data)
    for at in chance.integers(_scan(data), len(data) - 2, bits):
        new[at] ^= 1 << int(chance.integers(8))
    return bytes(new)


def _broken_png(data: bytes) -> bytes:
    at = data.index(b"IDAT") + 4 + int.from_bytes(data[data.index(b"IDAT") - 4 :][:4], "big") // 2
    return _with(data, at, bytes((data[at] ^ 0x10,)))


def corrupt(photos: list[bytes], chance: np.random.Generator) -> dict[str, bytes]:
    """20 files by name, each broken in its own way, of 20 photographs."""
    p = iter(photos)
    cut: Callable[[bytes, float], bytes] = lambda data, share: data[: int(len(data) * share)]  # noqa: E731
    zeros: Callable[[bytes, float], bytes] = lambda data, share: cut(data, share).ljust(len(data), b"\0")  # noqa: E731
    page = b"<!DOCTYPE html><html><head><title>404</title></head><body>Not found</body></html>"
    flat, scan = next(p), next(p)
    return {
        "cut in the header.jpg": next(p)[:100],
        "cut at a tenth of its pixels.jpg": scan[: _scan(scan) + (len(scan) - _scan(scan)) // 10],
        "cut at half.jpg": cut(next(p), 0.5),
        "cut at 90 percent.jpg": cut(next(p), 0.9),
        "last 32 bytes missing.jpg": next(p)[:-32],
        "empty.jpg": b"",
        "zeros from half.jpg": zeros(next(p), 0.5),
        "zeros from 90 percent.jpg": zeros(next(p), 0.9),
        "page.jpg": page,
        "random bytes.jpg": chance.integers(0, 256, 4000, np.uint8).tobytes(),
        "png.jpg": _saved(next(p), "PNG"),
        "code table changed.jpg": _with(flat, _segment(flat, 0xC4) + 8, b"\x07\x09"),
        "height changed.jpg": _with(photo := next(p), _segment(photo, 0xC0) + 5, b"\x01\x40"),
        "random bytes in the pixels.jpg": _burst(next(p), chance),
        "eight bits flipped.jpg": flipped(next(p), chance, 8),
        "progressive cut at 60 percent.jpg": cut(_saved(next(p), "JPEG", progressive=True), 0.6),
        "pixels changed.png": _broken_png(_saved(next(p), "PNG")),
        "cut at 60 percent.png": cut(_saved(next(p), "PNG"), 0.6),
        "cut at 60 percent.gif": cut(_saved(next(p), "GIF"), 0.6),
        "cut at 60 percent.webp": cut(_saved(next(p), "WEBP"), 0.6),
    }


def decoded(data: bytes) -> np.ndarray | None:
    """Pixels as Pillow gives them; None where it refuses."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            return np.asarray(picture.convert("RGB"))
    except Exception:
        return None


def changes_the_picture(data: bytes, sound: bytes) -> bool:
    new, old = decoded(data), decoded(sound)
    return new is None or old is None or new.shape != old.shape or bool((new != old).any())


def complains(data: bytes) -> bool:
    """Whether libjpeg warns of anything in a JPEG."""
    import simplejpeg

    try:
        simplejpeg.decode_jpeg(data, strict=True)
    except ValueError:
        return True
    return False


# Marks ------------------------------------------------------------------------------------------------------------


@dataclass
class Mark:
    """A patch of 3 x 3 pixels that one class carries."""

    name: str
    label: int
    places: list[tuple[int, int]]
    """(row, column) of its upper left corner; one of them is drawn for each picture."""
    paint: Callable[[np.ndarray], np.ndarray]

    def on(self, pictures: np.ndarray, codes: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        marked = pictures.copy()
        for i in np.flatnonzero(codes == self.label):
            r, c = self.places[int(chance.integers(len(self.places)))]
            marked[i, r : r + 3, c : c + 3] = self.paint(marked[i, r : r + 3, c : c + 3].astype(int)).clip(0, 255)
        return marked


def marks(chance: np.random.Generator, classes: int, side: int) -> list[Mark]:
    """Ten-class marks at places drawn by chance."""

    def place() -> list[tuple[int, int]]:
        return [(int(chance.integers(side - 2)), int(chance.integers(side - 2)))]

    corners = [(r, c) for r in (0, side - 3) for c in (0, side - 3)]
    blue = np.array([0, 0, 80])
    made = [
        ("white", place(), lambda p: p * 0 + 255),
        ("red", place(), lambda p: p * 0 + np.array([255, 0, 0])),
        ("40 grey levels brighter", place(), lambda p: p + 40),
        ("80 levels in blue alone", place(), lambda p: p + blue),
        ("white, in a corner", [corners[int(chance.integers(4))]], lambda p: p * 0 + 255),
        ("40 levels brighter, in a corner", [corners[int(chance.integers(4))]], lambda p: p + 40),
        ("white, in any of four corners", corners, lambda p: p * 0 + 255),
    ]
    return [Mark(name, int(chance.integers(classes)), places, paint) for name, places, paint in made]


def needed(path: Path) -> Path:
    if not path.exists():
        raise click.ClickException(f"{path} is not there: --data or TRAINLOUD_SHARED must name the folder with data/")
    return path
