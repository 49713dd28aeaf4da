"""The measuring process answers with what an estimate is made of, or with a sentence."""

from dataclasses import fields

import pytest

from core.engine.events import TrainingError
from core.launch.estimates import Estimate, EstimateError
from core.worker import estimate
from core.worker.estimate import measure_spec
from tests.core.workers import tiny_spec

pytestmark = pytest.mark.usefixtures("lab_folders")


def test_a_measurement_has_every_figure_of_an_estimate() -> None:
    measured = measure_spec(tiny_spec(batch_size=8).model_dump(mode="json"), "cpu")
    added = {"device", "device_name", "beside", "busy", "measured"}
    assert measured.keys() == {field.name for field in fields(Estimate)} - added


def test_a_failure_reaches_a_process_without_torch_as_its_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise TrainingError("out_of_memory", "Memory ran out.")

    monkeypatch.setattr(estimate, "measure", fail)
    with pytest.raises(EstimateError, match=r"^Memory ran out\.$"):
        measure_spec(tiny_spec().model_dump(mode="json"), "cpu")
