"""The command line: one function a command, no logic."""

from pathlib import Path
from typing import Any

import click

from trainloud import __version__, session

PASS_THROUGH = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="trainloud")
def main() -> None:
    """Make silent faults in PyTorch training loud.

    \b
    trainloud check train.py --epochs 3     watch a run and say what is silently wrong
    trainloud watch train.py                the same, with the script's own exit code
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
    context.exit(session.check(**options))


@main.command(context_settings=PASS_THROUGH)
@_running
@click.pass_context
def watch(context: click.Context, /, **options: Any) -> None:
    """Run SCRIPT [ARGS]... as python would, watch it, and tell; exit with the script's own code."""
    context.exit(session.watch(**options))


@main.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Every fault that can be found.")
@click.pass_context
def explain(context: click.Context, /, name: str | None, everything: bool) -> None:
    """What the fault NAME is, why it matters, what to do, and where the check is blind."""
    context.exit(session.explain(name, everything))
