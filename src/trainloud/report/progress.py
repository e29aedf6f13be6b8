"""What is being done, while it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text


@contextmanager
def progress(console: Console, verbose: bool = False) -> Iterator[Callable[[str, int], None]]:
    """A line that changes, on a terminal; with `verbose` elsewhere a line for each question; else silence."""
    if not console.is_terminal:

        def say(question: str, done: int) -> None:
            if verbose:
                console.print(f"trainloud experiment {done + 1}: {question}", markup=False, soft_wrap=True)

        yield say
        return
    with console.status("trainloud: experiments", spinner="dots") as status:
        yield lambda question, done: status.update(f"trainloud: experiment {done + 1}: {_plain(question)}")


class _Clock(ProgressColumn):
    """The time left while examples are counted; the time taken while questions are asked, which differ in length."""

    def __init__(self) -> None:
        super().__init__()
        self._left, self._taken = TimeRemainingColumn(compact=True), TimeElapsedColumn()

    def render(self, task: Task) -> Text:
        if task.total is None or task.fields.get("asking"):
            return self._taken.render(task)
        return self._left.render(task).append(" left")


@contextmanager
def counted(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A bar with what is done, how many of how many, and the time left, on a terminal; else silence."""
    if not console.is_terminal or console.quiet:
        yield lambda what, done, of: None
        return
    columns = (TextColumn("trainloud: {task.description}"), BarColumn(20), TextColumn("{task.fields[count]}"))
    with Progress(*columns, _Clock(), console=console, transient=True) as bar:
        task = bar.add_task("opening", total=None, count="", asking=False)
        last = ""

        def say(what: str, done: int, of: int) -> None:
            nonlocal last
            stage = what if of > 200 else "asking"
            if stage != last:  # a new stage has a time of its own
                bar.reset(task, total=of or None, description="")
                last = stage
            count = f"{done:,} of {of:,}" if of else ""
            bar.update(
                task,
                description=_plain(what[:60]),
                completed=done,
                total=of or None,
                count=count,
                asking=stage == "asking",
            )

        yield say


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
