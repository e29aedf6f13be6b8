"""Start-up of a watched process: put the house back as it was, then wait for torch.

This folder stands first on PYTHONPATH of the watched process and of all that it starts. The file must
run on any Python and do next to nothing where torch is never imported.
"""

import os
import sys


def _restore():  # type: ignore[no-untyped-def]
    """Take this folder off sys.path and import the sitecustomize that it hides, if there is one."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if not p or os.path.abspath(p) != here]
    this = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError:
        sys.modules["sitecustomize"] = this


def _tell(error):  # type: ignore[no-untyped-def]
    """Leave the reason where the parent looks for traces."""
    try:
        os.makedirs(os.environ["TRAINLOUD_RUN"], exist_ok=True)
        with open(os.path.join(os.environ["TRAINLOUD_RUN"], "not-watched.txt"), "w") as f:
            f.write("%s: %s" % (type(error).__name__, error))  # noqa: UP031
    except OSError:
        return


class _TorchFinder(object):  # noqa: UP004
    """A meta path finder that lets every other finder find torch, and installs the watch after its import."""

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        import importlib.util

        spec = importlib.util.find_spec("torch")
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module):  # type: ignore[no-untyped-def]
            run(module)
            spec.loader.exec_module = run
            try:
                from trainloud.stage.install import install

                install()
            except Exception as error:  # another Python's torch, or one that is too old: the script runs on unwatched
                _tell(error)

        spec.loader.exec_module = exec_module
        return spec


_restore()
if sys.version_info >= (3, 11) and os.environ.get("TRAINLOUD_RUN"):
    sys.meta_path.insert(0, _TorchFinder())
