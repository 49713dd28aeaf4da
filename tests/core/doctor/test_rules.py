"""Every illness is named in time, healthy trainings are left alone, and docs/DOCTOR.md tells both as they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.doctor import DOCUMENT, HELD, name_all, score_rules, write_document
from benchmarks.replay import read_recordings
from core.doctor.diagnose import diagnose
from core.doctor.observed import Observed
from core.doctor.rules import RULES
from core.system.folders import PROJECT
from tests.core.doctor.watched import spec_of, watch


def test_every_illness_is_named_in_time_and_nearly_every_one_recorded_afterwards() -> None:
    scores = score_rules()
    for score in scores:
        assert score.ill >= 4, score.rule.name
        assert score.in_time - score.held_in_time == score.ill - score.held_ill, score.rule.name
    assert sum(score.held_in_time for score in scores) >= 0.95 * sum(score.held_ill for score in scores)


def test_at_most_one_of_twenty_healthy_trainings_is_named_by_any_rule_in_any_epoch() -> None:
    for lot in (HELD, "set"):
        recordings = [one for one in read_recordings("healthy") if one.name.startswith(lot)]
        assert len(recordings) == 20
        assert len({one.recording.name for one in name_all(recordings)}) <= 1


def test_the_document_says_what_is_measured() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == write_document(score_rules()), "python -m benchmarks.doctor"


def test_every_rule_has_a_name_and_words_of_its_own() -> None:
    assert len({rule.name for rule in RULES}) == len({rule.title for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert all((rule.title, rule.why, rule.source, rule.needs, rule.fires))
    assert DOCUMENT.parent == PROJECT / "docs"


FIGURES = st.one_of(st.floats(-10, 1e4), st.just(float("nan")), st.just(0.0))
COLUMNS = ("train/loss", "val/loss", "train/accuracy", "val/accuracy", "learning_rate", "seconds")
NORMS = tuple(f"norms/head/{kind}" for kind in ("weights", "gradients", "updates"))


@settings(max_examples=200, deadline=None)
@given(st.data(), st.integers(0, 16))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_rule_fails_on_figures_of_any_kind(data: st.DataObject, epochs: int) -> None:
    values = st.lists(FIGURES, min_size=epochs, max_size=epochs)
    rows = {name: np.array(data.draw(values), float) for name in (*COLUMNS, *NORMS)}
    rows["epoch"] = np.arange(1.0, epochs + 1)
    spec = spec_of(train={"epochs": max(1, epochs), "layer_norms": True})
    predicted = labels = None
    if epochs and data.draw(st.booleans()):
        labels = np.array(data.draw(st.lists(st.integers(0, 9), min_size=3, max_size=3)))
        predicted = np.array(data.draw(st.lists(st.integers(0, 9), min_size=3 * epochs, max_size=3 * epochs)))
        predicted = predicted.reshape(epochs, 3)
    results = {"test/accuracy_best": data.draw(st.floats(0, 1)), "best/val_accuracy": data.draw(st.floats(0, 1))}
    environment = {"val_images": data.draw(st.integers(0, 50)), "test_images": data.draw(st.integers(0, 50))}
    observed = Observed(
        spec, rows, environment=environment, state="finished", results=results, predicted=predicted, labels=labels
    )
    found = diagnose(observed)
    assert len(found.findings) + len(found.sound) + len(found.unseen) == len(RULES)
    for finding in found.findings:
        assert finding.found.evidence
        assert all(1 <= mark.epoch <= epochs for mark in finding.found.marks)


def test_a_sound_training_is_sound() -> None:
    assert not diagnose(watch(train_loss=2.3 * np.exp(-np.arange(12)))).findings
