"""Each intervention changes the one thing that it names, says so, and says when it could not."""

import itertools
from pathlib import Path

import pytest

from trainloud.core.records import Flags, LossCall, Treatment
from trainloud.core.trace import unpack_labels, unpack_prints
from trainloud.stage.interventions import make, names

LOADER = """
import random
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = 3 + 5 * torch.randn(80, 6)
y = (x[:, 0] > 3).long()
net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=0.01)
schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
for epoch in range(2):
    for a, b in loader:
        a = a if random.random() < 0.5 else a.flip(0).flip(0)
        loss = nn.functional.cross_entropy(net(a), b)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1e-3)
        optimizer.step()
    schedule.step()
"""

BY_HAND = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(80, 6)
y = x.sum(1)
net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for step in range(20):
    rows = torch.randint(0, 80, (16,))
    error = (net(x[rows]).squeeze(1) - y[rows]).clamp(-0.1, 0.1)
    loss = (error ** 2).mean()
    loss.backward()
    optimizer.step()
"""


def rates(trace) -> list[float]:
    return [round(s.rates[0], 6) for s in trace.steps]


def losses(trace) -> list[float]:
    return [s.loss for s in trace.steps]


def took(outcome) -> bool:
    assert outcome.trace is not None, outcome.reason
    return all(t.took and t.measured for t in outcome.trace.all(Treatment)) and outcome.trace.all(Treatment) != ()


def test_every_intervention_is_tested_here():
    source = Path(__file__).read_text()
    missing = [n for n in names() if f'"{n}' not in source and n != "script-option"]
    assert not missing


def test_unknown_names_and_values_are_refused():
    with pytest.raises(ValueError, match="no intervention"):
        make("no-such-thing")
    for wrong in ("batch-size=2", "data-fraction=2", "learning-rate=fast", "mode=off", "labels=0,0", "--width",
                  "optimizer=sgd", "learning-rate-sweep=1..0.1/9", "random-draws=2"):  # fmt: skip
        with pytest.raises(ValueError):
            make(wrong)


def test_repetition_is_the_same_run(experiment):
    first, second = experiment(LOADER).trace, experiment(LOADER).trace
    assert losses(first) == losses(second)
    assert len(first.steps) == 10


def test_repeat_first_batch(experiment):
    outcome = experiment(LOADER, "repeat-first-batch")
    assert took(outcome)
    assert len({b.prints for b in outcome.trace.trained_batches}) == 1
    assert len({c.labels for c in outcome.trace.all(LossCall)}) == 1


def test_repeat_first_batch_without_a_loader_or_a_loss_function(experiment):
    outcome = experiment(BY_HAND.replace(".clamp(-0.1, 0.1)", ""), "repeat-first-batch")
    assert took(outcome)
    assert len({b.prints for b in outcome.trace.trained_batches}) == 1
    falling = losses(outcome.trace)
    assert all(b < a for a, b in itertools.pairwise(falling[:11])), "the targets were not held"


def test_zero_inputs(experiment):
    outcome = experiment(LOADER, "zero-inputs")
    assert took(outcome)
    seen = [set(unpack_prints(b.prints)) for b in outcome.trace.trained_batches]
    assert len(seen[0]) > 1, "the first forward is left alone"
    assert all(len(s) == 1 for s in seen[1:])


def test_zero_inputs_spares_the_answers_of_a_network_with_its_own_loss(experiment):
    program = """
import torch
from torch import nn
torch.manual_seed(0)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
    def forward(self, x, y):
        return nn.functional.cross_entropy(self.layer(x), y)
