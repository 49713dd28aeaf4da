"""Augmented images are what the named methods make of them, image by image, and a saved generator repeats them."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, kstest
from torch import Generator, Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as reference

from core.engine.augment import Augment, beta_quantiles, crop_and_flip, cutout, mix, normalize
from core.spec import AugmentSpec

MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
OFF = {"crop_padding": 0, "flip": False}

batches = st.tuples(st.integers(1, 9), st.integers(8, 24), st.integers(0, 2**31 - 1))


def seeded(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int = 8, size: int = 32, seed: int = 0) -> Tensor:
    """Pixels that are all different in all likelihood, so that a wrong place shows."""
    images = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=seeded(seed))
    return images.contiguous(memory_format=torch.channels_last)


# The whole


@pytest.mark.parametrize(
    "choices", [{"crop_mode": "reflect"}, {"cutout": 8}, {"mixup": 0.4, "cutmix": 1.0}, {"crop_padding": 2}]
)
def test_one_channel_becomes_what_three_equal_ones_do(choices: dict[str, Any]) -> None:
    grey, labels = noise()[:, :1], torch.arange(8)
    spec = AugmentSpec(**choices)
    three, both = Augment(spec, 10, MEAN[:1] * 3, STD[:1] * 3)(grey.expand(-1, 3, -1, -1), labels, seeded())
    one, own = Augment(spec, 10, MEAN[:1], STD[:1])(grey, labels, seeded())
    assert torch.equal(one, three[:, :1])
    assert torch.equal(own, both)


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"crop_mode": "reflect"},
        OFF,
        {"cutout": 8},
        {"mixup": 0.2},
        {"cutmix": 1.0},
        {"mixup": 0.4, "cutmix": 1.0},
        {"policy": "randaugment"},
        {"policy": "trivialaugment"},
        {"cutout": 8, "mixup": 0.4, "cutmix": 1.0, "policy": "randaugment"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_saved_generator_repeats_the_batch_and_the_input_stays_as_it_is(
    choices: dict[str, Any], dtype: torch.dtype
) -> None:
    images, labels, generator = noise(), torch.arange(8) % 5, seeded(3)
    before = images.clone()
    augment = Augment(AugmentSpec(**choices), 5, MEAN, STD, dtype)
    state = generator.get_state()
    x, targets = augment(images, labels, generator)
    assert x.shape == images.shape
    assert x.dtype == dtype
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, before)
    generator.set_state(state)
    again, targets_again = augment(images, labels, generator)
    assert torch.equal(x, again)
    assert torch.equal(targets, targets_again)
    if choices != OFF:
        assert not torch.equal(x, augment(images, labels, generator)[0])


def test_without_augmentation_images_are_only_normalised() -> None:
    images, labels = noise(), torch.arange(8)
    x, targets = Augment(AugmentSpec(**OFF), 10, MEAN, STD)(images, labels, seeded())
    expected = reference.normalize(reference.to_dtype(images, torch.float32, scale=True), MEAN, STD)
    assert torch.allclose(x, expected, atol=1e-5)
    assert torch.allclose(normalize(images, MEAN, STD), expected, atol=1e-5)
    assert normalize(images, MEAN, STD, torch.bfloat16).dtype == torch.bfloat16
    assert torch.equal(targets, labels)


def test_augment_matches_normalize_exactly_so_that_validation_sees_the_same_scale() -> None:
    images = noise()
    x, _ = Augment(AugmentSpec(**OFF), 10, MEAN, STD)(images, torch.arange(8), seeded())
    assert torch.equal(x, normalize(images, MEAN, STD))


# Crop and flip


def coins(count: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(2, (count,), generator=torch.Generator().manual_seed(seed)).bool()


def test_the_images_named_to_be_mirrored_are_mirrored_and_no_others() -> None:
    images, mirrored = noise(), coins(8)
    augment = Augment(AugmentSpec(**OFF | {"flip": True}), 10, MEAN, STD)
    x, _ = augment(images, torch.arange(8), seeded(), mirrored)
    expected = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    assert torch.equal(x, normalize(expected, MEAN, STD))


def test_no_image_is_mirrored_where_the_flip_is_off() -> None:
    images = noise()
    x, _ = Augment(AugmentSpec(**OFF), 10, MEAN, STD)(images, torch.arange(8), seeded(), torch.ones(8).bool())
    assert torch.equal(x, normalize(images, MEAN, STD))


@settings(deadline=None)
@given(batches, st.integers(0, 7), st.sampled_from(["zeros", "reflect"]), st.booleans())
def test_every_image_is_a_crop_of_its_own_padded_self(
    batch: tuple[int, int, int], padding: int, mode: str, flip: bool
) -> None:
    count, size, seed = batch
    images = noise(count, size, seed)
    mirrored = coins(count, seed) if flip else None
    cropped = crop_and_flip(images, padding, mode, mirrored, seeded(seed))
    padded = F.pad(images.float(), (padding,) * 4, mode="constant" if mode == "zeros" else "reflect").byte()
    for own, result in zip(padded, cropped, strict=True):
        windows = own.unfold(1, size, 1).unfold(2, size, 1).permute(1, 2, 0, 3, 4).reshape(-1, 3, size, size)
        candidates = torch.cat([windows, windows.flip(-1)]) if flip else windows
        assert (candidates == result).all((1, 2, 3)).any()


def test_every_offset_and_side_comes_up_equally_often_and_images_draw_for_themselves() -> None:
    size, padding, count = 8, 2, 20_000
    # One bright pixel in the middle of the left half: its place tells the offset and the side.
    images = torch.zeros(count, 3, size, size, dtype=torch.uint8)
    images[:, :, 3, 2] = 255
    cropped = crop_and_flip(images, padding, "zeros", coins(count), seeded())
    places = cropped[:, 0].flatten(1).max(1)
    assert (places.values == 255).all()
    tally = places.indices.bincount(minlength=size * size).view(size, size)
    rows, columns = tally.sum(1), tally.sum(0)
    assert rows.nonzero().flatten().tolist() == [1, 2, 3, 4, 5]
    assert (rows[1:6] - count / 5).abs().max() < 5 * math.sqrt(count / 5)
    # Columns 0 to 4 as they are, 3 to 7 mirrored.
    expected = torch.tensor([1, 1, 1, 2, 2, 1, 1, 1]) * count / 10
    assert (columns - expected).abs().max() < 5 * math.sqrt(count / 5)


# Cutout


@settings(deadline=None)
@given(batches, st.integers(1, 24))
def test_cutout_paints_one_clipped_square_of_the_mean_colour(batch: tuple[int, int, int], side: int) -> None:
    count, size, seed = batch
    side = min(side, size)
    x = torch.ones(count, 3, size, size)
    painted = cutout(x, side, seeded(seed)) == 0
    assert torch.equal(painted[:, 0], painted[:, 1])
    for image in painted[:, 0]:
        rows, columns = image.any(1).nonzero().flatten(), image.any(0).nonzero().flatten()
        for places in (rows, columns):
            assert 1 <= len(places) <= side
            assert len(places) == side or places[0] == 0 or places[-1] == size - 1, "a square inside was clipped"
        assert image.sum() == len(rows) * len(columns)


def test_cutout_may_lie_anywhere_and_is_clipped_at_the_border_as_in_the_paper() -> None:
    size, side, count = 16, 8, 20_000
    painted = cutout(torch.ones(count, 3, size, size), side, seeded())[:, 0] == 0
    areas = painted.sum((1, 2))
    assert areas.max() == side**2
    assert areas.min() <= (side // 2) ** 2
    # A pixel is painted where the centre falls within the square around it: 8 of 16 places, 4 in the corner's rows.
    share = painted.double().mean(0)
    assert abs(share[8, 8] - 1 / 4) < 0.02
    assert abs(share[0, 0] - (5 / 16) ** 2) < 0.02


# MixUp and CutMix


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(8, 16), st.integers(0, 2**31 - 1)),
    st.floats(0, 4),
    st.floats(0.05, 4),
)
def test_targets_are_shares_that_add_up_to_one(batch: tuple[int, int, int], mixup: float, cutmix: float) -> None:
    count, size, seed = batch
    labels = torch.arange(count) % 7
    tables = [beta_quantiles(alpha) if alpha else None for alpha in (mixup, cutmix)]
    _, targets = mix(normalize(noise(count, size), MEAN, STD), labels, 7, tables[0], tables[1], seeded(seed))
    assert targets.shape == (count, 7)
    assert torch.allclose(targets.sum(1), torch.ones(count), atol=1e-5)
    assert targets.min() >= 0


def shares_of(mixup: float, cutmix: float, count: int = 4000, size: int = 16) -> tuple[Tensor, Tensor, Tensor]:
    """Images that are one value each: what stays of each image's own value in every pixel, its target, its partner."""
    values = torch.arange(1.0, count + 1)
    x = values.view(-1, 1, 1, 1).expand(count, 3, size, size)
    tables = [beta_quantiles(alpha) if alpha else None for alpha in (mixup, cutmix)]
    mixed, targets = mix(x.double(), torch.arange(count), count, tables[0], tables[1], seeded())
    own = targets.diagonal().clone()
    others = targets - torch.diag(own)
    partner = others.argmax(1)
    return mixed[:, 0], own, partner


