"""What the peers of trainloud find on the same cases: `python bench/peers.py --traincheck VENV/bin`.

TrainCheck 0.2 learns from a healthy run, so it gets its best case: the healthy twin of the buggy script. Stages:
collect a trace of healthy.py, infer invariants, collect healthy.py again and buggy.py, check both traces. found: an
invariant broken on buggy.py and not on the second run of healthy.py. The first of them is printed as it stands,
whether it names place or cause is the reader's to judge; "same words": it is told of healthy.py in the same words.
Seconds are CPU seconds of all processes of a stage, the ratio is one collection over the plain run of the same
script; the limit is by the clock. --every 10 traces the first ten steps and then every tenth (TrainCheck's own
default for runs that are checked); 1 traces all. --epochs lowers the number of epochs in the copies of both
scripts: TrainCheck's guide wants a short run to learn from.

torch-audit and neural-net-checklist need edits of the script: SIGHTS says which faults their documents and code
let them see, EDITS holds the edits of one script (the number of changed lines is counted from them), and with
--peers VENV/bin the edited script runs.
"""

import ast
import difflib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from corpus import Row, score
from rich.console import Console
from rich.table import Table

CAUSE, PARTLY, SYMPTOM = "names it", "partly", "symptom"

# What each peer can see of a fault, and why: from the rules of torch-audit 0.3.0 (RULES.md, validators/builtin) and
# the assertions of neural-net-checklist 1.1.0 (torch_diagnostics.py). A fault that is not listed: nothing looks at it.
SIGHTS: dict[str, dict[str, tuple[str, str]]] = {
    "torch-audit": {
        "input-not-scaled": (CAUSE, "TA301: a float input above 50"),
        "axes-scrambled": (PARTLY, "TA303: only a 4-D input with dim 1 >= 32 and dim 3 <= 4 (NHWC)"),
        "input-carries-no-signal": (PARTLY, "TA302: only a batch without any variance"),
        "non-finite-values-in-data": (SYMPTOM, "TA100: parameters or gradients have become NaN"),
        "non-finite-hidden": (CAUSE, "TA100: parameters or gradients are NaN or infinite"),
        "dead-relu": (PARTLY, "TA105: over 90% zeros after an activation that is a module; F.relu is not seen"),
        "exploding-gradient": (CAUSE, "TA102: global gradient norm above 100"),
        "learning-rate-too-high": (SYMPTOM, "TA100, TA102: only once gradients explode"),
        "batchnorm-on-tiny-batches": (CAUSE, "TA304: fewer than 8 examples and a BatchNorm"),
        "bias-before-batchnorm": (PARTLY, "TA400: only where both stand in one nn.Sequential"),
        "parameters-unused": (CAUSE, "TA500: a layer that is never called"),
        "gradient-path-cut": (PARTLY, "TA104: only if no parameter has a gradient; TA103: only if it is exactly zero"),
        "loss-not-differentiable": (PARTLY, "TA104: only if no parameter has a gradient"),
        "layers-shared-by-accident": (PARTLY, "TA501: only a layer with running statistics"),
        "bad-initialisation": (PARTLY, "TA405: only convolution filters that are all zero"),
    },
    "neural-net-checklist": {
        "batch-examples-mixed": (CAUSE, "forward and backward batch independence"),
        "future-leaks-into-past": (CAUSE, "forward and backward causal property (causal language models)"),
        "bad-initialisation": (CAUSE, "loss at the start against ln(classes), spread of probabilities"),
        "input-ignored": (CAUSE, "must do better on real inputs than on zeros"),
        "input-carries-no-signal": (CAUSE, "must do better on real inputs than on zeros"),
        "parameters-unused": (CAUSE, "every parameter needs a gradient"),
        "parameters-frozen-by-accident": (CAUSE, "every parameter needs a gradient"),
        "gradient-path-cut": (CAUSE, "every parameter needs a gradient, if the cut is in the forward"),
        "input-not-scaled": (SYMPTOM, "loss at the start far above ln(classes)"),
        "softmax-before-cross-entropy": (
            SYMPTOM,
            "the gradient of an example's summed output is zero; cannot overfit one batch",
        ),
        "activation-on-logits": (SYMPTOM, "cannot overfit one batch, where the range forbids 1e-4"),
        "dead-relu": (SYMPTOM, "gradients that are all zero, cannot overfit one batch"),
        "vanishing-gradient": (SYMPTOM, "cannot overfit one batch"),
        "dropout-too-strong": (SYMPTOM, "cannot overfit one batch"),
        "capacity-too-small": (SYMPTOM, "cannot overfit one batch"),
        "missing-nonlinearity": (SYMPTOM, "cannot overfit one batch, if the batch is not linearly separable"),
        "axes-scrambled": (SYMPTOM, "shows the batch before the network; a person must notice"),
    },
}

