"""Numbers drawn are uniform, and a saved state of their generator gives them again."""

import torch

from core.engine.random import draw, draw_integers

CPU = torch.device("cpu")


def test_integers_are_uniform_below_their_bound() -> None:
    drawn = draw_integers(5, (10_000,), torch.Generator().manual_seed(0), CPU)
    assert (drawn.bincount(minlength=5) - 2000).abs().max() < 5 * 2000**0.5
    assert drawn.max() == 4


def test_shares_are_uniform_from_0_to_1() -> None:
    drawn = draw([100, 100], torch.Generator().manual_seed(0), CPU)
    assert drawn.shape == (100, 100)
    assert 0 <= drawn.min() < 0.01
    assert 0.99 < drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 0.02


def test_a_saved_state_gives_the_same_numbers() -> None:
    generator = torch.Generator().manual_seed(3)
    state = generator.get_state()
    first = draw((4,), generator, CPU), draw_integers(1000, (4,), generator, CPU)
    generator.set_state(state)
    again = draw((4,), generator, CPU), draw_integers(1000, (4,), generator, CPU)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
