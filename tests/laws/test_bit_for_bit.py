"""Law 1: under passive watching the final weights and the random state are bit for bit the same."""

import pytest

from laws.twice import PROGRAMS, Bench
from trainloud.core.records import Step


@pytest.mark.slow
@pytest.mark.parametrize("program", sorted(p.name for p in PROGRAMS.glob("*.py")))
def test_weights_losses_and_random_state_are_those_of_python(bench: Bench, program: str):
    bench.take(program)
    plain = bench.same(program)
    assert plain.code == 0
    assert [len(line) for line in plain.out.splitlines()[-2:]] == [64, 64]  # two digests
    steps = {"cnn.py": 12, "rnn.py": 25, "gan.py": 40, "lbfgs.py": 8, "mixed.py": 20}[program]
    # the manual update in mixed.py may or may not be seen as steps of its own
    assert len(bench.traces()[0].all(Step)) >= steps


def test_a_forward_with_effects_of_its_own_runs_as_often_as_under_python(bench: Bench):
    bench.write(
        "train.py",
        """
        import torch
        from torch import nn

        seen, total = [], {"forwards": 0}

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(4, 2)
                self.register_buffer("count", torch.zeros(1))

            def forward(self, x):
                if not seen:
                    print("shape", tuple(x.shape))
                seen.append(x.sum().item())
                total["forwards"] += 1
                self.count += 1
                return self.layer(x)

        torch.manual_seed(0)
        model = Net()
        model.register_forward_hook(lambda m, i, o: seen.append("hook"))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(30):
            x = torch.randn(8, 4)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long()).backward()
            optimizer.step()
        print(total, len(seen), model.count.item())
        """,
    )
    assert "{'forwards': 30} 60 30.0" in bench.same("train.py").out


def test_two_watched_runs_leave_the_same_trace(bench: Bench, tmp_path):
    bench.take("cnn.py")
    assert bench.watched("cnn.py").code == 0
    first = bench.traces()[0]
    (bench.out).rename(tmp_path / "first")
    assert bench.watched("cnn.py").code == 0
    second = bench.traces()[0]
    key = [(s.index, s.loss, s.rates, s.clip, s.epoch) for s in first.steps]
    assert key == [(s.index, s.loss, s.rates, s.clip, s.epoch) for s in second.steps]
    assert len(key) == 12
