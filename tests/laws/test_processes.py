"""Law 1, for scripts that start processes, and for scripts that are interrupted or killed."""

import os
import signal
import time

import pytest

from laws.twice import Bench
from trainloud.core.records import End, Step

pytestmark = pytest.mark.slow

LOADERS = """
    import os, sys
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    print("imported as", __name__)

    class Data(Dataset):
        def __len__(self):
            return 12
        def __getitem__(self, i):
            return torch.full((3,), float(i)), torch.rand(1)

    def main():
        torch.manual_seed(0)
        context = sys.argv[1]
        loader = DataLoader(Data(), batch_size=4, num_workers=2, shuffle=True, multiprocessing_context=context)
        model = nn.Linear(3, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
            print(x[:, 0].tolist(), y.flatten().tolist())
        print(model.weight.tolist())

    if __name__ == "__main__":
        main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_loader_workers(bench: Bench, context: str):
    bench.write("train.py", LOADERS)
    plain, watched = bench.both("train.py", context)
    # which child prints first is the operating system's choice
    assert sorted(watched.out.splitlines()) == sorted(plain.out.splitlines())
    assert (watched.err, watched.code) == (plain.err, 0)
    assert watched.out.count("imported as __mp_main__") == (2 if context == "spawn" else 0)
    main = bench.traces()[0]
    assert [s.index for s in main.all(Step)] == [0, 1, 2]
    assert sum(len(t.all(Step)) for t in bench.traces()) == 3


def test_own_processes(bench: Bench):
    bench.write(
        "train.py",
        """
        import multiprocessing, os, subprocess, sys
        from concurrent.futures import ProcessPoolExecutor

        def square(x):
            return x * x, __name__, sys.argv

        if __name__ == "__main__":
            for method in ("fork", "spawn"):
                context = multiprocessing.get_context(method)
                with ProcessPoolExecutor(1, mp_context=context) as pool:
                    print(list(pool.map(square, [1, 2])))
            child = os.fork()
            if child == 0:
                print("in the child", flush=True)
                sys.exit(5)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            code = "import sys; print(sys.argv, sys.path[0], __name__)"
            print(subprocess.run([sys.executable, "-c", code, "x"], capture_output=True, text=True))
            print(subprocess.run([sys.executable, __file__ + ".none"], capture_output=True, text=True).returncode)
        """,
    )
    plain = bench.same("train.py", "an argument")
    assert "(4, '__mp_main__', ['train.py', 'an argument'])" in plain.out


TRAINING = """
    import os, signal, sys, time
    import torch
    from torch import nn

    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def train(steps, pause=0.0):
        for step in range(steps):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(torch.ones(8, 4)), torch.ones(8, 1)).backward()
            optimizer.step()
            time.sleep(pause)

"""


def to_process(number: int):
    return lambda process: os.kill(process.pid, number)


SENT = {
    "int": to_process(signal.SIGINT),
    "term": to_process(signal.SIGTERM),
    "hup": to_process(signal.SIGHUP),
}


def sending(how: str) -> dict:
    """What `execute` needs for it: Ctrl-C is pressed at a terminal, which tells every process in front."""
    return {"press": b"\x03"} if how == "ctrl-c" else {"act": SENT[how]}


@pytest.mark.parametrize("how", ["ctrl-c", *SENT])
def test_a_signal_ends_the_script_as_under_python(bench: Bench, how: str):
    bench.write("train.py", TRAINING + "    train(5)\n    print('ready', flush=True)\n    time.sleep(25)\n")
    plain = bench.same("train.py", **sending(how))
    assert plain.code == 128 + {"ctrl-c": 2, "int": 2, "term": 15, "hup": 1}[how]
    assert len(bench.traces()[0].steps) == 5


def test_an_interrupt_is_recorded(bench: Bench):
    bench.write("train.py", TRAINING + "    train(5)\n    print('ready', flush=True)\n    time.sleep(25)\n")
    assert bench.watched("train.py", **sending("int")).code == 130
    end = bench.traces()[0].last(End)
    assert end is not None
    assert "KeyboardInterrupt" in end.exception


@pytest.mark.parametrize("how", ["ctrl-c", "term"])
def test_a_script_that_cleans_up_gets_the_time_to(bench: Bench, how: str):
    bench.write(
        "train.py",
        TRAINING
        + """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        train(3)
        print("ready", flush=True)
        time.sleep(25)
    except KeyboardInterrupt:
        time.sleep(0.5)
        print("saved")
        sys.exit(4)
    """,
    )
    plain = bench.same("train.py", **sending(how))
    assert (plain.code, plain.out) == (4, "ready\nsaved\n")


def test_a_script_with_its_own_handler_keeps_it(bench: Bench):
    bench.write(
        "train.py",
        TRAINING
        + """
    asked = []
    print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
    signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
    print("ready", flush=True)
    while not asked:
        train(1, pause=0.01)
    print("stopped at the end of the step", asked)
    """,
    )
    assert "[2]" in bench.same("train.py", **sending("ctrl-c")).out


def test_after_sigkill_the_trace_up_to_a_second_before_is_on_disk(bench: Bench):
    bench.write(
        "train.py",
        TRAINING
        + """
    begun = time.monotonic()
    done = 0
    while time.monotonic() < begun + 3:
        train(1, pause=0.005)
        done += 1
        if time.monotonic() < begun + 2:
            settled = done
    print(settled, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    """,
    )
    result = bench.watched("train.py")
    assert result.code == 137
    settled = int(result.out)
    assert settled > 20
    [trace] = bench.traces()
    assert len(trace.steps) >= settled
    assert [s.index for s in trace.steps] == list(range(len(trace.steps)))
    assert trace.last(End) is None


def test_steps_before_a_hang_are_on_disk_within_a_second(bench: Bench):
    bench.write("train.py", TRAINING + "    train(7)\n    print('ready', flush=True)\n    time.sleep(25)\n")

    def kill_later(process):
        time.sleep(1.2)
        os.killpg(process.pid, signal.SIGKILL)

    assert bench.watched("train.py", act=kill_later).code == 137
    assert len(bench.traces()[0].steps) == 7


@pytest.mark.parametrize("ending", ["raise ValueError('late')", "os._exit(7)", "sys.exit(3)"])
def test_the_trace_survives_every_ending(bench: Bench, ending: str):
    bench.write("train.py", TRAINING + f"    train(4)\n    {ending}\n")
    code = bench.watched("train.py").code
    assert code == {"raise": 1, "os._exit(7)": 7, "sys.exit(3)": 3}[ending.split()[0]]
    [trace] = bench.traces()
    assert len(trace.steps) == 4
    if ending.startswith("raise"):
        assert "ValueError" in trace.last(End).exception
