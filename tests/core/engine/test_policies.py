"""RandAugment and TrivialAugment make of each image what torchvision's make of it."""

import math
from typing import Any

import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as reference

from core.engine.policies import OPERATIONS, RandomOperations, apply_operations, strengths
from core.spec import AugmentSpec
from tests.core.engine.test_augment import noise, seeded


def photos(count: int = 16, size: int = 32) -> Tensor:
    """Pieces of a real photograph."""
    photo = torch.from_numpy(load_sample_image("flower.jpg").copy()).permute(2, 0, 1)
    pieces = photo[:, : 13 * size, : 20 * size].unfold(1, size, size).unfold(2, size, size)
    return pieces.permute(1, 2, 0, 3, 4).reshape(-1, 3, size, size)[:: 260 // count][:count]


def expected_operation(name: str, image: Tensor, strength: float) -> Tensor:
    """What torchvision makes of one image."""
    policy = v2.RandAugment()
    theirs = {"autocontrast": "AutoContrast"}.get(name, name.title().replace("_", ""))
    result: Tensor = policy._apply_image_or_video_transform(
        image, theirs, strength, interpolation=reference.InterpolationMode.NEAREST, fill=policy._fill
    )
    return result


@pytest.mark.parametrize("kind", ["photos", "grey", "noise", "flat"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_is_torchvisions(name: str, kind: str) -> None:
    flat = torch.full((16, 3, 32, 32), 77, dtype=torch.uint8)
    images = {"photos": photos(), "grey": photos()[:, :1], "noise": noise(16), "flat": flat}[kind]
    place = OPERATIONS.index(name)
    magnitudes = [0, 9, 20, 30]
    both = torch.stack([strengths(policy, 32)[place, magnitudes] for policy in ("randaugment", "trivialaugment")])
    for strength in torch.cat([both, -both]).flatten().unique():
        if strength < 0 and name in ("posterize", "solarize"):
            continue  # these have no sign
        ours = apply_operations(images, torch.full((16,), place), strength.repeat(16))
        theirs = torch.stack([expected_operation(name, image, float(strength)) for image in images])
        wrong = (ours.int() - theirs.int()).abs() > 1
        # A source place half way between two pixels may round either way.
        allowed = 0.01 if name in ("shear_x", "shear_y", "rotate") else 0
        assert wrong.float().mean() <= allowed, f"{name} at {strength:.3f}"


def test_every_image_of_a_batch_gets_its_own_operation_and_strength() -> None:
    images = photos(len(OPERATIONS))
    operation = torch.arange(len(OPERATIONS))
    strength = strengths("randaugment", 32)[operation, torch.arange(len(OPERATIONS)) + 10]
    together = apply_operations(images, operation, strength)
    for place in range(len(OPERATIONS)):
        one = slice(place, place + 1)
        assert torch.equal(together[one], apply_operations(images[one], operation[one], strength[one]))


@pytest.mark.parametrize(
    ("policy", "theirs"), [("randaugment", v2.RandAugment()), ("trivialaugment", v2.TrivialAugmentWide())]
)
def test_strengths_are_torchvisions(policy: str, theirs: Any) -> None:
    ours = strengths(policy, 32)
    names = [name.lower() for name in theirs._AUGMENTATION_SPACE]
    assert names == [name.replace("_", "") for name in OPERATIONS]
    for row, (name, (magnitudes, _)) in zip(ours, theirs._AUGMENTATION_SPACE.items(), strict=True):
        expected = magnitudes(31, 32, 32)
        if expected is not None:
            assert torch.allclose(row, expected.float(), atol=1e-5), name


@pytest.mark.parametrize("policy", ["randaugment", "trivialaugment"])
def test_a_policy_draws_every_operation_and_both_signs_equally_often(
    policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[Tensor, Tensor]] = []

    def record(images: Tensor, operation: Tensor, strength: Tensor) -> Tensor:
        drawn.append((operation, strength))
        return images

    monkeypatch.setattr("core.engine.policies.apply_operations", record)
    count = 28_000
    RandomOperations(AugmentSpec(policy=policy, randaugment_ops=3))(torch.zeros(count, 3, 4, 4), seeded())
    assert len(drawn) == (3 if policy == "randaugment" else 1)
    for operation, strength in drawn:
        tally = operation.bincount(minlength=14)
        assert (tally - count / 14).abs().max() < 5 * math.sqrt(count / 14)
        rotations = strength[operation == OPERATIONS.index("rotate")]
        assert abs((rotations < 0).float().mean() - 0.5) < 0.06
        expected = {9.0} if policy == "randaugment" else {round(4.5 * step, 2) for step in range(31)}
        assert {round(abs(value), 2) for value in rotations.tolist()} == expected
        assert (strength[operation == OPERATIONS.index("posterize")] > 0).all()


def test_a_picture_of_any_size_goes_through_every_policy() -> None:
    for size in (8, 13, 64):
        for policy in ("randaugment", "trivialaugment"):
            changed = RandomOperations(AugmentSpec(policy=policy))(noise(20, size), seeded())
            assert changed.shape == (20, 3, size, size)
            assert changed.dtype == torch.uint8
            assert RandomOperations(AugmentSpec(policy=policy))(noise(20, size)[:, :1], seeded()).shape[1] == 1
