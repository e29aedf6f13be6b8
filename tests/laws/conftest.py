from pathlib import Path

import pytest

pytest.register_assert_rewrite("laws.twice")

from laws.twice import Bench  # noqa: E402


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
