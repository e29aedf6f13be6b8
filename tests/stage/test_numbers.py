"""Small measurements, on values whose answer is known."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from trainloud.stage.constants import best_constant
from trainloud.stage.describe import describe
from trainloud.stage.hub import sampled
from trainloud.stage.origin import origins, shortfall
from trainloud.stage.shift import agreement, unflatten


def test_best_constant_of_balanced_classes_is_the_logarithm_of_their_number() -> None:
    target = torch.arange(40) % 4
    assert best_constant("cross_entropy", torch.zeros(40, 4), target, {}) == pytest.approx(math.log(4))


@pytest.mark.parametrize("weight", [None, torch.tensor([3.0, 1.0, 0.5])])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_best_constant_is_what_descent_on_a_bias_reaches(weight: torch.Tensor | None, smoothing: float) -> None:
    target = torch.tensor([0] * 30 + [1] * 8 + [2] * 2)
    options = {"weight": weight, "label_smoothing": 0.0, "ignore_index": -100}
    if weight is None:
        options["label_smoothing"] = smoothing
    bias = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([bias], max_iter=200)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(
            bias.expand(40, 3), target, weight=weight, label_smoothing=float(options["label_smoothing"] or 0)
        )
        loss.backward()
        return loss

    optimizer.step(closure)
    assert best_constant("cross_entropy", torch.zeros(40, 3), target, options) == pytest.approx(
        closure().item(), abs=1e-4
    )


def test_best_constant_of_regression_is_the_variance_of_each_output() -> None:
    target = torch.tensor([[0.0, 10.0], [2.0, 10.0]])
    assert best_constant("mse_loss", torch.zeros(2, 2), target, {}) == pytest.approx(0.5)
    assert best_constant("l1_loss", torch.zeros(3, 1), torch.tensor([[0.0], [1.0], [5.0]]), {}) == pytest.approx(5 / 3)


def test_ignored_targets_do_not_count() -> None:
    target = torch.tensor([0, 1, -100, -100])
    assert best_constant("cross_entropy", torch.zeros(4, 2), target, {"ignore_index": -100}) == pytest.approx(
        math.log(2)
    )


def test_describe_leaves_out_what_is_not_finite() -> None:
    got = describe("x", torch.tensor([1.0, 3.0, float("nan"), float("inf"), float("-inf")]))
    assert (got.low, got.high, got.mean, got.nan, got.inf, got.negative_inf) == (1.0, 3.0, 2.0, 1, 2, 1)


def test_origins_pass_over_changes_of_shape() -> None:
    x = torch.randn(4, 6, requires_grad=True)
    made = torch.softmax(x @ torch.randn(6, 3), 1).unsqueeze(1).squeeze(1).reshape(4, 3)
    assert [o.op for o in origins(made)][:2] == ["softmax", "mm"]


def test_shortfall_counts_targets_that_the_last_activation_cannot_give() -> None:
    x = torch.randn(4, 1, requires_grad=True)
    target = torch.tensor([[-1.0], [0.5], [2.0], [0.0]])
    assert shortfall(origins(torch.sigmoid(x)), target) == 0.5
    assert shortfall(origins(torch.relu(x)), target) == 0.25
    assert shortfall(origins(x * 2), target) == 0.0


def test_agreement_finds_the_shift() -> None:
    text = torch.randint(0, 30, (6, 21), generator=torch.Generator().manual_seed(0))
    source, target = text[:, :-1], text[:, 1:]
    assert agreement(source, target, 1, 1)[0] == 1.0
    assert agreement(source, target, 0, 1)[0] < 0.3
    assert agreement(source, source[:, 1:], 1, 1)[0] == 1.0
    shaped = unflatten(source, target.reshape(-1))
    assert shaped is not None
    assert shaped.shape == source.shape


def test_sampled_steps_are_dense_at_first_and_rare_later() -> None:
    steps = [s for s in range(100_000) if sampled(s)]
    assert steps[:6] == [0, 1, 2, 3, 6, 9]
    assert len(steps) < 35
    assert all(b / a < 1.7 for a, b in itertools.pairwise(steps[4:]))
