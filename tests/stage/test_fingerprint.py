"""Fingerprints: the same bits give the same print whatever the batch, other bits another."""

import pytest
import torch

from trainloud.stage.fingerprint import fingerprints


@pytest.mark.parametrize(
    "make",
    [
        lambda g: torch.randn(300, 3, 9, 9, generator=g),
        lambda g: torch.randn(300, 7, generator=g),
        lambda g: torch.randn(300, 5, generator=g).double(),
        lambda g: torch.randn(300, 5, generator=g).bfloat16().repeat(1, 3),
        lambda g: torch.randint(0, 50, (300, 12), generator=g),
        lambda g: torch.randint(0, 256, (300, 8, 8), generator=g).to(torch.uint8),
        lambda g: torch.randint(0, 2, (300, 40), generator=g).bool(),
        lambda g: torch.randn(300, generator=g),
    ],
    ids=["images", "odd-row", "double", "bfloat16", "tokens", "uint8", "bool", "scalars"],
)
def test_prints_do_not_depend_on_the_batch(make) -> None:  # type: ignore[no-untyped-def]
    x = make(torch.Generator().manual_seed(1))
    together = fingerprints([x])
    one_by_one = torch.cat([fingerprints([x[i : i + 1]]) for i in range(len(x))])
    assert torch.equal(together, one_by_one)
    assert len(set(together.tolist())) == len({r.reshape(-1).double().numpy().tobytes() for r in x})


def test_sparse_pictures_that_differ_in_one_pixel_differ() -> None:
    dots = torch.eye(28 * 28).reshape(-1, 1, 28, 28)
    assert len(set(fingerprints([dots]).tolist())) == 28 * 28


def test_binary_pictures_do_not_collide() -> None:
    x = (torch.rand(20_000, 64, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    distinct = len({r.numpy().tobytes() for r in x})
    assert len(set(fingerprints([x]).tolist())) == distinct


def test_all_tensors_of_an_example_count() -> None:
    x, y = torch.randn(4, 3), torch.randn(4, 2)
    assert not torch.equal(fingerprints([x, y]), fingerprints([x, y + 1]))
    assert not torch.equal(fingerprints([x, x]), fingerprints([x]))


def test_no_random_number_is_drawn() -> None:
    before = torch.get_rng_state()
    fingerprints([torch.ones(2, 1234)])
    assert torch.equal(before, torch.get_rng_state())
