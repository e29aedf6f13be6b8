"""Law 1 for a script that trains in several threads at once: one of them is watched, none is disturbed."""

import pytest

from laws.twice import Bench
from trainloud.core.records import Network, Step

PROGRAM = """
    import threading
    import torch
    from torch import nn

    ENDS = {ends}
    done = {{}}

    def train(name, steps):
        generator = torch.Generator().manual_seed(name)
        net = nets[name]
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
        for _ in range(steps):
            x = torch.randn(16, 6, generator=generator)
            loss = nn.functional.cross_entropy(net(x), (x[:, 0] > 0).long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        done[name] = sum(float(p.detach().double().sum()) for p in net.parameters())

    torch.manual_seed(0)
    nets = [nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 2)) for _ in ENDS]
    nets[0](torch.zeros(1, 6))
    threads = [threading.Thread(target=train, args=(k, n)) for k, n in enumerate(ENDS)]
    for t in threads:
        t.start()
        {join}
    for t in threads:
        t.join()
    for k in sorted(done):
        print(k, done[k].hex())
"""


@pytest.mark.slow
def test_two_networks_that_train_at_once_end_as_under_python(bench: Bench):
    bench.write("train.py", PROGRAM.format(ends=[120, 120], join="pass"))
    plain = bench.same("train.py")
    assert plain.code == 0
    assert len(plain.out.splitlines()) == 2


@pytest.mark.slow
def test_the_next_thread_is_watched_when_one_has_ended(bench: Bench):
    bench.write("train.py", PROGRAM.format(ends=[20, 30], join="t.join()"))
    assert bench.same("train.py").code == 0
    trace = bench.traces()[0]
    assert len(trace.all(Step)) >= 48  # a thread is watched from its first forward or its first backward on
    assert len(trace.all(Network)) == 2
