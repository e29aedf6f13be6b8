"""The names of all inspectors and questions, told by their files: nothing is imported."""

from pathlib import Path

FOLDERS = ("inspectors", "questions")


def inspector_names() -> tuple[str, ...]:
    here = Path(__file__).parent
    files = (f for folder in FOLDERS for f in (here / folder).rglob("*.py") if not f.name.startswith("_"))
    return tuple(sorted(f.stem.replace("_", "-") for f in files))
