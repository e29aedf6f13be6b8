"""How well near-duplicate pictures are found, and at what cost: `python bench/near_duplicates.py --data ../shared`.

Part of CIFAR-10 (data/images/cifar10_part) against the pairs of ciFAIR that lie in it (Barz and Denzler 2020; pairs of
two training pictures do not count, as the list has none). The list names about one partner of a test picture and no
mirrored ones, so that what it lacks counts as wrong for all alike. AP: average precision of the ranked pairs; recall:
the largest at a precision of .5 and more. CPU: CPU-seconds of all of it but reading the pictures, over those of the
pooled random convolutions, whitened, that are the baseline here (Coates and Ng 2011).

--peers PYTHON also asks imagededup, fastdup and cleanvision where that interpreter has them; each runs in a process of
its own on PNG files. --growth measures the search alone at 10,000 to 300,000 vectors (--million: also 1,000,000), half
of them in 1,000 clusters, 2 % copies planted.
"""

import csv
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from trainloud.data.methods.convolution import bank, pooled
from trainloud.data.methods.copies import certain, pairs, probable
from trainloud.data.methods.likeness import components, drawn
from trainloud.data.methods.neighbours import nearest, unit
from trainloud.data.methods.thumbnails import Squares

SIDE = 32
NEAREST = 5  # neighbours of each picture that are ranked
DIMS = 256  # of the baseline
REPEATS = 3  # runs in turn, of which the cheapest counts: a busy machine makes some dear
LIMIT = 900  # seconds by the clock that a peer may take

PEER_HEAD = """
import json, os, sys, time
folder, out = sys.argv[1:3]
try:
    import torch
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):  # which a torchvision built for another torch lacks
        library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
except Exception:
    pass
files = sorted(f for f in os.listdir(folder) if f.endswith(".png"))
number = {f: i for i, f in enumerate(files)}
def tell(pairs):
    spent = os.times()
    json.dump({"pairs": pairs, "cpu": sum(spent[:4]) - started}, open(out, "w"))
"""
PEERS = {
    "imagededup PHash": """
from imagededup.methods import PHash
started = sum(os.times()[:4])
method = PHash(verbose=False)
codes = method.encode_images(folder)
found = method.find_duplicates(encoding_map=codes, max_distance_threshold=12, scores=True)
tell([[number[a], number[b], 64.0 - d] for a, l in found.items() for b, d in l if a < b])
""",
    "imagededup CNN": """
from imagededup.methods import CNN
started = sum(os.times()[:4])
method = CNN(verbose=False)
codes = method.encode_images(folder)
found = method.find_duplicates(encoding_map=codes, min_similarity_threshold=0.8, scores=True)
tell([[number[a], number[b], float(d)] for a, l in found.items() for b, d in l if a < b])
""",
    "fastdup": """
import fastdup, pandas, tempfile
started = sum(os.times()[:4])
work = tempfile.mkdtemp()
fd = fastdup.create(work_dir=work, input_dir=folder)
fd.run(ccthreshold=0.8, threshold=0.8, nearest_neighbors_k=5, overwrite=True, verbose=False)
s = fd.similarity()
name = lambda p: number[os.path.basename(p)]
tell([[name(a), name(b), float(d)] for a, b, d in zip(s["filename_from"], s["filename_to"], s["distance"])])
""",
    "cleanvision": """
from cleanvision import Imagelab
started = sum(os.times()[:4])
lab = Imagelab(data_path=folder)
lab.find_issues({"near_duplicates": {}, "exact_duplicates": {}}, n_jobs=1, verbose=False)
groups = lab.info["near_duplicates"]["sets"] + lab.info["exact_duplicates"]["sets"]
ids = [[number[os.path.basename(p)] for p in g] for g in groups]
tell([[a, b, 1.0] for g in ids for a in g for b in g if a < b])
""",
}


@dataclass
class Data:
    """Pictures, the test ones first, and the listed pairs."""

    images: np.ndarray
    tests: int
    listed: set[tuple[int, int]]


@dataclass
class Result:
    """Ranked pairs; equal values are ranked in the order given."""

    a: np.ndarray
    b: np.ndarray
    value: np.ndarray
    cpu: float
    remark: str = ""


def read(folder: Path) -> Data:
    """The part of CIFAR-10 below folder/data/images/cifar10_part."""
    import simplejpeg

    part = folder / "data" / "images" / "cifar10_part"
    if not part.exists():
        raise click.ClickException(f"{part} is not there: --data or TRAINLOUD_SHARED must name the folder with data/")
    rows = {s: list(csv.DictReader((part / f"{s}_labels.csv").open())) for s in ("test", "train")}
    place = {r["path"]: i for i, r in enumerate(rows["test"] + rows["train"])}
    images = np.zeros((len(place), SIDE, SIDE, 3), np.uint8)
    with tarfile.open(part / "images.tar.gz") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name in place and (held := archive.extractfile(member)) is not None:
                images[place[name]] = simplejpeg.decode_jpeg(held.read(), colorspace="RGB")
    listed = set()
    with (part / "duplicates_cifair.csv").open() as held_:
        for row in csv.DictReader(held_):
            one, two = sorted(place[row[c]] for c in row if row[c] in place)
            listed.add((one, two))
    return Data(images, len(rows["test"]), listed)