def test_mixup_blends_image_and_target_with_one_share_for_each_image() -> None:
    mixed, own, partner = shares_of(0.4, 0)
    values = torch.arange(1.0, len(own) + 1)
    expected = own * values + (1 - own) * values[partner]
    changed = own < 0.999
    assert torch.allclose(mixed[changed], expected[changed].view(-1, 1, 1).double(), rtol=1e-4)
    assert kstest(own[own < 1].numpy(), "beta", (0.4, 0.4)).pvalue > 1e-3
    assert len(own.unique()) > 2000, "the shares are not drawn for each image"


def test_cutmix_pastes_one_box_whose_area_is_the_target() -> None:
    mixed, own, partner = shares_of(0, 1.0)
    values = torch.arange(1.0, len(own) + 1)
    pasted = mixed != values.view(-1, 1, 1)
    assert torch.allclose(pasted.float().mean((1, 2)), 1 - own, atol=1e-5)
    for image, box, other in zip(mixed, pasted, partner, strict=True):
        rows, columns = box.any(1).sum(), box.any(0).sum()
        assert box.sum() == rows * columns
        assert not box.any() or (image[box] == values[other]).all()
    # Clipped boxes are smaller than drawn, so the shares lie above those of Beta(1, 1).
    assert 0.5 < own.mean() < 0.75


