"""The order of the rooms: imports point down only."""

import ast
from pathlib import Path

import pytest

import trainloud

PACKAGE = Path(trainloud.__file__).parent
# A room may import the rooms named here, and itself.
BELOW = {
    "core": set(),
    "stage": {"core"},
    "checks": {"core", "experiments"},
    "report": {"core"},
    "experiments": {"core"},
    "data": {"core"},
    "settings": {"core", "experiments"},
    "verdict": {"core", "stage", "experiments", "checks", "report", "settings"},
    "session": {"core", "data", "stage", "experiments", "checks", "report", "settings", "verdict"},
    "inspection": {"core", "data", "checks", "report", "settings"},
    "explain": {"checks", "data", "report"},
    "cli": {"session", "inspection", "explain"},
    "__main__": {"cli"},
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Dotted names of the trainloud modules that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{a.name}" for a in node.names}
    return {n for n in names if n.split(".")[0] == "trainloud"}


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    room = room_of(path)
    allowed = BELOW[room] | {room, "__version__"}
    used = {n.split(".")[1] for n in imported(path) if "." in n}
    assert used <= allowed, f"{path.name} in room {room} imports {sorted(used - allowed)}"


@pytest.mark.parametrize("path", [p for p in FILES if room_of(p) == "core"], ids=lambda p: p.name)
def test_core_needs_the_standard_library_only(path: Path) -> None:
    import sys

    tree = ast.parse(path.read_text())
    tops = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    tops |= {n.module.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
    assert tops <= set(sys.stdlib_module_names) | {"trainloud"}


@pytest.mark.parametrize(
    "path", [p for p in FILES if room_of(p) in ("checks", "report", "core", "data")], ids=lambda p: p.name
)
def test_judging_and_reporting_need_no_torch(path: Path) -> None:
    top_level = [n for n in ast.parse(path.read_text()).body if isinstance(n, (ast.Import, ast.ImportFrom))]
    names = {a.name for n in top_level if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module or "" for n in top_level if isinstance(n, ast.ImportFrom)}
    assert not any(n.split(".")[0] == "torch" for n in names)


def test_each_probe_file_holds_a_probe_and_says_what_it_sees() -> None:
    for path in (PACKAGE / "stage" / "probes").glob("*.py"):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path.name
        if path.name != "__init__.py":
            assert "Probe" in {n.name for n in tree.body if isinstance(n, ast.ClassDef)}, path.name


SIZE_LIMIT, FUNCTION_LIMIT = 400, 60


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= SIZE_LIMIT
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LIMIT, f"{path.name}: {node.name}"