def judged(data: Data, found: Result) -> tuple[float, float, int]:
    """Average precision, recall at a precision of .5, and how many listed pairs that is."""
    low, high = np.minimum(found.a, found.b), np.maximum(found.a, found.b)
    counted = np.flatnonzero(low < data.tests)
    counted = counted[np.argsort(-found.value[counted], kind="stable")]
    _, first = np.unique(low[counted] * len(data.images) + high[counted], return_index=True)
    ranked = counted[np.sort(first)]
    pairs_ = zip(low[ranked].tolist(), high[ranked].tolist(), strict=True)
    right = np.array([p in data.listed for p in pairs_] or [False])
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    good = np.flatnonzero(precision >= 0.5)
    reached = int(hits[good[-1]]) if len(good) else 0
    return float((precision * right).sum() / len(data.listed)), reached / len(data.listed), reached


def ours(images: np.ndarray) -> Result:
    whole = np.full(len(images), SIDE, np.int16)
    started = time.process_time()
    found = pairs(Squares(images, whole, whole))
    cpu = time.process_time() - started
    sure, likely = certain(found), int(probable(found).sum())
    return Result(found.a, found.b, -np.arange(len(found.a), dtype=float), cpu, f"{len(sure)} sure, {likely} likely")


def by_vectors(make: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], Result]:
    """Pairs ranked by the cosine of what `make` gives: (n, SIDE, SIDE, 3) -> (n, d)."""

    def run(images: np.ndarray) -> Result:
        started = time.process_time()
        ids, cosines = nearest(unit(make(images)), k=NEAREST)
        a, b, value = np.arange(len(ids)).repeat(ids.shape[1]), ids.ravel().astype(np.int64), cosines.ravel()
        return Result(a[b >= 0], b[b >= 0], value[b >= 0], time.process_time() - started)

    return run


def baseline(images: np.ndarray) -> np.ndarray:
    filters = bank(images[drawn(len(images), 1000)].astype(np.float32), 64)
    x = pooled(images, filters)
    x -= x.mean(axis=0)
    return x @ components(x, DIMS, len(x))


def grey(images: np.ndarray, side: int) -> np.ndarray:
    step = SIDE // side
    return images.mean(axis=3, dtype=np.float32).reshape(len(images), side, step, side, step).mean(axis=(2, 4))


def correlation(images: np.ndarray) -> np.ndarray:
    flat = grey(images, 8).reshape(len(images), -1)
    return flat - flat.mean(axis=1, keepdims=True)


def phash(images: np.ndarray) -> np.ndarray:
    """64 bits (n, 64) of +-1: low frequencies above their median (Zauner 2010)."""
    from scipy.fft import dctn

    low = dctn(grey(images, SIDE), axes=(1, 2))[:, :8, :8].reshape(len(images), -1)
    return np.where(low > np.median(low, axis=1, keepdims=True), 1.0, -1.0)


