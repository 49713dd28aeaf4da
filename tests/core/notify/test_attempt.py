"""A test is sent by a process of its own, which says what came of it."""

from collections.abc import Callable

import pytest

from core.notify.attempt import send_test
from core.notify.settings import NotifyError, Settings
from tests.receivers import Hook


def test_a_test_arrives_and_a_problem_comes_back_as_a_sentence(hook: Hook, tell_by: Callable[..., Settings]) -> None:
    tell_by("slack")
    hook.answers = [410]
    with pytest.raises(NotifyError, match="It answered 410: the webhook was removed"):
        send_test("webhook")
    send_test("webhook")
    assert hook.received[0][1]["text"].startswith("ResNet Lab: a test")
