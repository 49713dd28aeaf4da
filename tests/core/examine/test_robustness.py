"""A measurement is made once, kept beside the run, and belongs to these very weights."""

from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from core.data.corruptions import CORRUPTIONS
from core.examine import robustness
from core.examine.robustness import Measurement, find_measured, find_under_way, measure, require_alike
from core.examine.weights import ExamineError
from core.helper.questions import QuestionError
from core.runs.robustness import keep_measured, read_measured
from tests.core.examine.made_weights import weights_of
from tests.measured import IMAGES, answer, make_measurable


@pytest.fixture(autouse=True)
def helper(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []

    def call(target: str, **question: Any) -> Future[Any]:
        asked.append(question)
        return answer(target, **question)

    monkeypatch.setattr(robustness, "call", call)
    monkeypatch.setattr(robustness, "PIECE_IMAGES", 8)
    monkeypatch.setattr(robustness, "_under_way", {})
    return asked


def test_pieces_come_to_counts_by_kind_and_strength_which_are_kept(helper: list[dict[str, Any]]) -> None:
    run = make_measurable()
    weights = weights_of(run)
    assert find_measured(run, weights) is None
    found = measure(run, weights).result()
    assert (found.clean, found.images) == (IMAGES, IMAGES)
    assert found.right == {kind: [18, 16, 14, 12, 10] for kind in CORRUPTIONS}
    assert find_measured(run, weights) == found
    assert len(helper) == 3 * (1 + 5 * len(CORRUPTIONS))
    assert {question["seed"] for question in helper} == {0}
    assert find_measured(run, weights_of(run, "last")) is None


def test_other_weights_another_version_and_fewer_kinds_are_not_it() -> None:
    run = make_measurable()
    weights = weights_of(run)
    found = measure(run, weights).result()
    for other in (
        replace(found, sha256="0" * 64),
        replace(found, version=found.version + 1),
        replace(found, right={"noise": [1] * 5}),
        replace(found, right={kind: [1] for kind in found.right}),
    ):
        (run.path / "robustness.json").unlink()
        keep_measured(run.path, other)
        assert read_measured(run.path) == [other]
        assert find_measured(run, weights) is None


def test_it_is_asked_for_once_and_again_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_measurable()
    weights, waiting = weights_of(run), Future()
    monkeypatch.setattr(robustness, "call", lambda *_, **__: waiting)
    first = measure(run, weights)
    assert measure(run, weights) is first is find_under_way(run, weights)
    waiting.set_exception(QuestionError("The images are gone."))
    with pytest.raises(QuestionError, match="The images are gone"):
        first.result()
    monkeypatch.setattr(robustness, "call", answer)
    assert measure(run, weights).result().clean == IMAGES


def test_what_cannot_be_kept_or_asked_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_measurable()

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(robustness, "keep_measured", refuse)
    with pytest.raises(QuestionError, match="could not be kept: No space left on device"):
        Measurement(run, weights_of(run)).result()
    (run.path / "checkpoints" / "last.safetensors").unlink()
    with pytest.raises(ExamineError, match="checkpoint of these weights is gone"):
        measure(run, weights_of(run))
    assert find_under_way(run, weights_of(run)) is None


def test_figures_of_different_images_are_told() -> None:
    run = make_measurable()
    found = measure(run, weights_of(run)).result()
    require_alike([found, found])
    with pytest.raises(ExamineError, match=r"different images \(10, 20\)"):
        require_alike([found, replace(found, images=10)])
