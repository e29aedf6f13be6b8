"""Law 1: a script behaves under trainloud as under `python`."""

from textwrap import indent

import pytest

from laws.twice import Bench, without_torch

SURROUNDINGS = """
    import os, pickle, sys, threading
    import helper

    class Kept:
        pass

    print(sys.argv, sys.path[0], os.getcwd())
    print(__name__, __file__, __package__, __spec__, __doc__, type(__loader__).__name__)
    print(sorted(k for k in globals()))
    print(sys.modules["__main__"].__dict__ is globals())
    print(pickle.loads(pickle.dumps(Kept())).__class__.__module__)
    print(threading.current_thread() is threading.main_thread(), threading.active_count())
    print(open("beside.txt").read(), helper.__file__)
    print(sys.stdin.readline().strip(), "|", sys.stdin.read())
    print("to stderr", file=sys.stderr)
    print(sys.gettrace(), sys.getprofile(), sys.flags.optimize, sys.flags.isolated)
    if __name__ == "__main__":
        print("main")
"""


def test_surroundings_of_a_script_are_those_of_python(bench: Bench):
    bench.write("work/train.py", SURROUNDINGS)
    bench.write("work/helper.py", "")
    bench.write("beside.txt", "found")
    argv = ("work/train.py", "--lr", "1e-3", "--out", "mine", "--quiet", "--", "-x", "a b")
    plain = bench.same(*argv, stdin="first\nsecond\nthird")
    assert "first | second\nthird" in plain.out
    assert plain.out.endswith("main\n")


def test_absolute_path_and_dots_are_kept_as_typed(bench: Bench):
    bench.write("a/train.py", "import sys; print(__file__, sys.argv, sys.path[0])")
    bench.write("a/b/beside.txt", "")
    bench.same("a/b/../train.py")
    bench.same("./a/train.py")


def test_module_with_relative_imports(bench: Bench):
    bench.write("pack/__init__.py", "")
    bench.write("pack/inner.py", "VALUE = 41")
    bench.write(
        "pack/train.py",
        """
        import sys
        from .inner import VALUE
        print(VALUE, __name__, __package__, __spec__.name, __file__, sys.argv, sys.path[0])
        """,
    )
    bench.write("pack/__main__.py", "from . import train; print(__name__, __spec__.name, __package__)")
    assert "41 __main__ pack pack.train" in bench.same("-m", "pack.train", "--epochs", "3", "-m").out
    bench.same("-m", "pack")


CHAINED = """
def f():
    try:
        1 / 0
    except ZeroDivisionError as e:
        raise KeyError("k") from e
f()
"""


@pytest.mark.parametrize(
    "last, code",
    [
        ("", 0),
        ("sys.exit()", 0),
        ("sys.exit(3)", 3),
        ("sys.exit(0)", 0),
        ("sys.exit('no data: a text')", 1),
        ("raise SystemExit(('a', 1))", 1),
        ("raise ValueError('an uncaught one')", 1),
        ("exit(300)", 300 % 256),
        ("os._exit(7)", 7),
        ("os.abort()", 134),
        ("assert not sys.argv, 'said'", 1),
        (CHAINED, 1),
        ("import nowhere_to_be_found", 1),
        ("sys.stdout.close()", 0),
    ],
)
def test_endings(bench: Bench, last: str, code: int):
    head = "import atexit, os, sys\natexit.register(lambda: print('at exit', file=sys.stderr))\n"
    bench.write("train.py", head + "print('begun')\n" + last)
    assert bench.same("train.py").code == code


def test_syntax_error_reads_as_under_python(bench: Bench):
    bench.write("train.py", "x = (1,\ny = 2\n")
    plain = bench.same("train.py")
    assert "SyntaxError" in plain.err
    assert plain.code == 1


def test_lines_stand_in_tracebacks_and_warnings(bench: Bench):
    bench.write(
        "train.py",
        """
        import inspect, traceback, warnings

        def f():
            try:
                {}["missing"]
            except KeyError:
                print(traceback.format_exc())
            print(len(inspect.stack()), [f.function for f in inspect.stack()])
            traceback.print_stack()
            warnings.warn("look here")

        f()
        """,
    )
    assert "train.py:11: UserWarning: look here" in bench.same("train.py").err


def test_text_written_late_and_in_parts_arrives(bench: Bench):
    bench.write(
        "train.py",
        """
        import sys, threading, time, os
        def late():
            time.sleep(0.3)
            print("late")
        threading.Thread(target=late).start()
        sys.stdout.write("no newline")
        os.write(1, b"raw\\n")
        sys.stderr.write("\\rprogress 1/2\\rprogress 2/2")
        """,
    )
    assert bench.same("train.py").out == "raw\nno newlinelate\n"


WARNINGS = """
    import torch
    from torch import nn
    import torch.nn.functional as F

    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)

    def step():
        x, y = torch.ones(8, 4), torch.ones(8)
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y) + nn.MSELoss()(model(x), y)
        loss.backward()
        scheduler.step()
        optimizer.step()

    step()
    scheduler.step()
"""


