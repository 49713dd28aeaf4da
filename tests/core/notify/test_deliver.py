"""A message goes by every channel at once; a lost network is tried again within bounds."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from core.notify import deliver as module
from core.notify.deliver import LIMIT, PAUSES, deliver, try_channel, try_patiently
from core.notify.journal import read_outcomes
from core.notify.mail import SECONDS as MAIL_SECONDS
from core.notify.messages import Message, make_test
from core.notify.settings import NotifyError, Settings, save_settings
from core.notify.webhook import SECONDS
from tests.receivers import Hook, Post

MESSAGE = Message("finished", "run", "a", "Run a finished")
QUICK = (0.0, 0.0)


def test_both_channels_are_used_and_one_that_fails_holds_up_none(
    hook: Hook, post: Post, tell_by: Callable[..., Settings], by_mail: Callable[..., Settings]
) -> None:
    settings = by_mail(webhook={"address": f"{hook.url}/secret-token"})
    post.refusals["RCPT"] = "550 no"
    deliver(MESSAGE, settings, QUICK)
    assert hook.titles() == ["Run a finished"]
    assert read_outcomes()["webhook"].problem == ""
    assert read_outcomes()["mail"].problem == "The mail server took none of the receivers (550)."


def test_a_network_that_comes_back_gets_the_message_once(hook: Hook, tell_by: Callable[..., Settings]) -> None:
    hook.answers = [503, 429]
    deliver(MESSAGE, tell_by(), QUICK)
    assert len(hook.asked) == 3
    assert hook.titles() == ["Run a finished"]
    assert read_outcomes()["webhook"].problem == ""


def test_it_is_tried_three_times_and_no_more(hook: Hook, tell_by: Callable[..., Settings]) -> None:
    hook.answers = [503] * 9
    deliver(MESSAGE, tell_by(), QUICK)
    assert len(hook.asked) == 3
    assert read_outcomes()["webhook"].problem == "It answered 503. (tried 3 times)"


def test_a_refusal_is_not_tried_again(hook: Hook, tell_by: Callable[..., Settings]) -> None:
    hook.answers = [404] * 9
    deliver(MESSAGE, tell_by(), QUICK)
    assert len(hook.asked) == 1


def test_what_takes_too_long_is_given_up_and_said(
    tell_by: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setitem(module.SENDERS, "webhook", lambda message, settings: over.wait(30))  # type: ignore[arg-type]
    deliver(MESSAGE, tell_by(), QUICK, limit=0.05)
    assert "given up" in read_outcomes()["webhook"].problem
    over.set()


def test_the_bounds_leave_room_for_every_try() -> None:
    assert sum(PAUSES) + (len(PAUSES) + 1) * max(SECONDS, MAIL_SECONDS) < LIMIT


def test_what_nobody_expected_is_told_without_its_words() -> None:
    def fail() -> None:
        raise ValueError("https://hooks.example.org/secret-token")

    assert try_patiently(fail, QUICK) == "Something went wrong that should not: ValueError."


def test_a_test_is_sent_once_and_its_outcome_is_the_answer(hook: Hook, tell_by: Callable[..., Settings]) -> None:
    tell_by()
    try_channel("webhook")
    assert hook.titles() == [make_test().title]
    hook.answers = [500]
    with pytest.raises(NotifyError, match="It answered 500"):
        try_channel("webhook")
    assert len(hook.asked) == 2


def test_a_channel_that_is_not_set_cannot_be_tried() -> None:
    save_settings(Settings())
    with pytest.raises(NotifyError, match="No mail is set"):
        try_channel("mail")
