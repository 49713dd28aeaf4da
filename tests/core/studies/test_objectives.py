"""Every objective is read from a run as its entry says, and shown as people read it."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spec import RunSpec
from core.spec.cost import cost_of
from core.studies.objectives import OBJECTIVES, VALIDATED, Objective
from core.studies.pruners import PRUNERS
from core.studies.samplers import SAMPLERS
from core.studies.spec import Pruner, Sampler

COST = cost_of(RunSpec())


def test_every_choice_of_a_study_has_its_entry() -> None:
    assert set(OBJECTIVES) == set(get_args(Objective))
    assert set(SAMPLERS) == set(get_args(Sampler))
    assert set(PRUNERS) == set(get_args(Pruner))
    labels = [entry.label for entries in (OBJECTIVES, SAMPLERS, PRUNERS) for entry in entries.values()]
    assert len(set(labels)) == len(labels)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_what_is_validated_is_read_at_its_best_epoch(values: list[float]) -> None:
    rows = [{"epoch": epoch, "val/loss": value, "val/accuracy": value} for epoch, value in enumerate(values, 1)]
    rows.append({"epoch": len(rows) + 1, "val/loss": None, "val/accuracy": None})
    assert OBJECTIVES["val/loss"].read(rows, COST) == min(values)
    assert OBJECTIVES["val/accuracy"].read(rows, COST) == max(values)


@pytest.mark.parametrize("name", VALIDATED)
def test_a_run_without_an_epoch_has_no_value(name: str) -> None:
    with pytest.raises(ValueError, match=f"no epoch with a {name}"):
        OBJECTIVES[name].read([], COST)


def test_cost_and_time_are_those_of_the_run() -> None:
    rows = [{"epoch": 1, "seconds": 30.0}, {"epoch": 2, "seconds": 90.0}]
    assert OBJECTIVES["parameters"].read(rows, COST) == COST.parameters
    assert OBJECTIVES["multiply_adds"].read(rows, COST) == COST.multiply_adds
    assert OBJECTIVES["minutes"].read(rows, COST) == 1.5


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("val/loss", 0.23456, "0.2346"),
        ("val/accuracy", 0.98765, "98.77 %"),
        ("parameters", 1234567.0, "1,234,567"),
        ("multiply_adds", 5e6, "5,000,000"),
        ("minutes", 1.5, "1.50"),
    ],
)
def test_values_are_shown_as_people_read_them(name: str, value: float, text: str) -> None:
    assert OBJECTIVES[name].show(value) == text