# (before, after) of each edit: the smallest that their documents describe, for the script named.
EDITED_CASE = "har-conv-probabilities"
EDITS: dict[str, list[tuple[str, str]]] = {
    "torch-audit": [
        (
            "from torch.utils.data import DataLoader, Dataset\n",
            "from torch.utils.data import DataLoader, Dataset\n"
            "from torch_audit import autopatch\n"
            "from torch_audit.reporters.console import ConsoleReporter\n",
        ),
        (
            "T_max=args.epochs)\n",
            "T_max=args.epochs)\n"
            "    auditor = autopatch(model, optimizer=optimizer, every_n_steps=10, reporters=[ConsoleReporter()])\n",
        ),
        ('acc {100 * test_acc:.2f}%")\n', 'acc {100 * test_acc:.2f}%")\n    auditor.finish(report=True)\n'),
    ],
    "neural-net-checklist": [
        (
            "from torch.utils.data import DataLoader, Dataset\n",
            "from torch.utils.data import DataLoader, Dataset\n"
            "from neural_net_checklist.torch_diagnostics import assert_all_for_classification_cross_entropy_loss\n",
        ),
        (
            "    model = Network()\n",
            "    assert_all_for_classification_cross_entropy_loss(Network, train_loader, num_classes=len(ACTIVITIES))\n"
            "    model = Network()\n",
        ),
    ],
}


@dataclass
class Outcome:
    """What TrainCheck did on one case."""

    broken: list[dict[str, Any]] = field(default_factory=list)  # on buggy.py and not on the second healthy run
    noise: list[str] = field(default_factory=list)  # what is said to be broken on the second healthy run
    invariants: int = 0
    plain: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    trouble: str = ""
    printed: tuple[str, str] = ("", "")  # last lines of healthy.py: plain, and traced

    @property
    def ratio(self) -> float:
        return self.seconds.get("healthy", float("nan")) / self.plain if self.plain else float("nan")


class TookTooLong(Exception):
    """A stage went over the limit or failed; the message says which."""


def stage(command: list[str], folder: Path, bin_folder: Path, limit: float) -> tuple[float, str]:
    """(CPU seconds, output) of a command with its children, ended together at the limit."""
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {
        "PATH": path,
        "OMP_NUM_THREADS": threads,
    }
    before = cpu_seconds()
    with tempfile.TemporaryFile("w+", errors="replace") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise TookTooLong(f"over {limit:.0f} s") from None
        out.seek(0)
        text = out.read()
    if code:
        raise TookTooLong(f"exit code {code}: {text}")
    return cpu_seconds() - before, text