def test_with_both_each_image_gets_one_of_them() -> None:
    mixed, _, _ = shares_of(1.0, 1.0)
    blended = (mixed.flatten(1).max(1).values - mixed.flatten(1).min(1).values) == 0
    own = mixed[:, 0, 0] == torch.arange(1.0, len(mixed) + 1)
    share = (blended & ~own).float().mean()
    assert 0.45 < share < 0.55


def test_partners_are_a_permutation_of_the_batch() -> None:
    x = torch.arange(1.0, 65).view(-1, 1, 1, 1).expand(64, 3, 8, 8)
    nothing_stays = torch.zeros(4096)
    mixed, targets = mix(x, torch.arange(64), 64, nothing_stays, None, seeded())
    assert sorted(mixed[:, 0, 0, 0].tolist()) == list(range(1, 65))
    assert torch.equal(targets.argmax(1) + 1.0, mixed[:, 0, 0, 0])


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 3.0])
def test_the_table_of_quantiles_is_the_beta_distribution(alpha: float) -> None:
    table = beta_quantiles(alpha).double()
    places = (torch.arange(len(table)) + 0.5) / len(table)
    inside = (table > 1e-5) & (table < 1 - 1e-5)  # nearer to 0 and 1, float32 rounds
    assert np.allclose(beta.cdf(table[inside], alpha, alpha), places[inside], atol=1e-3)


# On a GPU


@pytest.mark.cuda
def test_a_batch_on_the_device_needs_no_word_to_the_host() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    spec = AugmentSpec(cutout=8, mixup=0.4, cutmix=1.0, policy="randaugment")
    augment = Augment(spec, 10, MEAN, STD, torch.bfloat16)
    images, labels = noise().cuda(), torch.arange(8).cuda()
    generator = torch.Generator("cuda").manual_seed(0)
    augment(images, labels, generator)
    torch.cuda.set_sync_debug_mode("error")
    try:
        x, targets = augment(images, labels, generator)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert np.allclose(targets.sum(1).cpu().numpy(), 1, atol=1e-5)
