"""What is told reads well, and holds nothing that could control whoever shows it."""

from core.notify.messages import FIGURES, Figure, Message, finite, make_test, shorten_name


def test_a_figure_is_told_with_its_split_and_images() -> None:
    assert Figure("Test accuracy", "80.00 %", 0.8, "test", 900).line == "Test accuracy: 80.00 % (900 test images)"
    assert Figure("Epochs", "5 of 5").line == "Epochs: 5 of 5"


def test_a_message_survives_its_way_to_the_sender() -> None:
    message = Message("finished", "run", "a", "Run a finished", figures=(Figure("Epochs", "5 of 5", 5.0),), seconds=3.0)
    assert Message.from_json(message.to_json()) == message
    assert message.lines == ["Epochs: 5 of 5", "Time: 3.0 s"]


def test_a_link_is_only_told_where_people_can_reach_the_lab() -> None:
    message = Message("finished", "run", "a", "t", path="run?id=7")
    assert message.link("https://lab.example.org") == "https://lab.example.org/run?id=7"
    assert message.link("") == make_test().link("https://lab.example.org") == ""


def test_names_and_reasons_cannot_reverse_or_break_a_line() -> None:
    assert "\u202e" not in shorten_name("a\u202eb")
    assert "\n" not in shorten_name("a\nBcc: b@example.org")
    lines = Message("failed", "run", "a", "t", reason="one\x1b[2J\ntwo" + "x" * 9999).lines
    assert lines[0] == "one\N{REPLACEMENT CHARACTER}[2J"
    assert len(lines[1]) == 300


def test_accuracy_is_beaten_from_above_and_loss_from_below_and_equal_is_no_win() -> None:
    assert FIGURES["val/accuracy"].beats(0.91, 0.9)
    assert not FIGURES["val/accuracy"].beats(0.9, 0.9)
    assert FIGURES["val/loss"].beats(0.4, 0.5)
    assert not FIGURES["val/loss"].beats(0.5, 0.5)


def test_only_numbers_are_figures() -> None:
    assert [finite(value) for value in (0.5, 1, True, None, "1", float("nan"), float("inf"))] == [
        0.5, 1.0, None, None, None, None, None,
    ]  # fmt: skip