def cpu_seconds() -> float:
    """CPU seconds of all children that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def shortened(source: str, epochs: int | None) -> str:
    """The script with its number of epochs replaced where it is written as a default or a constant."""
    if epochs is None:
        return source
    return re.sub(
        r"(?i)(\bepochs\b\"?(?:: int|, *type=int, *default)? *= *)\d+\b(?! *, *\d)", rf"\g<1>{epochs}", source
    )


def model_names(source: str) -> list[str]:
    """Names of variables that are given a network: TrainCheck wants them told."""
    tree = ast.parse(source)
    kinds = {"Sequential"}
    for _ in range(3):  # classes that derive from classes of the script
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = [ast.unparse(b).split(".")[-1] for b in node.bases]
                if any(b in kinds or (b.endswith("Module") and "Data" not in b) for b in bases):
                    kinds.add(node.name)
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            made, name = node.value, node.targets[0].id
            while isinstance(made, ast.Call) and isinstance(made.func, ast.Attribute):
                if not isinstance(made.func.value, ast.Call):
                    break
                made = made.func.value  # Net().to(device)
            kind = ast.unparse(made.func).split(".")[-1] if isinstance(made, ast.Call) else ""
            if kind in kinds and name not in found:
                found.append(name)
    return found or ["model"]


def read_broken(results: Path) -> list[dict[str, Any]]:
    """Broken invariants of a check: {key, name, relation, first_step}."""
    (failed,) = results.glob("*/failed.log")
    decoder, text, broken = json.JSONDecoder(), failed.read_text(), []
    told = json.loads((failed.parent / "violations_summary.json").read_text())["violations"]
    at = 0
    for entry in told:  # both are written in the same order
        while at < len(text) and text[at].isspace():
            at += 1
        record, at = decoder.raw_decode(text, at)
        broken.append(
            {
                "key": json.dumps(record["invariant"], sort_keys=True),
                "name": entry["display_name"],
                "relation": entry["relation_type"],
                "first_step": entry["first_step"],
            }
        )
    return broken


def traincheck(folder: Path, bin_folder: Path, limit: float, every: int, epochs: int | None) -> Outcome:
    """TrainCheck on one case, in a copy of the folder as far from the data as the case itself."""
    outcome = Outcome()
    step = "plain"
    with tempfile.TemporaryDirectory() as name:
        here = Path(name) / "corpus" / folder.name
        shutil.copytree(folder, here)
        (Path(name) / "data").symlink_to(folder.parent.parent / "data")

        for script in here.glob("*.py"):
            script.write_text(shortened(script.read_text(), epochs))

        def run(label: str, *command: str) -> str:
            nonlocal step
            step = label
            seconds, text = stage([str(bin_folder / command[0]), *command[1:]], here, bin_folder, limit)
            outcome.seconds[label] = seconds
            return text

        def collect(label: str, script: str, *more: str) -> str:
            sampling = ["--sampling-interval", str(every), "--warm-up-steps", str(every)]
            target = str(here.parent / label)  # it runs the script there: ../../data must lead to the data
            names = model_names((here / script).read_text())
            command = ["traincheck-collect", "-p", script, "--models-to-track", *names, *sampling]
            return run(label, *command, "--output-dir", target, *more)

        def check(label: str) -> list[dict[str, Any]]:
            arguments = ["-f", str(here.parent / label), "-i", "invariants.json", "-o", f"out-{label}"]
            run(f"check {label}", "traincheck-check", *arguments, "--no-html-report")
            return read_broken(here / f"out-{label}")

        try:
            plain = last_line(run("plain", "python", "healthy.py"))
            outcome.plain = outcome.seconds.pop("plain")
            outcome.printed = (plain, last_line(collect("healthy", "healthy.py")))
            run("infer", "traincheck-infer", "-f", str(here.parent / "healthy"), "-o", "invariants.json")
            outcome.invariants = len((here / "invariants.json").read_text().splitlines())
            collect("again", "healthy.py", "-i", "invariants.json")
            noise = check("again")
            outcome.noise = [b["name"] for b in noise]
            collect("buggy", "buggy.py", "-i", "invariants.json")
            known = {b["key"] for b in noise}
            outcome.broken = [b for b in check("buggy") if b["key"] not in known]
            said = set(outcome.noise)
            outcome.broken.sort(key=lambda b: (b["name"] in said, b["first_step"] is None, b["first_step"] or 0))
        except TookTooLong as error:
            outcome.trouble = f"{step}: {str(error)[-200:]}"
        except (OSError, ValueError, KeyError) as error:
            outcome.trouble = f"{step}: {type(error).__name__}: {error}"
    return outcome


def last_line(text: str) -> str:
    lines = [line.replace("\x1b[94m", "").replace("\x1b[0m", "").strip() for line in text.splitlines()]
    return next((line for line in reversed(lines) if line), "")


def edited(source: str, peer: str) -> str:
    """The script with the edits that a peer needs."""
    for before, after in EDITS[peer]:
        if source.count(before) != 1:
            raise click.ClickException(f"{peer}: not once in the script: {before!r}")
        source = source.replace(before, after)
    return source


def changed_lines(source: str, peer: str) -> int:
    """How many lines a person changes for a peer."""
    diff = difflib.ndiff(source.splitlines(), edited(source, peer).splitlines())
    return sum(line.startswith("+ ") for line in diff)


def reason(text: str) -> str:
    """The assertion that stopped a script, or what was said first."""
    lines = [line.split(":", 1)[-1].strip() for line in text.splitlines() if "AssertionError" in line]
    return " ".join((lines or [text])[-1].split())[:160]


def run_edited(folder: Path, script: str, peer: str, bin_folder: Path, limit: float) -> tuple[float, str]:
    """(CPU seconds, what it told) of an edited script."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / script
        copy.write_text(edited((folder / script).read_text(), peer))
        began = cpu_seconds()
        try:
            _, text = stage([str(bin_folder / "python"), script], Path(name), bin_folder, limit)
        except TookTooLong as error:
            return cpu_seconds() - began, f"stopped: {reason(str(error))}"
    told = [line.strip() for line in text.splitlines() if re.match(r"TA\d{3}", line.strip())]
    return cpu_seconds() - began, "; ".join(dict.fromkeys(told)) or "nothing reported"


def line_of(row: Row, outcome: Outcome) -> list[str]:
    """A row of the table."""
    ours = "first" if row.first else "found" if row.found else "-"
    seconds = " ".join(f"{k} {v:.0f}" for k, v in outcome.seconds.items())
    theirs, first = "not judged" if outcome.trouble else "-", outcome.trouble
    if outcome.broken:
        head = outcome.broken[0]
        theirs = "same words" if head["name"] in outcome.noise else "found"
        again = " (said of healthy.py too)" if head["name"] in outcome.noise else ""
        first = f"{len(outcome.broken)}; step {head['first_step']}: {head['relation']}: {head['name'][:300]}{again}"
    numbers = [f"{len(outcome.noise)} of {outcome.invariants}", seconds, f"{outcome.ratio:.1f}"]
    return [row.case, row.fault, ours, f"{row.ratio:.2f}", theirs, first, *numbers]


