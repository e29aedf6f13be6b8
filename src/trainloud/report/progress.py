"""Which question is being asked by experiment, while it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


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


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
