"""What `trainloud inspect` finds and costs beside its peers: `python bench/inspection.py [ROW ...] --data ../shared`.

corrupt: 20 corrupt files among 200 sound ones. pictures: pictures per CPU-second of all file and picture checks on the
part of CIFAR-10. adult: both splits of Adult, and the test rows whose features stand in the training split. kdd: KDD's
494,021 rows and four times as many. shortcut: 3 x 3 marks in one class of ten. fashion: the 60,000 training pictures
of Fashion-MNIST. resume: Ctrl-C and a second run. Near-duplicates and label errors have benches of their own.

Costs are CPU-seconds of whole processes, start and imports and report included, over those of another process of the
same run. --peers and --peers-more name interpreters that have cleanvision, cleanlab, fastdup, skrub, ydata-profiling
and deepchecks; what neither has is left out.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import inspection_material as m
import numpy as np
from inspection_material import Mark, Ran, inspect, needed
from rich.console import Console
from rich.table import Table

SEED = 0
SOUND = 200  # files of the row corrupt
BROKEN = ("undecodable-files", "damaged-files", "wrong-suffix", "stray-files", "unread-entries")
SERIOUS = ("error", "warning")
FEW = 10  # pictures of a run that shows what starting costs
MARKED = 5_000  # pictures of the row shortcut
TIMES = 4  # as many rows of KDD
RESUMED = 16_384, 128  # generated pictures, pixels a side
WHOLE = 8  # chunks of them in the cache
SCORE = 0.3  # cleanlab's default: a property of a lower score goes with the labels


@dataclass
class Bench:
    data: Path
    peers: list[str]
    console: Console
    temporary: Path

    def folder(self, name: str) -> Path:
        path = self.temporary / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def with_module(self, module: str) -> str:
        """The first interpreter that has a module; "" for none."""
        code = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
        for python in self.peers:
            if subprocess.run([python, "-c", code], capture_output=True).returncode == 0:
                return python
        return ""

    def peer(self, module: str, program: str, *words: Any) -> Ran | None:
        """What a peer's process gave; None where no interpreter has it."""
        python = self.with_module(module)
        if not python:
            self.console.print(f"{module}: no interpreter has it (--peers, --peers-more)")
            return None
        return m.peer(python, program, *words)

    def table(self, title: str, *columns: str) -> Table:
        return Table(*columns, title=title, title_justify="left")


def findings(ran: Ran) -> list[dict[str, Any]]:
    if ran.told is None:
        raise click.ClickException(f"trainloud {ran.trouble}")
    return ran.told["findings"]


def told(ran: Ran, fault: str) -> dict[str, Any] | None:
    """The finding of this name, also one that is folded under another."""
    flat = [f for top in findings(ran) for f in (top, *top.get("explains", ()))]
    return next((f for f in flat if isinstance(f, dict) and f.get("fault") == fault), None)


def ratio(ran: Ran, to: Ran) -> str:
    return f"{ran.cpu / to.cpu:.2f}"


# Rows -------------------------------------------------------------------------------------------------------------