def test_warnings_of_torch_name_the_same_line(bench: Bench):
    bench.write("train.py", WARNINGS)
    plain = bench.same("train.py")
    assert plain.err.count("target size") == 2
    assert "train.py:13: UserWarning" in plain.err
    assert "`lr_scheduler.step()` before `optimizer.step()`" in plain.err


HEAD = "import torch, traceback\nfrom torch import nn\nimport torch.nn.functional as F\n"
RAISING = {
    "forward": """
class Net(nn.Module):
    def forward(self, x):
        return x @ torch.ones(5, 5)
Net()(torch.ones(2, 4))""",
    "child": "nn.Sequential(nn.Linear(4, 4), nn.Linear(5, 1))(torch.ones(2, 4))",
    "loss": "nn.CrossEntropyLoss()(torch.ones(3, 4), torch.ones(2, dtype=torch.long))",
    "functional": "F.mse_loss(torch.ones(3, 4), torch.ones(2, 5))",
    "backward": "torch.ones(1).backward()",
    "backward-twice": """
loss = (nn.Linear(2, 1)(torch.ones(1, 2)) ** 2).sum()
loss.backward()
loss.backward()""",
    "closure": """
optimizer = torch.optim.LBFGS(nn.Linear(2, 2).parameters())
def closure():
    raise OSError("in the closure")
optimizer.step(closure)""",
    "optimizer": "torch.optim.SGD([], lr=0.1)",
    "load": "nn.Linear(2, 2).load_state_dict({'weight': torch.ones(3, 3)})",
    "own-function": """
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2
    @staticmethod
    def backward(ctx, g):
        raise ArithmeticError("in my backward")
Double.apply(nn.Linear(2, 2)(torch.ones(1, 2))).sum().backward()""",
}


def assert_same_tracebacks(bench: Bench, text: str, count: int):
    bench.write("train.py", text)
    plain, watched = bench.both("train.py")
    assert plain.err.count("Traceback") == count
    assert "trainloud" not in watched.err
    assert without_torch(watched.err) == without_torch(plain.err)
    assert (watched.code, watched.out) == (plain.code, plain.out)


@pytest.mark.parametrize("where", ["forward", "loss", "closure"])
def test_uncaught_from_inside_torch_has_no_frame_of_ours(bench: Bench, where: str):
    assert_same_tracebacks(bench, HEAD + RAISING[where], 1)


def test_caught_from_inside_torch_is_python_s_but_for_a_wrapper(bench: Bench):
    """A traceback that the script prints itself holds the frames of wrappers, and nothing else of ours."""
    caught = [
        f"try:\n{indent(text.strip(), '    ')}\nexcept Exception:\n    traceback.print_exc()\n"
        for text in RAISING.values()
    ]
    bench.write("train.py", HEAD + "".join(caught))
    plain, watched = bench.both("train.py")
    assert plain.err.count("Traceback") == len(RAISING)
    assert without_torch(watched.err, wrappers=True) == without_torch(plain.err)


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_tracebacks_from_a_dataset_have_no_frame_of_ours(bench: Bench, workers: int):
    bench.write(
        "train.py",
        f"""
        import torch
        from torch.utils.data import DataLoader, Dataset

        class Data(Dataset):
            def __len__(self):
                return 4
            def __getitem__(self, i):
                return torch.ones(2), {{0: 0}}[i]

        if __name__ == "__main__":
            for x, y in DataLoader(Data(), batch_size=2, num_workers={workers}):
                pass
        """,
    )
    plain, watched = bench.both("train.py")
    assert "trainloud" not in watched.err
    assert "KeyError: 1" in plain.err
    assert without_torch(watched.err) == without_torch(plain.err)
    assert watched.code == plain.code == 1


def test_a_wrapped_function_looks_like_itself(bench: Bench):
    bench.write(
        "train.py",
        """
        import copy, inspect, pickle
        import torch
        import torch.nn.functional as F
        from torch import nn

        for f in (F.cross_entropy, F.mse_loss, torch.Tensor.backward, nn.Module.__call__, torch.optim.SGD.step,
                  nn.Module.load_state_dict, torch.optim.SGD.zero_grad, torch.save, nn.Module.train):
            print(f.__name__, f.__qualname__, inspect.signature(f))
        print(pickle.loads(pickle.dumps(F.cross_entropy)) is F.cross_entropy)
        model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        optimizer = torch.optim.Adam(model.parameters())
        loss = model(torch.ones(2, 3)).sum()
        loss.backward()
        optimizer.step()
        print(sorted(vars(model)), sorted(vars(model[0])), len(model._forward_hooks), len(model[0]._forward_hooks))
        print(sorted(vars(optimizer)), type(loss), type(model[0].weight))
        twin = copy.deepcopy(model)
        print(type(pickle.loads(pickle.dumps(twin))), repr(model), repr(optimizer))
        print(type(loss.grad_fn).__name__)
        """,
    )
    bench.same("train.py")
