"""Finding the person's own line."""

import os
import sys
import sysconfig
from functools import cache
from types import FrameType

from trainloud.core.place import Place

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_FOREIGN = tuple(
    {os.path.abspath(sysconfig.get_path(key)) + os.sep for key in ("stdlib", "platstdlib", "purelib", "platlib")}
)


@cache
def is_persons(filename: str) -> bool:
    """Whether a source file is the person's: neither Python's, nor an installed package's, nor trainloud's."""
    if filename.startswith("<"):
        return False
    path = os.path.abspath(filename)
    if path.startswith((_HERE, *_FOREIGN)):
        return False
    return f"{os.sep}site-packages{os.sep}" not in path and f"{os.sep}dist-packages{os.sep}" not in path


def persons_line() -> Place | None:
    """The innermost line of the person's code on the stack of the caller."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if is_persons(code.co_filename):
            return Place(os.path.abspath(code.co_filename), frame.f_lineno, code.co_name)
        frame = frame.f_back
    return None


def installed_modules() -> tuple[str, ...]:
    """Names of the installed packages' modules that are imported, in that order, without torch's and our own."""
    packages = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and any(p in file for p in packages) and name.split(".")[0] not in _NOT_LISTED:
            found.append(name)
    return tuple(found)


_NOT_LISTED = ("torch", "trainloud", "sitecustomize", "__main__")
