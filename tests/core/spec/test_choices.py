"""The choices that a spec offers: each has a label, and the lists of what reads a field name real ones."""

from typing import Any, get_args

import pytest

from core.spec import choices
from core.spec.choices import CHOICE_LABELS, OPTIMIZER_COPIES, choices_of


@pytest.mark.parametrize(
    "annotation",
    [
        choices.Dataset,
        choices.Policy,
        choices.Optimizer,
        choices.Schedule,
        choices.TestViews,
        choices.Precision,
        choices.Compile,
    ],
)
def test_every_choice_has_a_label_of_its_own(annotation: Any) -> None:
    labels = [CHOICE_LABELS[name] for name in choices_of(annotation)]
    assert len(set(labels)) == len(get_args(annotation)) > 1


def test_what_is_no_choice_offers_none() -> None:
    assert choices_of(int) == choices_of(tuple[int, ...]) == ()


def test_lists_of_what_reads_a_field_name_real_choices() -> None:
    assert set(choices.WITH_MOMENTUM) <= set(choices_of(choices.Optimizer))
    assert set(choices.WITH_FINAL_RATE) | set(choices.WITH_DECAY_FACTOR) <= set(choices_of(choices.Schedule))
    assert set(choices.WITH_TEST_IMAGES) <= set(choices_of(choices.Dataset))


def test_sgd_keeps_a_number_for_each_weight_only_with_momentum() -> None:
    assert [OPTIMIZER_COPIES["sgd"](momentum) for momentum in (0.0, 0.9)] == [0, 1]
    assert OPTIMIZER_COPIES["adamw"](0.0) == 2
