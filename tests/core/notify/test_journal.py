"""Open pages read the newest messages, each channel's last outcome is kept, and neither file grows."""

import os

from core.notify import journal
from core.notify.events import notify_folder
from core.notify.messages import Message


def message(moment: float) -> Message:
    return Message("finished", "run", "a", f"Run {moment:g}", time=moment)


def test_messages_after_a_moment_are_read_in_order() -> None:
    assert journal.read_messages(0) == []
    for moment in (1.0, 2.0, 3.0):
        journal.note_message(message(moment))
    assert [each.title for each in journal.read_messages(1.0)] == ["Run 2", "Run 3"]
    journal.note_message(message(4.0))
    assert [each.title for each in journal.read_messages(3.0)] == ["Run 4"]


def test_two_messages_within_a_tick_of_the_file_systems_clock_are_both_read() -> None:
    path = notify_folder() / journal.RECENT
    for moment in (1.0, 2.0):
        journal.note_message(message(moment))
        os.utime(path, ns=(10**18, 10**18))
        assert journal.read_messages(0)[-1].time == moment


def test_only_the_newest_are_kept() -> None:
    for moment in range(1, journal.MAX_RECENT + 4):
        journal.note_message(message(float(moment)))
    kept = journal.read_messages(0)
    assert len(kept) == journal.MAX_RECENT
    assert kept[0].time == 4.0


def test_a_damaged_file_and_messages_of_another_version_are_left_out() -> None:
    journal.note_message(message(1.0))
    path = notify_folder() / journal.RECENT
    path.write_text('{"messages": [{"colour": "red"}, 7, {"figures": 3}]}')
    assert journal.read_messages(0) == []
    path.write_text("{")
    assert journal.read_messages(0) == []
    journal.note_message(message(2.0))
    assert len(journal.read_messages(0)) == 1


def test_the_last_outcome_of_each_channel_is_kept() -> None:
    journal.note_outcome("webhook", "a", "It answered 500.")
    journal.note_outcome("mail", "b", "")
    journal.note_outcome("webhook", "c", "")
    assert {name: (each.title, each.problem) for name, each in journal.read_outcomes().items()} == {
        "webhook": ("c", ""),
        "mail": ("b", ""),
    }
    (notify_folder() / journal.OUTCOMES).write_text('{"webhook": {"time": "x"}, "mail": 3}')
    assert journal.read_outcomes() == {}