def show(rows: list[tuple[Row, Outcome]], console: Console) -> None:
    heads = ["case", "fault", "trainloud", "ratio", "TrainCheck", "broken on buggy only; the first"]
    table = Table(*heads, "broken on healthy again", "CPU seconds", "ratio")
    for row, outcome in rows:
        table.add_row(*line_of(row, outcome))
    console.print(table)
    for _, outcome in rows:
        if all(outcome.printed):
            console.print(f"healthy.py plain:  {outcome.printed[0]}\n  under TrainCheck: {outcome.printed[1]}")


def show_sights(folders: list[Path], console: Console) -> None:
    """What the peers that need edits could see of the faults of these cases."""
    faults = [json.loads((f / "case.json").read_text())["fault"] for f in folders]
    for peer, sights in SIGHTS.items():
        table = Table("fault", "sees it", "how", title=f"{peer}, by its documents and code")
        for fault in sorted(set(faults) & set(sights)):
            table.add_row(fault, *sights[fault])
        console.print(table)
        kinds = [sights.get(fault, ("nothing", ""))[0] for fault in faults]
        counts = ", ".join(f"{k} {kinds.count(k)}" for k in (CAUSE, PARTLY, SYMPTOM, "nothing"))
        console.print(f"{peer} on these {len(faults)} cases: {counts}")


def show_edited(corpus: Path, bin_folder: Path | None, limit: float, console: Console) -> list[dict[str, Any]]:
    """The peers that need edits: lines to change, and what they tell where they are installed."""
    folder = corpus / EDITED_CASE
    if not folder.exists():
        return []
    source = (folder / "healthy.py").read_text()
    table = Table("peer", "script", "changed lines", "CPU seconds", "it told", title=EDITED_CASE)
    kept = []
    for peer in EDITS:
        lines = changed_lines(source, peer)
        for script in ("healthy.py", "buggy.py"):
            seconds, told = float("nan"), "not installed here (--peers)"
            if bin_folder:
                seconds, told = run_edited(folder, script, peer, bin_folder, limit)
            table.add_row(peer, script, str(lines), f"{seconds:.1f}", told)
            kept.append({"peer": peer, "script": script, "lines": lines, "seconds": seconds, "told": told})
    console.print(table)
    return kept


@click.command()
@click.option("--corpus", type=click.Path(path_type=Path, exists=True), default=None, help="Folder of cases.")
@click.option("--only", multiple=True, help="Cases whose name contains this; may be given more than once.")
@click.option("--traincheck", "tools", type=click.Path(path_type=Path, exists=True), help="bin folder of TrainCheck.")
@click.option("--peers", type=click.Path(path_type=Path, exists=True), help="bin folder of the peers that need edits.")
@click.option("--limit", default=300.0, show_default=True, help="Seconds for a stage.")
@click.option("--every", default=10, show_default=True, help="TrainCheck traces so many first steps, then every n-th.")
@click.option("--epochs", type=int, default=None, help="Epochs of the scripts under TrainCheck.")
@click.option("--json", "as_json", type=click.Path(path_type=Path), default=None, help="Also write the rows here.")
def main(
    corpus: Path | None,
    only: tuple[str, ...],
    tools: Path | None,
    peers: Path | None,
    limit: float,
    every: int,
    epochs: int | None,
    as_json: Path | None,
) -> None:
    """Run trainloud and its peers on a folder of script pairs, one after the other."""
    corpus = (corpus or Path(__file__).resolve().parent.parent.parent / "shared" / "corpus").resolve()
    cases = [p.parent for p in sorted(corpus.glob("*/case.json"))]
    folders = [f for f in cases if not only or any(o in f.name for o in only)]
    console = Console(width=None if sys.stdout.isatty() else 220)
    if not folders:
        raise click.UsageError(f"no case.json below {corpus}")
    rows: list[tuple[Row, Outcome]] = []
    for folder in folders if tools else []:
        assert tools is not None
        row, outcome = score(folder), traincheck(folder, tools.absolute(), limit, every, epochs)
        console.print(" | ".join(line_of(row, outcome)), soft_wrap=True)
        rows.append((row, outcome))
    edits = show_edited(corpus, peers.absolute() if peers else None, limit, console)
    show_sights(folders, console)
    if rows:
        show(rows, console)
    else:
        console.print("TrainCheck: not run (--traincheck VENV/bin, with traincheck and torch installed there)")
    if as_json:
        told = [vars(r) | {"ratio": r.ratio, "traincheck": vars(o) | {"ratio": o.ratio}} for r, o in rows]
        as_json.write_text(json.dumps({"cases": told, "edited": edits}, indent=1, default=str))


if __name__ == "__main__":
    main()
