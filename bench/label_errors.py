"""How well wrong labels are ranked and counted: `python bench/label_errors.py --data ../shared`.

The 15,000 training pictures of data/images/cifar10_part under six sets of labels of CIFAR-10N (Wei et al. 2022,
"Learning with Noisy Labels Revisited"): a label is wrong where it is not the clean one. AUROC: of the ranking of all
labels. Interval: of the share of wrong labels, with whether it covers the true one; the clean labels themselves are
wrong in 0.1 to 0.5 % (Northcutt, Athalye, Mueller 2021). CPU: CPU-seconds of all of it but reading the pictures, over
those of the first peer, or over the first row of the same labels without peers.

--peers PYTHON: cleanlab where that interpreter has it, in a process of its own, on the very same features, with
probabilities of scikit-learn's logistic regression out of five folds; its CPU-seconds hold those of the features.
"""

import csv
import io
import json
import os
import subprocess
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from trainloud.core.inspection import Recognised
from trainloud.data.dataset import Dataset, Limits
from trainloud.data.methods.labels import study
from trainloud.data.methods.sights import sight
from trainloud.data.methods.statistics import auroc
from trainloud.data.survey import Measured, Survey

SETS = ("clean", "aggre", "random1", "random2", "random3", "worse")
RANKED = ("aggre", "random1", "worse")
CLEAN = 0.005  # upper end of what is known of the clean labels
LIMIT = 1800  # seconds by the clock that a peer may take

PEER = """
import json, os, sys
import numpy as np
x, y, out = np.load(sys.argv[1]), np.load(sys.argv[2]), sys.argv[3]
from cleanlab.count import estimate_joint
from cleanlab.rank import get_label_quality_scores
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
started = sum(os.times()[:4])
x = (x - x.mean(0)) / (x.std(0) + 1e-6)
fit = LogisticRegression(C=0.001, max_iter=100)
p = cross_val_predict(fit, x, y, cv=StratifiedKFold(5, shuffle=True, random_state=0), method="predict_proba")
cpu = sum(os.times()[:4]) - started
told = {"accuracy": float((p.argmax(1) == y).mean()), "scores": {}}
for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
    told["scores"][method] = [float(v) for v in get_label_quality_scores(y, p, method=method)]
told["rate"] = float(1 - np.trace(estimate_joint(y, p)))
told["cpu"] = sum(os.times()[:4]) - started
json.dump(told, open(out, "w"))
"""


@dataclass
class Row:
    """One way on one set of labels."""

    labels: str
    way: str
    area: float | None
    share: str
    cpu: float


def read(folder: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(n, 32, 32, 3) uint8 and the sets of labels, (n,) of class names."""
    import simplejpeg

    part = folder / "data" / "images" / "cifar10_part"
    with open(part / "train_labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    with tarfile.open(part / "images.tar.gz") as archive:
        files = {m.name.removeprefix("./"): archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
    pictures = np.stack([simplejpeg.decode_jpeg(files[r["path"]]) for r in rows])
    return pictures, {name: np.array([r[name] for r in rows]) for name in SETS}


def surveyed(pictures: np.ndarray, labels: np.ndarray, limits: Limits) -> Survey:
    data = Dataset(
        Recognised("images", "classes", "label"),
        pa.table({"label": pa.array(labels.tolist()).dictionary_encode()}),
        np.zeros(len(labels), np.int16),
        ("",),
        "",
        str,
        {"label": "category"},
    )
    return Survey(data, Measured(thumbs=pictures), limits)


def spent() -> float:
    return sum(os.times()[:4])


def ours(pictures: np.ndarray, name: str, labels: dict[str, np.ndarray], rows: int) -> Row:
    wrong = labels[name] != labels["clean"]
    limits = Limits(probe_rows=rows, memory=max(1 << 30, int(4 * rows * rows / 0.6) + 1))
    survey = surveyed(pictures, labels[name], limits)
    started = spent()
    found = study(survey)
    cpu = spent() - started
    true = float(wrong.mean())
    low, high = found.rate.low, found.rate.high
    covered = low <= (true if name != "clean" else CLEAN) and true <= high
    said = found.rate.refused or f"{low:.3f} to {high:.3f} {'covers' if covered else 'MISSES'} {true:.3f}"
    area = auroc(found.margin, wrong[found.rows]) if wrong.any() else None
    return Row(name, f"trainloud, {found.fitted:,} fitted", area, said + (", fires" if found.noisy else ""), cpu)


def features(pictures: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """(n, d) float32 that both sides see, and the CPU-seconds that they cost."""
    survey = surveyed(pictures, labels, Limits())
    started = spent()
    rows = np.arange(len(labels))
    return sight(survey, rows).see(rows), spent() - started


def peer(python: str, x: Path, name: str, labels: dict[str, np.ndarray], cost: float) -> list[Row]:
    """cleanlab's rows, one a way of scoring; empty where the interpreter has no cleanlab."""
    wrong = labels[name] != labels["clean"]
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder, "y.npy"), Path(folder, "out.json")
        np.save(given, np.unique(labels[name], return_inverse=True)[1])
        done = subprocess.run(
            [python, "-c", PEER, str(x), str(given), str(out)], capture_output=True, text=True, timeout=LIMIT
        )
        if done.returncode:
            click.echo(f"cleanlab on {name}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", err=True)
            return []
        told = json.loads(out.read_text())
    share = f"{told['rate']:.3f}, true {wrong.mean():.3f}"
    return [
        Row(name, f"cleanlab, {way}", auroc(-np.array(s), wrong) if wrong.any() else None, share, told["cpu"] + cost)
        for way, s in told["scores"].items()
    ]


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds data/.")
@click.option("--peers", default="", help="Interpreter that has cleanlab.")
@click.option("--all-fitted", is_flag=True, help="Also with all 15,000 rows fitted instead of the default 12,000.")
@click.option("--sets", default=",".join(SETS), help="Sets of labels, separated by commas.")
def main(data: Path | None, peers: str, all_fitted: bool, sets: str) -> None:
    """Wrong labels of CIFAR-10N: trainloud and cleanlab in one run."""
    data = data or Path(os.environ.get("TRAINLOUD_SHARED") or Path(__file__).parents[2] / "shared")
    pictures, labels = read(data)
    console = Console(file=io.StringIO(), width=140)
    table = Table("labels", "way", "AUROC", "share of wrong labels", "CPU-s", "CPU ratio")
    with tempfile.TemporaryDirectory() as folder:
        x, cost = Path(folder, "x.npy"), 0.0
        if peers:
            seen, cost = features(pictures, labels["clean"])
            np.save(x, seen)
            del seen
        for name in sets.split(","):
            began = time.monotonic()
            rows = peer(peers, x, name, labels, cost) if peers and name in RANKED else []
            rows += [ours(pictures, name, labels, 12_000)]
            if all_fitted and name in RANKED:
                rows += [ours(pictures, name, labels, len(pictures))]
            for row in rows:
                area = "" if row.area is None else f"{row.area:.4f}"
                table.add_row(row.labels, row.way, area, row.share, f"{row.cpu:.0f}", f"{row.cpu / rows[0].cpu:.2f}")
            for row in rows:
                click.echo(f"{row.labels} {row.way} {row.area} {row.share} {row.cpu:.0f}", err=True)
            click.echo(f"{name}: {time.monotonic() - began:.0f} s", err=True)
    console.print(table)
    click.echo(console.file.getvalue())  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
