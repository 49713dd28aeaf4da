"""Published results have a source and are possible."""

import re

import pytest

from core.compare.references import REFERENCES, references_for
from core.spec import Dataset
from core.spec.cost import cost_of
from core.spec.presets import PRESETS

pytestmark = pytest.mark.usefixtures("lab_folders")


@pytest.mark.parametrize(("preset", "name"), [("resnet20", "ResNet-20"), ("resnet56", "ResNet-56")])
def test_published_sizes_are_those_of_the_presets_of_that_name(preset: str, name: str) -> None:
    (reference,) = [ref for ref in references_for("cifar10") if ref.name == name]
    assert cost_of(PRESETS[preset].spec).parameters == pytest.approx(reference.parameters, rel=0.02)


def test_every_reference_names_its_source_and_a_possible_result() -> None:
    for reference in REFERENCES:
        assert re.search(r"arXiv:[0-9]{4}\.[0-9]{5}", reference.source)
        assert 0.7 < reference.test_accuracy < 0.97
    assert references_for("digits") == ()


def test_data_sets_of_references_are_known() -> None:
    from typing import get_args

    assert {reference.dataset for reference in REFERENCES} <= set(get_args(Dataset))
