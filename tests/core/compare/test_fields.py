"""Only fields that differ and have an effect count as differences."""

import pytest

from core.compare.fields import list_fields, show_field
from tests.compared_runs import make_compared, units_of
from tests.pages.sample_runs import make_run

pytestmark = pytest.mark.usefixtures("lab_folders")


def test_only_what_differs_and_has_an_effect_is_listed() -> None:
    base = make_compared(None)  # Adam: momentum has no effect
    other = make_compared(None, seed=3, settings=["train.momentum=0.5", "train.batch_size=32"])
    units = units_of(base, other)
    assert list_fields(units, only_differing=True) == ["train.batch_size", "train.seed"]
    sgd = make_compared(None, settings=["train.optimizer=sgd", "train.momentum=0.5"])
    units = units_of(base, sgd)
    assert "train.momentum" in list_fields(units, only_differing=True)
    assert [show_field(unit.first, "train.momentum") for unit in units] == ["", "0.5"]


def test_all_fields_can_be_listed_and_a_missing_layer_is_a_difference() -> None:
    units = units_of(make_run(), make_run(preset="report", settings=("train.epochs=5",)))
    assert "train.seed" in list_fields(units, only_differing=False)
    assert "model.layers[0].channels" in list_fields(units, only_differing=True)


def test_learning_rate_and_optimizer_come_before_all_others_and_layers_after() -> None:
    settings = ["train.learning_rate=0.1", "train.optimizer=sgd", "train.batch_size=8", "model.layers[0].channels=8"]
    settings.append("model.dropout=0.1")
    units = units_of(make_compared(None), make_compared(None, settings=settings))
    assert [
        path for path in list_fields(units, only_differing=True) if path not in ("train.momentum", "train.nesterov")
    ] == [
        "train.learning_rate",
        "train.optimizer",
        "model.dropout",
        "train.batch_size",
        "model.layers[0].channels",
    ]
