"""What a message says of a run is what its files say."""

import pytest

from core.notify.runs import describe_beaten, describe_crash, describe_end
from core.notify.settings import Settings, parse_settings, save_settings
from tests.pages.sample_runs import make_run, training


def test_an_end_is_told_with_its_figures_and_what_they_were_measured_on() -> None:
    run = make_run(name="a\nb", reason="")
    message = describe_end(run.path, "finished")
    assert message.title == "Run a\N{REPLACEMENT CHARACTER}b finished"
    assert (message.state, message.seconds, message.path) == ("finished", 15.0, f"run?id={run.id}")
    assert message.lines == [
        "Best validation accuracy: 90.00 % (400 validation images)",
        "Lowest validation loss: 0.4400 (400 validation images)",
        "Test accuracy, last weights: 80.00 % (900 test images)",
        "Epochs: 5 of 5",
        "Time: 15 s",
    ]


def test_a_failure_is_told_with_its_reason() -> None:
    run = make_run("failed", name="a", epochs_done=0, reason="The data set is not here.")
    assert describe_end(run.path, "failed").lines == ["The data set is not here.", "Epochs: 0 of 5"]


def test_a_process_that_is_gone_is_a_failure_unless_somebody_ended_it() -> None:
    run = make_run("interrupted", name="a")
    message = describe_crash(run.path)
    assert (message.event, message.title) == ("failed", "Run a was interrupted")
    (run.path / "stop").touch()
    assert describe_crash(run.path).event == "stopped"
    with training(run):
        assert describe_crash(run.path) is None


def set_figures(**figures: float) -> Settings:
    settings = parse_settings({"figures": {name.replace("_", "/"): value for name, value in figures.items()}})
    save_settings(settings)
    return settings


def test_a_beaten_figure_is_told_once_a_run_and_again_for_a_higher_one() -> None:
    run = make_run(name="a")
    set_figures(val_accuracy=0.8, val_loss=0.3)
    row = {"epoch": 3, "val/accuracy": 0.81, "val/loss": 0.5, "seconds": 9.0}
    (message,) = describe_beaten(run.path, row)
    assert message.title == "Run a: validation accuracy above 80.00 % at epoch 3"
    assert message.lines == ["Validation accuracy: 81.00 % (400 validation images)", "Time: 9.0 s"]
    assert describe_beaten(run.path, {**row, "epoch": 4, "val/accuracy": 0.9}) == []
    set_figures(val_accuracy=0.85)
    assert len(describe_beaten(run.path, {**row, "val/accuracy": 0.9})) == 1
    assert len(describe_beaten(make_run(name="b").path, {**row, "val/accuracy": 0.9})) == 1


@pytest.mark.parametrize("value", [None, float("nan"), 0.8, "0.9", True])
def test_what_is_no_number_above_it_beats_nothing(value: object) -> None:
    set_figures(val_accuracy=0.8)
    assert describe_beaten(make_run().path, {"epoch": 1, "val/accuracy": value}) == []


def test_a_test_figure_is_told_with_its_images() -> None:
    set_figures(test_accuracy=0.7)
    (message,) = describe_beaten(make_run(name="a").path, {"test/accuracy": 0.8})
    assert message.title == "Run a: test accuracy, last weights above 70.00 %"
    assert message.figures[0].images == 900
