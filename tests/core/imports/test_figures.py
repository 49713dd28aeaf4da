from __future__ import annotations

from pathlib import Path

import pytest

from core.imports.figures import RULES, choose, guess_choice, keep_rules, map_run, read_rules
from tests.core.imports.foreign_runs import make_foreign, make_series


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("loss", "train/loss"),
        ("accuracy", "train/accuracy"),
        ("val_loss", "val/loss"),
        ("val_acc", "val/accuracy"),
        ("valid/top1", "val/accuracy"),
        ("Accuracy/val", "val/accuracy"),
        ("evaluation.MulticlassAccuracy", "val/accuracy"),
        ("eval/loss", "val/loss"),
        ("test_acc", "test/accuracy"),
        ("train/loss_epoch", "train/loss"),
        ("val_top_1_acc", "val/accuracy"),
        ("Top-1 accuracy", "train/accuracy"),
    ],
)
def test_usual_names_are_known(name: str, figure: str) -> None:
    choice = guess_choice([make_foreign(series={name: make_series([1], [0.5])}, results={})])
    assert [each for each, names in choice.items() if names] == [figure]


@pytest.mark.parametrize(
    "name",
    [
        *("lr", "val/top5_acc", "best_val_acc", "train_test_loss", "epoch", "val/f1", "lossless"),
        *("val_top3_accuracy", "val_top_3_accuracy", "val_top10", "acc10", "val_sparse_top_k_categorical_accuracy"),
        "holdout_acc",
    ],
)
def test_other_figures_are_not_taken_for_ours(name: str) -> None:
    choice = guess_choice([make_foreign(series={name: make_series([1], [0.5])}, results={})])
    assert not any(choice.values())


@pytest.mark.parametrize(
    ("accuracy", "others", "figure"),
    [
        ("accuracy", ["train_loss", "valid_loss"], "val/accuracy"),  # fastai
        ("metrics/accuracy_top1", ["train/loss", "val/loss"], "val/accuracy"),  # Ultralytics
        ("accuracy", ["loss", "val_loss"], "train/accuracy"),  # Keras
        ("accuracy", ["train_loss", "val_loss", "val_accuracy"], "train/accuracy"),
        ("train_accuracy", ["train_loss", "val_loss"], "train/accuracy"),
    ],
)
def test_an_accuracy_without_a_split_is_of_what_its_run_speaks(accuracy: str, others: list[str], figure: str) -> None:
    points = make_series([0, 1], [0.5, 0.6])
    run = make_foreign(series=dict.fromkeys([accuracy, *others], points), results={})
    assert guess_choice([run])[figure] == [accuracy]


def test_an_accuracy_that_was_logged_with_the_training_is_that_of_training() -> None:
    often, seldom = make_series([1, 2, 3], [0.5, 0.6, 0.7]), make_series([3], [0.6])
    run = make_foreign(series={"train_loss": often, "accuracy": often, "val_loss": seldom}, results={})
    assert guess_choice([run])["train/accuracy"] == ["accuracy"]
    other = make_foreign(series={"train_loss": often, "accuracy": seldom, "val_loss": seldom}, results={})
    assert guess_choice([other])["val/accuracy"] == ["accuracy"]
    # A name means one figure in all runs of an import.
    assert guess_choice([run, other])["train/accuracy"] == ["accuracy"]


def test_of_several_names_the_plainest_comes_first_and_a_run_takes_the_first_it_has() -> None:
    points = make_series([1, 2], [0.5, 0.6])
    both = make_foreign(series={"train_loss_step": points, "train_loss_epoch": points, "train_loss": points})
    choice = guess_choice([both])
    assert choice["train/loss"] == ["train_loss_epoch", "train_loss", "train_loss_step"]
    one = make_foreign(series={"train_loss_step": points})
    assert map_run(one, choice)["train/loss"]["series"] == "train_loss_step"


@pytest.mark.parametrize(
    ("values", "percent"), [([12.0, 91.5], True), ([0.12, 0.915], False), ([1.0000001], False), ([0.9, 1.2], True)]
)
def test_percent_is_told_from_a_fraction(values: list[float], percent: bool) -> None:
    run = make_foreign(series={"val_acc": make_series(list(range(len(values))), values)})
    assert map_run(run, guess_choice([run]))["val/accuracy"]["percent"] is percent


def test_what_is_over_a_hundred_percent_is_no_accuracy() -> None:
    run = make_foreign(series={"val_acc": make_series([1], [250.0])})
    assert "val/accuracy" not in map_run(run, guess_choice([run]))


@pytest.mark.usefixtures("runs")
def test_what_was_chosen_is_the_guess_of_the_next_import() -> None:
    run = make_foreign(series={"score": make_series([1], [0.5]), "loss": make_series([1], [0.5])}, results={})
    guessed = guess_choice([run], read_rules())
    keep_rules({**guessed, "val/accuracy": ["score"], "train/loss": []}, guessed)
    again = guess_choice([run], read_rules())
    assert (again["val/accuracy"], again["train/loss"]) == (["score"], [])
    keep_rules({**again, "train/loss": ["loss"]}, again)
    assert guess_choice([run], read_rules())["train/loss"] == ["loss"]


@pytest.mark.usefixtures("runs")
def test_names_that_were_chosen_keep_their_order_of_preference() -> None:
    points = make_series([1], [0.5])
    run = make_foreign(series={"acc_val": points, "acc_val_of_the_average": points}, results={})
    guessed = guess_choice([run], read_rules())
    assert guessed["val/accuracy"][0] == "acc_val"
    keep_rules(choose(guessed, {"val/accuracy": ["acc_val_of_the_average"]}), guessed)
    assert guess_choice([run], read_rules())["val/accuracy"] == ["acc_val_of_the_average", "acc_val"]


def test_what_was_chosen_for_one_figure_is_no_guess_for_another() -> None:
    guessed = {"train/loss": ["loss", "train_loss"], "val/loss": ["val_loss"], "val/accuracy": ["acc"]}
    assert choose(guessed, {"val/loss": ["loss"], "val/accuracy": []}) == {
        "train/loss": ["train_loss"],
        "val/loss": ["loss", "val_loss"],
        "val/accuracy": [],
    }


@pytest.mark.parametrize("text", ["{", '{"figures": 3}', '{"figures": {"val/accuracy": [3, null], "x": "y"}}'])
def test_a_damaged_file_of_rules_is_no_rule(runs: Path, text: str) -> None:
    (runs / RULES).write_text(text)
    assert not any(read_rules().values())
