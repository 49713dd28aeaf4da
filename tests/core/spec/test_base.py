"""What all parts of a spec have in common: strict values, and fields that carry what a form shows."""

import pytest
from pydantic import ValidationError

from core.spec.base import Odd, Problem, Strict, number, require_rising, setting


class Part(Strict):
    side: Odd = number(3, (1, 15), "Side", "Odd.", unit="px", basic=True)
    name: str = setting("", "Name", "Any.", max_length=3, when={"side": [True]})


def test_a_field_carries_its_range_and_what_a_form_shows() -> None:
    field = Part.model_fields["side"]
    assert (field.default, field.title, field.description) == (3, "Side", "Odd.")
    assert field.json_schema_extra == {"unit": "px", "symbol": "", "basic": True, "log": False, "zero": "", "when": {}}
    assert Part.model_json_schema()["properties"]["side"]["maximum"] == 15


@pytest.mark.parametrize(
    "value", [{"side": 4}, {"side": 17}, {"side": "3"}, {"side": 3.0}, {"name": "long"}, {"sid": 3}]
)
def test_a_value_of_another_kind_or_name_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Part.model_validate(value)


def test_a_list_must_rise() -> None:
    assert require_rising((1, 2, 5)) == (1, 2, 5)
    for values in ((2, 1), (1, 1)):
        with pytest.raises(ValueError, match="must rise from one to the next"):
            require_rising(values)


def test_a_broken_rule_keeps_the_field_that_a_person_would_change() -> None:
    problem = Problem("train.momentum", 0, "must be {odd}")
    assert problem.message() == "must be {odd}"
    assert problem.context == {"path": "train.momentum", "value": 0, "message": "must be {odd}"}