def row_corrupt(b: Bench) -> None:
    chance = np.random.default_rng(SEED)
    photos = m.photographs(needed(b.data / "images").parent, SOUND + 20)
    folder = b.folder("corrupt")
    broken = m.corrupt(photos[:20], chance)
    sound = {f"photo{i:03d}.jpg": p for i, p in enumerate(photos[20 : SOUND + 20])}
    for i, (name, (suffix, make)) in enumerate(2 * list(m.ODD_BUT_SOUND.items())):
        photo = sound.pop(f"photo{i:03d}.jpg")
        sound[f"{name} {i}.{suffix}"] = make(photo)
    for name, held in sound.items():
        if m.decoded(held) is None:
            raise click.ClickException(f"{name} should be sound, and cannot be decoded")
    for i, (name, held) in enumerate((broken | sound).items()):
        (b.folder(f"corrupt/{('even', 'odd')[i % 2]}") / name).write_bytes(held)

    def score(names: set[str]) -> tuple[str, str, str]:
        missed = sorted(set(broken) - names)
        return f"{20 - len(missed)}", f"{len(names & set(sound))}", ", ".join(missed)

    ours = inspect(folder, "--no-probes")
    named = {Path(n).name for f in findings(ours) if f["fault"] in BROKEN for n in f["evidence"].get("names", ())}
    table = b.table(
        f"corrupt: 20 broken files among {len(sound)} sound ones ({2 * len(m.ODD_BUT_SOUND)} odd)",
        *("method", "found of 20", "false", "CPU ratio", "missed, or why it ended"),
    )
    hits, false, missed = score(named)
    table.add_row("trainloud", hits, false, "1.00", missed or "-")
    for name, module, program, words in (
        ("CleanVision", "cleanvision", m.CLEANVISION, (1,)),
        ("fastdup", "fastdup", m.FASTDUP, ()),
    ):
        ran = b.peer(module, program, folder, *words)
        if ran is not None and ran.told is None:
            table.add_row(name, "0", "-", ratio(ran, ours), f"aborted; {ran.trouble}")
        elif ran is not None:
            hits, false, missed = score(set(ran.told))
            table.add_row(name, hits, false, ratio(ran, ours), missed)
    hits, false, missed = score({n for n, held in (broken | sound).items() if m.decoded(held) is None})
    table.add_row("Pillow, each loaded whole", hits, false, "-", missed)
    b.console.print(table)
    _flips(b, [p for p in photos[20:] if b"\xff\xc0" in p][:100], chance)


def _flips(b: Bench, photos: list[bytes], chance: np.random.Generator) -> None:
    """The hardest damage: bits of the coded pixels, that no checksum guards."""
    table = b.table(
        f"beside it: bits flipped in the coded pixels of each of {len(photos)} other JPEG files",
        *("bits", "pictures that change", "named by trainloud", "libjpeg complains about"),
    )
    for bits in (1, 8, 64):
        made = [m.flipped(photo, chance, bits) for photo in photos]
        folder = b.folder(f"flipped {bits}/all")
        for i, held in enumerate(made):
            (folder / f"{i:03d}.jpg").write_bytes(held)
        ran = inspect(folder.parent, "--no-probes")
        named = {n for f in findings(ran) if f["fault"] in BROKEN for n in f["evidence"].get("names", ())}
        changed = sum(m.changes_the_picture(new, photo) for new, photo in zip(made, photos, strict=True))
        table.add_row(f"{bits}", f"{changed}", f"{len(named)}", f"{sum(map(m.complains, made))}")
    b.console.print(table)


