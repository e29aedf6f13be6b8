"""The command line: one function a command, no logic."""

from pathlib import Path
from typing import Any

import click

from trainloud import __version__

PASS_THROUGH = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="trainloud")
def main() -> None:
    """Make silent faults in PyTorch training loud.

    \b
    trainloud check train.py --epochs 3     watch a run and say what is silently wrong
    trainloud watch train.py                the same, with the script's own exit code
    trainloud inspect data/                 what is wrong with the data, before any training
    trainloud explain NAME                  what a finding means and what to do
    """


def _running(command: Any) -> Any:
    """The options that `watch` and `check` share."""
    for decorate in reversed(
        [
            click.option("-m", "module", is_flag=True, help="SCRIPT is a module name, as in python -m."),
            click.option("--out", type=click.Path(path_type=Path), help="Folder for findings, report and traces."),
            click.option(
                "--format",
                "form",
                type=click.Choice(["text", "json", "github", "sarif"]),
                default="text",
                show_default=True,
                help="With json and sarif the script's own output goes to standard error.",
            ),
            click.option(
                "--select", multiple=True, help="Only these faults (may be repeated, or separated by commas)."
            ),
            click.option("--ignore", multiple=True, help="Not these faults."),
            click.option(
                "--stop-after",
                type=click.IntRange(min=0),
                default=0,
                metavar="N",
                help="End the script after N optimiser steps.",
            ),
            click.option(
                "--keep-examples",
                type=click.IntRange(min=0),
                default=0,
                metavar="N",
                help="Keep the first N examples of each phase in --out, for `trainloud inspect DIR`.",
            ),
            click.option("--quiet", is_flag=True, help="Print nothing of trainloud's own."),
            click.option("--verbose", is_flag=True, help="List every question that was asked."),
            click.argument("script"),
            click.argument("args", nargs=-1, type=click.UNPROCESSED),
        ]
    ):
        command = decorate(command)
    return command


@main.command(context_settings=PASS_THROUGH)
@click.option(
    "--fail-on", type=click.Choice(["error", "warning", "note", "never"]), default=None, help="Default: warning."
)
@click.option(
    "--budget",
    metavar="TIME",
    help="Time for the whole: 60s, 5m, or 3x the script's own run. [default: 3x, at most 2m]",
)
@click.option("--no-experiments", "experiments", flag_value=False, default=True, help="Judge by the one run alone.")
@_running
@click.pass_context
def check(context: click.Context, /, **options: Any) -> None:
    """Run SCRIPT [ARGS]... as python would, watch it, run it again with one thing changed, and judge.

    What the script writes in those further runs goes to a scratch place.

    Exit code: the script's own if it failed; 0 nothing found at or above --fail-on (default: warning);
    1 findings; 2 wrong use; 3 nothing could be judged.
    """
    from trainloud import session

    context.exit(session.check(**options))


@main.command(context_settings=PASS_THROUGH)
@_running
@click.pass_context
def watch(context: click.Context, /, **options: Any) -> None:
    """Run SCRIPT [ARGS]... as python would, watch it, and tell; exit with the script's own code."""
    from trainloud import session

    context.exit(session.watch(**options))


@main.command()
@click.argument("data")
@click.option("--target", metavar="COLUMN", help="The column to predict, by name or number (-1: the last).")
@click.option("--val", metavar="DATA", help="Validation data of the same form.")
@click.option("--test", metavar="DATA", help="Test data of the same form.")
@click.option("--labels", metavar="TABLE", help="A table that names the images of a flat folder and their labels.")
@click.option(
    "--kind",
    type=click.Choice(["images", "table", "text", "characters", "series"]),
    help="Overrules what is recognised.",
)
@click.option(
    "--task",
    type=click.Choice(["classes", "number", "forecast", "segmentation", "none"]),
    help="The same for the task.",
)
@click.option("--time", metavar="COLUMN", help="The column that orders the rows in time.")
@click.option("--group", metavar="COLUMN", help="A column whose values must not straddle splits: patient, speaker.")
@click.option("--header/--no-header", default=None, help="Whether the first line of a table names its columns.")
@click.option("--separator", metavar="CHARACTER", help="Of a table.")
@click.option("--encoding", help="Of text files.")
@click.option("--no-probes", "probes", flag_value=False, default=True, help="Nothing that fits a model: seconds.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for findings.json, report.html, inspection.json.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--select", multiple=True, help="Only these inspectors and questions.")
@click.option("--ignore", multiple=True, help="Not these.")
@click.option("--fail-on", type=click.Choice(["error", "warning", "note", "never"]), help="Default: warning.")
@click.option("--workers", type=click.IntRange(min=0), default=0, help="Threads that read.  [default: all cores]")
@click.option("--memory", type=click.IntRange(min=128), default=1024, show_default=True, help="Megabytes for buffers.")
@click.option("--probe-rows", type=click.IntRange(min=200), default=12_000, show_default=True, help="Of a probe's fit.")
@click.option("--no-cache", "cache", flag_value=False, default=True, help="Keep nothing for a second run.")
@click.option("--quiet", is_flag=True, help="Print nothing.")
@click.option("--verbose", is_flag=True, help="List every question that was asked.")
@click.pass_context
def inspect(context: click.Context, /, **options: Any) -> None:
    """Become one with DATA before any network is trained on it.

    DATA is a folder of images (or a .zip, .tar, .tar.gz of one), idx files, .npy, .npz, a table (CSV, TSV, Parquet,
    Arrow), text, time series (.ts, or a table with a time column), a folder of the library datasets, a torch Dataset
    as module:attribute, or the folder of a watched run.

    Exit code: 0 nothing found at or above --fail-on (default: warning); 1 findings; 2 wrong use; 3 nothing could be
    judged; 130 interrupted.
    """
    from trainloud import inspection

    context.exit(inspection.inspect_command(**options))


@main.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="The whole text of every one.")
@click.pass_context
def explain(context: click.Context, /, name: str | None, everything: bool) -> None:
    """What NAME is (a finding of a script or of data, a question), why it matters, what to do, where it is blind."""
    from trainloud.explain import explain as tell

    context.exit(tell(name, everything))
