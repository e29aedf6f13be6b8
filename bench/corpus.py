"""Score trainloud on a folder of script pairs: `python bench/corpus.py [--corpus DIR]`.

Each case is a folder with healthy.py, buggy.py and case.json (fault, also_acceptable). found: a finding of
severity error or warning on buggy.py names an accepted fault; first: it is the first finding; false alarm:
any error or warning on healthy.py. The ratio is the time of `trainloud check` over that of plain `python`,
both measured in this run, one after the other.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

LIMIT = 600  # seconds for one run


@dataclass
class Row:
    """The score of one case."""

    case: str
    fault: str
    found: bool = False
    first: bool = False
    named: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    plain_seconds: float = 0.0
    watched_seconds: float = 0.0
    trouble: str = ""

    @property
    def ratio(self) -> float:
        return self.watched_seconds / self.plain_seconds if self.plain_seconds else float("nan")


def timed(command: list[str], folder: Path) -> tuple[float, int, str]:
    """(seconds, exit code, last of stderr) of a command run in a folder."""
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT)
    return time.perf_counter() - began, done.returncode, done.stderr[-300:]


def serious_findings(script: str, folder: Path, row: Row) -> tuple[list[str], float]:
    """(names of errors and warnings in the order told, seconds) of `trainloud check` on a script."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "trainloud", "check", "--quiet", "--out", out, script]
        seconds, code, errors = timed(command, folder)
        told = Path(out) / "findings.json"
        if code not in (0, 1) or not told.exists():
            row.trouble = f"{script}: exit code {code}: {errors}"
            return [], seconds
        findings = json.loads(told.read_text())["findings"]
    return [f["fault"] for f in findings if f["severity"] in ("error", "warning")], seconds


def score(folder: Path) -> Row:
    """Run one case."""
    case = json.loads((folder / "case.json").read_text())
    row = Row(folder.name, case["fault"])
    accepted = {case["fault"], *case["also_acceptable"]}
    row.plain_seconds, _, _ = timed([sys.executable, "buggy.py"], folder)
    row.named, row.watched_seconds = serious_findings("buggy.py", folder, row)
    row.alarms, _ = serious_findings("healthy.py", folder, row)
    row.found = bool(accepted & set(row.named))
    row.first = bool(row.named) and row.named[0] in accepted
    return row


def show(rows: list[Row], console: Console) -> None:
    table = Table("case", "fault", "found", "first", "false alarm", "seconds", "ratio", "other findings")
    for r in rows:
        others = [n for n in r.named if n != r.fault]
        table.add_row(
            r.case,
            r.fault,
            "yes" if r.found else "-",
            "yes" if r.first else "-",
            ", ".join(r.alarms) or "",
            f"{r.watched_seconds:.1f}",
            f"{r.ratio:.2f}",
            r.trouble or ", ".join(others),
        )
    console.print(table)
    n = len(rows)
    console.print(
        f"{n} cases: found {sum(r.found for r in rows)} ({sum(r.found for r in rows) / n:.0%}), "
        f"found first {sum(r.first for r in rows)} ({sum(r.first for r in rows) / n:.0%}), "
        f"false alarms on healthy scripts {sum(bool(r.alarms) for r in rows)}, "
        f"median time against the plain run {statistics.median(r.ratio for r in rows):.2f}"
    )


@click.command()
@click.option("--corpus", type=click.Path(path_type=Path, exists=True), default=None, help="Folder of cases.")
@click.option("--only", default="", help="Cases whose name contains this.")
@click.option("--jobs", default=1, show_default=True, help="Cases at once; 1 for sound ratios.")
@click.option("--json", "as_json", type=click.Path(path_type=Path), default=None, help="Also write the rows here.")
def main(corpus: Path | None, only: str, jobs: int, as_json: Path | None) -> None:
    """Score trainloud on a folder of script pairs."""
    corpus = (corpus or Path(__file__).resolve().parent.parent.parent / "shared" / "corpus").resolve()
    folders = [p.parent for p in sorted(corpus.glob("*/case.json")) if only in p.parent.name]
    console = Console(width=None if sys.stdout.isatty() else 180)
    if not folders:
        raise click.UsageError(f"no case.json below {corpus}")
    rows = []
    with ThreadPoolExecutor(jobs) as pool:
        for row in pool.map(score, folders):
            mark = "found" if row.found else "MISSED"
            console.print(f"{row.case}: {mark} {row.named} {'FALSE ALARM ' + str(row.alarms) if row.alarms else ''}")
            rows.append(row)
    show(rows, console)
    if as_json:
        as_json.write_text(json.dumps([vars(r) | {"ratio": r.ratio} for r in rows], indent=1))


if __name__ == "__main__":
    main()