def row_pictures(b: Bench) -> None:
    folder, few = b.folder("pictures"), b.folder("few")
    count = m.unpacked(needed(b.data), folder)
    for i, picture in enumerate(sorted(folder.rglob("*.jpg"))[:: count // FEW][:FEW]):
        place = few / "train" / ("odd", "even")[i % 2] / f"{i}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, place)
    table = b.table(
        f"pictures: {count:,} of 32 x 32, all checks of files and pictures",
        *("method", "pictures per CPU-second", "trainloud over it", "less a run on ten", "trainloud over it", "what"),
    )
    ours = inspect(few, "--no-probes"), inspect(folder, "--no-probes")
    what = f"{len(findings(ours[1]))} findings of {len(ours[1].told['checks'])} inspectors, and the report"
    runs = [("trainloud", *ours, what)]
    for name, jobs in (("CleanVision, n_jobs=1", 1), ("CleanVision as it comes, all cores", 0)):
        peers = [b.peer("cleanvision", m.CLEANVISION, f, jobs) for f in (few, folder)]
        if peers[0] and peers[1]:
            trouble = peers[1].told is None
            runs.append((name, peers[0], peers[1], peers[1].trouble if trouble else "its nine kinds of issues"))
    whole, less = ours[1].cpu, ours[1].cpu - ours[0].cpu
    for name, ten, all_, what in runs:
        net = max(all_.cpu - ten.cpu, 1e-3)
        if all_.told is None:
            table.add_row(name, "-", "-", "-", "-", what)
            continue
        cells = f"{count / all_.cpu:.0f}", f"{all_.cpu / whole:.2f}", f"{count / net:.0f}", f"{net / less:.2f}"
        table.add_row(name, *cells, what)
    b.console.print(table)


def row_adult(b: Bench) -> None:
    train, test = (needed(b.data / "tables" / f"adult_{s}.csv.gz") for s in ("train", "test"))
    truth, numbers, begin = _repeated(train, test)
    table = b.table(
        f"adult: both splits; {len(truth)} test rows repeat the features of training rows",
        *("method", "CPU ratio", "repeated rows named", "how"),
    )
    ours = inspect(train, "--test", test, "--no-probes")
    finding = told(ours, "train-validation-leak")
    members = {r - begin for g in finding["evidence"]["members"] for r in g if r >= begin} if finding else set()
    false = f", {len(members - truth)} false" if members - truth else ""
    how = f"{finding['severity']}: {finding['measured']}" if finding else ""
    table.add_row("trainloud", "1.00", f"{len(members & truth)} of {len(truth)}{false}", how)
    for name, module, program in (
        ("skrub", "skrub", m.SKRUB),
        ("ydata-profiling", "ydata_profiling", m.YDATA),
        ("deepchecks", "deepchecks", m.DEEPCHECKS),
    ):
        ran = b.peer(module, m.ADULT_HEAD + program, train, test, *numbers)
        if ran is None:
            continue
        if ran.told is None:
            table.add_row(name, "-", "-", ran.trouble)
        elif "at most" in ran.told:
            at_most = ran.told["at most"]
            how = "no verdict on rows of both tables; so many of their fnlwgt stand anywhere in its report"
            table.add_row(name, ratio(ran, ours), f"at most {at_most}" if at_most else "0", how)
        else:
            how = f"Train Test Samples Mix {'; '.join(ran.told['failed'])}".strip()
            table.add_row(name, ratio(ran, ours), f"{ran.told['rows']}", how)
    b.console.print(table)
    b.console.print(f"(trainloud {ours.cpu:.1f} CPU-seconds here, peak {ours.peak:.0f} MB)")


def _repeated(train: Path, test: Path) -> tuple[set[int], list[str], int]:
    """Test rows whose features stand in the training split, their fnlwgt, and the number of training rows."""
    import pandas

    one, two = (pandas.read_csv(p, header=None, skipinitialspace=True) for p in (train, test))
    features = list(one.columns[:-1])
    seen = set(one[features].itertuples(index=False, name=None))
    rows = [i for i, r in enumerate(two[features].itertuples(index=False, name=None)) if r in seen]
    return set(rows), sorted({str(two.iloc[i, 2]) for i in rows}), len(one)


def row_kdd(b: Bench) -> None:
    one = needed(b.data / "tables" / "kddcup99_10_percent.csv.gz")
    more = b.folder("kdd") / "more.csv.gz"
    more.write_bytes(one.read_bytes() * TIMES)  # members of one gzip file follow each other
    table = b.table(
        "kdd: 494,021 rows of 42 columns, and four times as many",
        *("rows", "method", "CPU over pandas.read_csv", "peak, MB", "peak over pandas", "rows read"),
    )
    for path, rows in ((one, 494_021), (more, TIMES * 494_021)):
        plain = m.peer(sys.executable, m.PANDAS, path)
        ours = inspect(path, "--no-probes")
        read = sum(ours.told["data"]["splits"].values()) if ours.told else 0
        table.add_row(f"{rows:,}", "pandas.read_csv", "1.00", f"{plain.peak:.0f}", "1.00", f"{plain.told:,}")
        cells = ratio(ours, plain), f"{ours.peak:.0f}", f"{ours.peak / plain.peak:.2f}", f"{read:,}"
        table.add_row("", "trainloud, no probes", *(cells if ours.told else ("-", "-", "-", ours.trouble)))
    b.console.print(table)


def row_shortcut(b: Bench) -> None:
    chance = np.random.default_rng(SEED)
    pictures, codes, classes = m.cifar(needed(b.data), MARKED)
    found = b.table(
        f"shortcut: a 3 x 3 mark in one class of ten, {len(codes):,} pictures of CIFAR-10",
        *("mark", "in", "trainloud: patch-predicts-label", "the patch it names", "right"),
    )
    planted: list[Mark | None] = [None, *m.marks(chance, len(classes), pictures.shape[1])]
    for mark in planted:
        marked = mark.on(pictures, codes, chance) if mark else pictures
        held = b.folder("shortcut") / "pictures.npz"
        np.savez(held, x=marked, y=np.array(classes)[codes])
        ran = inspect(held, "--select", "patch-predicts-label")
        finding = told(ran, "patch-predicts-label")
        name = f"{mark.name} at {mark.places[0] if len(mark.places) == 1 else 'four places'}" if mark else "none: clean"
        where = classes[mark.label] if mark else "-"
        if finding is None:
            found.add_row(name, where, "silent", "-", "missed" if mark else "yes")
            continue
        patches = finding["evidence"]["patches"]
        said = "; ".join(f"{p['class']} at {tuple(p['patch'][:2])}" for p in patches)
        first = patches[0]
        right = mark and first["class"] == where and _beside(first["patch"][:2], mark)
        found.add_row(name, where, f"found ({first['by']})", said, "yes" if right and len(patches) == 1 else "no")
    b.console.print(found)
    whole = next(m for m in planted if m and m.name == "white")
    _cleanlab(b, {"clean": pictures, "white mark": whole.on(pictures, codes, chance)}, codes, classes)


def _beside(place: list[int], mark: Mark) -> bool:
    return any(max(abs(place[0] - r), abs(place[1] - c)) <= 2 for r, c in mark.places)


def _cleanlab(b: Bench, sets: dict[str, np.ndarray], codes: np.ndarray, classes: list[str]) -> None:
    from PIL import Image

    for name, pictures in sets.items():
        folder = b.folder(f"cleanlab {name}")
        for i, (picture, code) in enumerate(zip(pictures, codes, strict=True)):
            place = folder / classes[code] / f"{i:05d}.png"
            place.parent.mkdir(exist_ok=True)
            Image.fromarray(picture).save(place, compress_level=1)
        ran = b.peer("cleanlab", m.SPURIOUS, folder)
        if ran is None:
            return
        if ran.told is None:
            b.console.print(f"cleanlab, {name}: {ran.trouble}")
            continue
        low = min(ran.told, key=ran.told.get)
        hits = [f"{p} {s:.2f}" for p, s in ran.told.items() if s < SCORE] or ["nothing"]
        b.console.print(
            f"cleanlab's spurious correlations on CleanVision's scores, {name}: {', '.join(hits)} below {SCORE} "
            f"(lowest: {low} {ran.told[low]:.2f})"
        )


def row_fashion(b: Bench) -> None:
    folder = b.folder("fashion")
    files = [f"train-{what}.gz" for what in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    for file in files:
        shutil.copy(needed(b.data / "images" / "fashion-mnist" / file), folder)
    plain = m.peer(sys.executable, m.IDX, *(folder / f for f in files))
    ours = inspect(folder, "--no-probes", "--workers", "2")
    table = b.table(
        "fashion: 60,000 training pictures, all inspectors but the probes, two threads",
        *("method", "CPU ratio", "clock ratio", "peak, MB", "inspectors", "errors and warnings"),
    )
    serious = [f["fault"] for f in findings(ours) if f["severity"] in SERIOUS]
    asked = f"{sum(c['outcome'] != 'unknown' for c in ours.told['checks'])} of {len(ours.told['checks'])} judged"
    table.add_row("numpy and gzip alone", "1.00", "1.00", f"{plain.peak:.0f}", "-", "-")
    clock = f"{ours.wall / plain.wall:.1f}"
    table.add_row("trainloud", ratio(ours, plain), clock, f"{ours.peak:.0f}", asked, ", ".join(serious) or "none")
    b.console.print(table)
    load = os.getloadavg()[0]
    b.console.print(
        f"{'under' if ours.wall < 60 else 'NOT under'} a minute: {ours.wall:.0f} s by the clock, {ours.cpu:.0f} "
        f"CPU-seconds, {os.cpu_count()} cores under a load of {load:.1f}"
    )


def row_resume(b: Bench) -> None:
    import simplejpeg

    # A program that a shell starts in the background ignores Ctrl-C, and hands that on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    count, side = RESUMED
    chance = np.random.default_rng(SEED)
    folder = b.folder("resume")
    for i in range(count):
        rough = chance.integers(0, 255, (side // 16, side // 16, 3), np.uint8)
        picture = np.ascontiguousarray(rough.repeat(16, axis=0).repeat(16, axis=1))
        (b.folder(f"resume/{('left', 'right')[i % 2]}") / f"{i:05d}.jpg").write_bytes(simplejpeg.encode_jpeg(picture))
    caches = b.folder("cache of one run"), b.folder("cache of two runs")
    whole = inspect(folder, "--no-probes", cache=caches[0])

    def chunks() -> dict[str, float]:
        return {p.name: p.stat().st_mtime for p in caches[1].rglob("pictures-*.npz") if ".part." not in p.name}

    def stop(process: "subprocess.Popen[bytes]") -> None:
        until = time.monotonic() + 300
        while len(chunks()) < WHOLE // 2 and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.2)
        os.kill(process.pid, signal.SIGINT)

    cut = inspect(folder, "--no-probes", cache=caches[1], meanwhile=stop)
    kept = chunks()
    second = inspect(folder, "--no-probes", cache=caches[1])
    final = chunks()
    taken = sum(final.get(name) == time_ for name, time_ in kept.items())
    third = inspect(folder, "--no-probes", cache=caches[1])
    same = _same(whole.told, second.told) and _same(whole.told, third.told)
    table = b.table(
        f"resume: {count:,} pictures of {side} x {side}, Ctrl-C in the middle of measuring",
        *("run", "exit code", "CPU ratio", "chunks from the cache", "same findings"),
    )
    table.add_row("undisturbed", f"{whole.code}", "1.00", f"0 of {len(final)}", "-")
    table.add_row("interrupted", f"{cut.code}", ratio(cut, whole), f"0, {len(kept)} done", "-")
    table.add_row("second", f"{second.code}", ratio(second, whole), f"{taken} of {len(final)}", "yes" if same else "NO")
    table.add_row("third", f"{third.code}", ratio(third, whole), f"{len(final)} of {len(final)}", "")
    b.console.print(table)


def _same(one: dict[str, Any] | None, two: dict[str, Any] | None) -> bool:
    if one is None or two is None:
        return False
    return all(json.dumps(one[k], sort_keys=True) == json.dumps(two[k], sort_keys=True) for k in ("findings", "checks"))


ROWS: dict[str, Callable[[Bench], None]] = {
    name.removeprefix("row_"): row for name, row in list(globals().items()) if name.startswith("row_")
}


@click.command()
@click.argument("rows", nargs=-1, type=click.Choice(list(ROWS)))
@click.option("--data", "root", type=click.Path(path_type=Path), help="Folder that holds data/.")
@click.option("--peers", default="", help="A Python interpreter that has peers.")
@click.option("--peers-more", default="", help="Another one.")
def main(rows: tuple[str, ...], root: Path | None, peers: str, peers_more: str) -> None:
    """Run the ROWS named, or all of them, one process at a time."""
    root = root or Path(os.environ.get("TRAINLOUD_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    console = Console(width=None if sys.stdout.isatty() else 180)
    for name in rows or ROWS:
        with tempfile.TemporaryDirectory(prefix="trainloud-bench-") as temporary:
            ROWS[name](Bench(root / "data", [p for p in (peers, peers_more) if p], console, Path(temporary)))


if __name__ == "__main__":
    main()
