"""The temperature is fitted on validation."""

from tests.examined import make_examined
from tests.pages.conftest import texts


def test_temperature_is_fitted_on_validation_whatever_is_shown(open_page) -> None:
    run = make_examined()
    on_val = texts(open_page("examine", id=run.id, tab="Confidence"))
    on_test = texts(open_page("examine", id=run.id, tab="Confidence", split="test"))
    assert "flatters" in on_val
    assert "The test images had no part in it." in on_test
    head = "<th>temperature "
    assert on_val.split(head)[1][:5] == on_test.split(head)[1][:5]
