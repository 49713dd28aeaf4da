"""Studies are made, extended, joined and deleted; what cannot be done loses nothing."""

import threading
import time
from pathlib import Path
from typing import Any

import optuna
import pytest

from core.spec.parse import SpecError
from core.studies.manage import (
    create_study,
    delete_study,
    enqueue,
    extend_study,
    set_workers,
    start_workers,
    stop_study,
)
from core.studies.spec import STUDY_PRESETS, parse_study
from core.studies.storage import StudyError, folder_of
from core.studies.study import StudyNotFoundError, list_studies, open_study
from tests.core.studies.made_studies import make
from tests.core.study_workers import LEARNING_RATE, tiny_study


def test_a_study_comes_back_from_the_storage_as_it_was_made(lab: Path) -> None:
    create_study("  the report  ", STUDY_PRESETS["report"])
    create_study("tiny / ü", tiny_study())
    assert [summary.name for summary in list_studies()] == ["tiny / ü", "the report"]
    assert open_study("the report").spec == STUDY_PRESETS["report"]
    summary = list_studies()[1]
    assert (summary.state, summary.total, summary.done, summary.best_value) == ("empty", 20, 0, None)
    assert abs(summary.created - time.time()) < 60
    assert open_study("tiny / ü").folder.parent == lab / ".studies"
    assert open_study("the report").optuna().metric_names == ["Validation loss"], "what optuna-dashboard calls it"
    delete_study("tiny / ü")
    assert [summary.name for summary in list_studies()] == ["the report"]
    assert not folder_of("tiny / ü").exists()


def test_a_name_that_is_taken_or_impossible_loses_nothing(lab: Path) -> None:
    study = make()
    enqueue("tiny", study.spec.base)
    for name, problem in (("tiny", "already"), (" ", "1 to 50"), ("x" * 51, "1 to 50"), ("a\nb", "control")):
        with pytest.raises(StudyError, match=problem):
            create_study(name, tiny_study(trials=9))
    assert open_study("tiny").spec == study.spec
    assert len(study.trials()) == 1
    with pytest.raises(StudyNotFoundError, match="There is no study 'other'"):
        open_study("other")


def test_of_two_who_make_a_study_of_one_name_at_once_one_is_told_that_it_is_taken(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes while the first has made it, but not said yet what it is: as after a crash, that may go."""
    make(name="another")
    problems: list[str] = []

    def make_second() -> None:
        try:
            create_study("tiny", tiny_study(trials=9))
        except StudyError as error:
            problems.append(str(error))

    second, make_one = threading.Thread(target=make_second), optuna.create_study

    def make_slowly(**asked: Any) -> optuna.Study:
        made = make_one(**asked)
        if not second.ident:
            second.start()
            second.join(1)
        return made

    monkeypatch.setattr(optuna, "create_study", make_slowly)
    create_study("tiny", tiny_study(trials=5))
    second.join(60)
    assert problems == ["name: there is a study named tiny already"]
    assert open_study("tiny").spec.trials == 5


def test_a_study_that_a_crash_left_half_made_does_not_keep_its_name(lab: Path) -> None:
    make()
    optuna.create_study(storage=open_study("tiny")._storage, study_name="half", directions=["maximize"])
    assert [summary.name for summary in list_studies()] == ["tiny"], "a study of somebody else's is none of ours"
    create_study("half", tiny_study())
    assert open_study("half").optuna().direction == optuna.study.StudyDirection.MINIMIZE


def test_limits_can_be_raised_but_not_to_nothing(lab: Path) -> None:
    make()
    extend_study("tiny", trials=50, minutes=5.0)
    spec = open_study("tiny").spec
    assert (spec.trials, spec.minutes) == (50, 5.0)
    with pytest.raises(SpecError, match="trials = 0"):
        extend_study("tiny", trials=0, minutes=0.0)


def test_workers_are_refused_where_nothing_could_train(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LAB_DEVICES", "cpu")
    data = {"data": {"dataset": "cifar10"}, "train": {"device": "cpu"}}
    make(parse_study({"base": data, "space": [LEARNING_RATE]}), "images")
    with pytest.raises(StudyError, match="CIFAR-10 is not on this machine yet"):
        start_workers("images")
    make(parse_study({"base": {"train": {"device": "cuda:7"}}, "space": [LEARNING_RATE]}), "device")
    with pytest.raises(StudyError, match=r"train\.device = cuda:7: this machine has cpu"):
        start_workers("device")
    make()
    for count in (-1, 65):
        with pytest.raises(StudyError, match="workers = "):
            set_workers("tiny", count)
    for act in (start_workers, stop_study, delete_study):
        with pytest.raises(StudyNotFoundError):
            act("other")
