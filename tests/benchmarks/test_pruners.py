"""The table of pruners has a row for each and holds what was measured; studies are replayed alike each time."""

from benchmarks.machine import read_result
from benchmarks.pruners import DOCUMENT, ENDING, list_pruners, replay_study, write_document
from core.studies.pruners import PRUNERS


def test_every_pruner_has_its_row_and_the_document_is_what_was_measured() -> None:
    found = read_result("pruners")
    assert found is not None
    text = DOCUMENT.read_text(encoding="utf-8")
    assert list_pruners(text.splitlines()) == set(ENDING) == set(PRUNERS) - {"none"}
    assert text == write_document(found), "python -m benchmarks.pruners"


def test_a_replayed_study_saves_epochs_and_is_the_same_each_time() -> None:
    first = replay_study("patient", "val/accuracy", "digits", 3)
    assert first == replay_study("patient", "val/accuracy", "digits", 3)
    assert 0 < first[0] < 1
    assert first[2] >= 0
    assert first[1] == (first[2] == 0)
