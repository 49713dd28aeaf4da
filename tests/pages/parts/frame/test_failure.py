"""A failure is a calm sentence with an id."""

import logging

import pytest
from streamlit.testing.v1 import AppTest


def test_a_failure_shows_a_sentence_whose_id_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        from pages.parts.frame.failure import show_failure

        assert show_failure(RuntimeError("the secret cause"))

    with caplog.at_level(logging.ERROR):
        page = AppTest.from_function(fail).run()
    sentence = page.error[0].value
    failure_id = sentence.rsplit("**", 2)[1]
    assert "secret cause" not in sentence
    assert any(failure_id in record.getMessage() and record.exc_info for record in caplog.records)