def dhash(images: np.ndarray) -> np.ndarray:
    """64 bits (n, 64) of +-1: brighter than the neighbour to the left, at 9 x 8 pixels (Krawetz 2013)."""
    columns = np.array_split(grey(images, SIDE), 9, axis=2)
    wide = np.stack([c.mean(axis=2) for c in columns], axis=2).reshape(len(images), 8, SIDE // 8, 9).mean(axis=2)
    return np.where(np.diff(wide, axis=2) > 0, 1.0, -1.0).reshape(len(images), -1)


METHODS: dict[str, Callable[[np.ndarray], Result]] = {
    "random convolutions (baseline)": by_vectors(baseline),
    "trainloud": ours,
    "grey 8 x 8 correlation": by_vectors(correlation),
    "pHash": by_vectors(phash),
    "dHash": by_vectors(dhash),
}


def peer(python: str, code: str, folder: str) -> Result | str:
    """What a peer found, or why it found nothing."""
    out = Path(folder) / "told.json"
    out.unlink(missing_ok=True)
    command = [python, "-c", PEER_HEAD + code, folder, str(out)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=os.environ | {"CI": "1"})
    except subprocess.TimeoutExpired:
        return f"not done after {LIMIT} s"
    if not out.exists():
        lines = (done.stderr or done.stdout).strip().splitlines()
        return lines[-1][:90] if lines else f"exit code {done.returncode}"
    told = json.loads(out.read_text())
    found = np.array(told["pairs"] or np.zeros((0, 3)), float).reshape(-1, 3)
    return Result(found[:, 0].astype(int), found[:, 1].astype(int), found[:, 2], told["cpu"], f"{len(found):,} pairs")


def compare(data: Data, peers: str, console: Console) -> None:
    n, tests = len(data.images), data.tests
    table = Table(title=f"{n:,} pictures, {tests:,} of them tests, {len(data.listed)} listed pairs")
    for column in ("method", "AP", "recall at precision .5", "CPU ratio", ""):
        table.add_column(column)
    runs: dict[str, Result] = {}

    def row(name: str, found: Result | str) -> None:
        if isinstance(found, str):
            table.add_row(name, "–", "–", "–", found)
            return
        precision, recall, reached = judged(data, found)
        ratio = f"{found.cpu / first:.2f}"
        table.add_row(name, f"{precision:.3f}", f"{recall:.3f} ({reached})", ratio, found.remark)

    for name, method in METHODS.items():
        runs[name] = method(data.images)
    for _ in range(REPEATS - 1):
        for name, method in METHODS.items():
            runs[name].cpu = min(runs[name].cpu, method(data.images).cpu)
    first = next(iter(runs.values())).cpu
    for name, ran in runs.items():
        row(name, ran)
    if peers:
        with tempfile.TemporaryDirectory() as folder:
            save(data.images, Path(folder))
            for name, code in PEERS.items():
                row(name, peer(peers, code, folder))
    console.print(table)


def save(images: np.ndarray, folder: Path) -> None:
    from PIL import Image

    for i, image in enumerate(images):
        out = io.BytesIO()
        Image.fromarray(image).save(out, "PNG", compress_level=1)
        (folder / f"{i:06d}.png").write_bytes(out.getvalue())


def growth(sizes: list[int], console: Console, dims: int = 192) -> None:
    """Cost of the search by size, each in a process of its own, so that the peak of memory is its own."""
    table = Table(title=f"search of {dims} dimensions, float16")
    for column in ("vectors", "cost over the first", "exponent so far", "peak memory, MB", "planted copies found"):
        table.add_column(column)
    cost: list[float] = []
    for n in sizes:
        command = [sys.executable, __file__, "--size", str(n)]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        cost.append(told["cpu"])
        fitted = np.polyfit(np.log(sizes[: len(cost)]), np.log(cost), 1)[0] if len(cost) > 1 else float("nan")
        cells = f"{n:,}", f"{cost[-1] / cost[0]:.1f}", f"{fitted:.2f}", f"{told['peak']:.0f}", f"{told['found']:.3f}"
        table.add_row(*cells)
    console.print(table)


def search(n: int, dims: int = 192) -> dict[str, float]:
    """One search with a warm-up, for --growth."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((1000, dims), np.float32)
    x: np.ndarray = np.empty((n, dims), np.float16)
    copies, of = n // 50, rng.permutation(n // 2)[: n // 50]
    for start in range(0, n, 1 << 14):
        at = slice(start, min(start + (1 << 14), n))
        block = rng.standard_normal((at.stop - start, dims), np.float32)
        half = np.arange(start, at.stop) % 2 == 0
        block[half] += centres[rng.integers(0, len(centres), int(half.sum()))]
        x[at] = unit(block)
    alike = np.repeat(np.linspace(0.6, 0.98, 20), -(-copies // 20))[:copies, None]
    noise = unit(rng.standard_normal((copies, dims), np.float32))
    x[-copies:] = unit(alike * x[of].astype(np.float32) + np.sqrt(1 - alike**2) * noise)
    nearest(x[:2000])
    started = time.process_time()
    ids, _ = nearest(x)
    cpu = time.process_time() - started
    found = float((ids[-copies:] == of[:, None]).any(axis=1).mean())
    return {"cpu": cpu, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "found": found}


@click.command()
@click.option("--data", "folder", type=click.Path(path_type=Path), help="Folder that holds data/.")
@click.option("--peers", default="", help="A Python interpreter that has imagededup, fastdup or cleanvision.")
@click.option("--growth", "grows", is_flag=True, help="Measure the search at 10,000 to 300,000 vectors instead.")
@click.option("--million", is_flag=True, help="With --growth: also 1,000,000.")
@click.option("--size", type=int, hidden=True)
def main(folder: Path | None, peers: str, grows: bool, million: bool, size: int | None) -> None:
    """Near-duplicate pictures: trainloud, the baseline and the peers in one run."""
    console = Console()
    if size:
        print(json.dumps(search(size)))
    elif grows:
        growth([10_000, 30_000, 100_000, 300_000] + [1_000_000] * million, console)
    else:
        root = folder or Path(os.environ.get("TRAINLOUD_SHARED") or Path(__file__).parents[2] / "shared")
        compare(read(root), peers, console)


if __name__ == "__main__":
    main()