net = Net()
optimizer = torch.optim.Adam(net.parameters())
for step in range(6):
    loss = net(torch.randn(16, 4), torch.randint(0, 3, (16,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
    outcome = experiment(program, "zero-inputs")
    assert took(outcome)
    labels = [set(unpack_labels(c.labels)) for c in outcome.trace.all(LossCall)]
    assert all(len(s) > 1 for s in labels)


def test_shuffle_labels(experiment):
    plain, dealt = experiment(LOADER).trace, experiment(LOADER, "shuffle-labels")
    assert took(dealt)
    before = [list(unpack_labels(c.labels)) for c in plain.all(LossCall)]
    after = [list(unpack_labels(c.labels)) for c in dealt.trace.all(LossCall)]
    assert before != after
    assert [sorted(a) for a in before] == [sorted(a) for a in after]


def test_learning_rates(experiment):
    plain = rates(experiment(LOADER).trace)
    assert plain == [0.1] * 5 + [0.05] * 5
    tenth = experiment(LOADER, "learning-rate=x0.1")
    assert took(tenth)
    assert rates(tenth.trace) == [0.01] * 5 + [0.005] * 5
    assert set(rates(experiment(LOADER, "learning-rate=0.003").trace)) == {0.003}
    constant = experiment(LOADER, "constant-learning-rate")
    assert took(constant)
    assert set(rates(constant.trace)) == {0.1}
    sweep = rates(experiment(LOADER, "learning-rate-sweep=1e-4..1e-1/10").trace)
    assert sweep[0] == 1e-4
    assert sweep[-1] == pytest.approx(0.1)
    assert sweep == sorted(sweep)


def test_constant_rate_without_a_schedule_has_no_effect(experiment):
    outcome = experiment(BY_HAND, "constant-learning-rate")
    assert outcome.trace is None
    assert "did not take effect" in outcome.reason


def test_optimizer(experiment):
    outcome = experiment(LOADER, "optimizer=adam:1e-2")
    assert took(outcome)
    assert "Adam" in outcome.trace.all(Treatment)[0].measured
    assert set(rates(outcome.trace)) == {0.01}
    assert losses(outcome.trace) != losses(experiment(LOADER).trace)


@pytest.mark.parametrize(
    "change",
    ["no-weight-decay", "no-gradient-clipping", "no-dropout", "mode=eval", "standardise-inputs", "seed=fresh:1",
     "double-precision", "random-draws=0.999", "labels=1,0"],
)  # fmt: skip
def test_the_run_changes(experiment, change):
    outcome = experiment(LOADER, change)
    assert took(outcome)
    assert losses(outcome.trace) != losses(experiment(LOADER).trace) or change == "random-draws=0.999"


def test_mode_that_is_on_already_has_no_effect(experiment):
    assert "did not take effect" in experiment(LOADER, "mode=train").reason


def test_seed_is_fixed_where_the_script_sets_none(experiment):
    program = LOADER.replace("torch.manual_seed(0)\n", "")
    five = losses(experiment(program, "seed=5").trace)
    assert five == losses(experiment(program, "seed=5").trace)
    assert five != losses(experiment(program, "seed=6").trace)


def test_batch_size_and_data_fraction(experiment):
    double = experiment(LOADER, "batch-size=x2")
    assert took(double)
    assert {b.size for b in double.trace.trained_batches} == {32, 16}
    half = experiment(LOADER, "data-fraction=0.5")
    assert took(half)
    assert len(half.trace.steps) == 6
    assert "did not take effect" in experiment(BY_HAND, "batch-size=x2").reason


def test_no_loss_clamp(experiment):
    plain, free = losses(experiment(BY_HAND).trace), experiment(BY_HAND, "no-loss-clamp")
    assert took(free)
    assert max(plain) <= 0.01 + 1e-6
    assert losses(free.trace)[0] > 0.1


def test_zero_grad(experiment):
    outcome = experiment(BY_HAND, "zero-grad")
    assert took(outcome)
    assert losses(outcome.trace) != losses(experiment(BY_HAND).trace)


@pytest.mark.parametrize("kept", [True, False])
def test_previous_batch_tells_a_state_that_is_carried_over(experiment, kept):
    program = f"""
import torch
from torch import nn
torch.manual_seed(0)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.head, self.state = nn.GRU(3, 5, batch_first=True), nn.Linear(5, 1), None
    def forward(self, x):
        out, state = self.cell(x, self.state)
        self.state = state.detach() if {kept} else None
        return self.head(out[:, -1])
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(6):
    loss = nn.functional.mse_loss(net(torch.randn(8, 4, 3)), torch.zeros(8, 1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
    plain = losses(experiment(program, "learning-rate=0").trace)
    other = experiment(program, "learning-rate=0", "previous-batch")
    assert took(other)
    assert (losses(other.trace)[1::2] != plain[1::2]) is kept


def test_padding(experiment):
    program = """
import torch
from torch import nn
torch.manual_seed(0)
net = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(20, 2))
optimizer = torch.optim.Adam(net.parameters())
for step in range(4):
    x = torch.randint(1, 10, (8, 5))
    x[:, 3:] = 0
    loss = net(x).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
    outcome = experiment(program, "padding=0")
    assert took(outcome)
    assert "64 padded places" in outcome.trace.all(Treatment)[0].measured


ARGUMENTS = {
    "argparse": """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--hidden-size", type=int, default=8)
width = parser.parse_args().hidden_size
""",
    "click": """
import click, sys
@click.command()
@click.option("--hidden-size", default=8)
def main(hidden_size):
    global width
    width = hidden_size
main(standalone_mode=False)
""",
}
OPTION = """
import torch
from torch import nn
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 2))
optimizer = torch.optim.Adam(net.parameters())
for step in range(4):
    loss = net(torch.randn(8, 6)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


HYDRA = """
import hydra
@hydra.main(version_base=None, config_path=None, config_name="settings")
def main(settings):
    global width
    width = settings.net.width
main()
"""


def test_option_of_a_hydra_script(experiment, tmp_path: Path):
    pytest.importorskip("hydra", reason="hydra-core is not installed")
    (tmp_path / "settings.yaml").write_text("net:\n  width: 8\n")
    program = HYDRA.replace("config_path=None", 'config_path="."') + OPTION
    plain = experiment(program)
    assert plain.trace is not None, plain.reason
    found = {f.name: (f.value, f.kind) for f in plain.trace.all(Flags)[-1].options}
    assert found["net.width"] == ("8", "int")
    outcome = experiment(program, "hydra:net.width=32")
    assert took(outcome)
    assert "net.width as 32" in outcome.trace.all(Treatment)[0].measured
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("parser", list(ARGUMENTS))
def test_script_option(experiment, parser):
    outcome = experiment(ARGUMENTS[parser] + OPTION, "--hidden-size=32")
    assert took(outcome)
    assert "32" in outcome.trace.all(Treatment)[0].measured
    assert "it ended with exit code" in experiment(ARGUMENTS[parser] + OPTION, "--no-such-option=1").reason


def test_two_changes_compose(experiment):
    outcome = experiment(LOADER, "repeat-first-batch", "no-dropout", "learning-rate=0.5")
    assert took(outcome)
    assert len(outcome.trace.all(Treatment)) == 3
    assert len({b.prints for b in outcome.trace.trained_batches}) == 1
