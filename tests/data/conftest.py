"""Where the real data lies."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """`shared("tables/adult_train.csv.gz")`: a file of the real data sets; skips where they are not at hand."""
    root = Path(os.environ.get("TRAINLOUD_SHARED") or Path(__file__).parents[3] / "shared")

    def find(name: str) -> Path:
        path = root / "data" / name
        if not path.exists():
            pytest.skip(f"the data set {name} is not at hand: set TRAINLOUD_SHARED to the folder that holds data/")
        return path

    return find
