"""What watching costs: the same script plain and watched, in turns, as ratios: `python bench/overhead.py`.

Steps: CPU time of a training step (all threads), watched over plain, as the median over pairs of the mean
over the steps; once over all steps but the first ten, and once over the steady rest without the sampled ones.
Memory: peak resident set. TrainCheck 0.2 runs on the same script where its command is found
(`traincheck-collect` on PATH, or --traincheck FILE), in an environment of its own with the same torch.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import click

PROGRAM = Path(__file__).resolve().parent / "programs" / "small_cnn.py"
THREADS = os.environ.get("OMP_NUM_THREADS", "2")
TRAINCHECK_STEPS = 40  # it takes about ten times as long
SETTLED = 10  # first steps that are left out: warm-up of allocator and caches, and the probe window


def run(command: list[str], folder: Path) -> tuple[list[float], float]:
    """(CPU milliseconds of each step, peak resident MB) of one run of the program."""
    times = folder / "times.json"
    times.unlink(missing_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": THREADS}
    done = subprocess.run(
        [*command, "--times", str(times)], cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode or not times.exists():
        raise click.ClickException(f"{command}: {done.stderr[-800:]}")
    return json.loads(times.read_text()), _peak(command, folder, environment)


def _peak(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Peak resident MB of the largest process of a short run."""
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    wrapped = [sys.executable, "-c", script, *command, "--steps", "40"]
    done = subprocess.run(wrapped, cwd=folder, env=environment, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def median_ratio(
    ours: list[list[float]], plain: list[list[float]], first: int, middle: bool
) -> tuple[float, list[float]]:
    """Median over pairs of (mean or median step of ours) over that of plain, and all of them."""
    take = statistics.median if middle else statistics.fmean
    ratios = [take(a[first:]) / take(b[first:]) for a, b in zip(ours, plain, strict=True)]
    return statistics.median(ratios), ratios


def traincheck_steps(tool: str, folder: Path, steps: int) -> list[float]:
    """CPU milliseconds of the steps of the same script under TrainCheck's collector, with its tracing of torch.

    Its selective tracing needs invariants that were learnt from other runs before.
    """
    times = folder / "times.json"
    times.unlink(missing_ok=True)
    shutil.copy(PROGRAM, folder / PROGRAM.name)
    shell = folder / "run.sh"
    shell.write_text(f"python {PROGRAM.name} --steps {steps} --times {times}\n")
    command = [tool, "-p", PROGRAM.name, "-s", shell.name, "-t", "torch", "--models-to-track", "net"]
    path = f"{Path(tool).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "OMP_NUM_THREADS": THREADS, "PATH": path}
    command += ["--output-dir", str(folder / "traincheck")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if not times.exists():
        raise click.ClickException(f"traincheck: {done.stderr[-800:]}")
    return json.loads(times.read_text())


@click.command()
@click.option("--pairs", default=5, show_default=True)
@click.option("--steps", default=300, show_default=True)
@click.option("--traincheck", default=None, help="Path of traincheck-collect.")
def main(pairs: int, steps: int, traincheck: str | None) -> None:
    """Print the ratios."""
    plain_command = [sys.executable, str(PROGRAM)]
    watched_command = [sys.executable, "-m", "trainloud", "watch", "--quiet", str(PROGRAM)]
    plain, watched, memory = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(pairs):
            a, plain_mb = run([*plain_command, "--steps", str(steps)], folder)
            b, watched_mb = run([*watched_command, "--steps", str(steps)], folder)
            plain.append(a)
            watched.append(b)
            memory.append((watched_mb, plain_mb))
        whole, all_whole = median_ratio(watched, plain, SETTLED, middle=False)
        steady, all_steady = median_ratio(watched, plain, SETTLED, middle=True)
        click.echo(f"always-on probes (median step):    {steady:.3f}   pairs {[round(r, 3) for r in all_steady]}")
        click.echo(f"with sampled probes (mean step):   {whole:.3f}   pairs {[round(r, 3) for r in all_whole]}")
        ratio = statistics.median(w / p for w, p in memory)
        extra = statistics.median(w - p for w, p in memory)
        click.echo(f"peak memory:                       {ratio:.3f}   ({extra:+.0f} MB)")
        tool = traincheck or shutil.which("traincheck-collect")
        if tool is None:
            click.echo("TrainCheck: not installed here (pip install traincheck), not compared")
            return
        theirs = traincheck_steps(tool, folder, TRAINCHECK_STEPS)
        ratio = statistics.fmean(theirs[SETTLED:]) / statistics.fmean(statistics.fmean(p[SETTLED:]) for p in plain)
        click.echo(f"TrainCheck on the same script:     {ratio:.3f}   (mean step)")


if __name__ == "__main__":
    main()
