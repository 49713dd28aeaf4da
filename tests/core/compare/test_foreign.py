"""Runs of other tools beside our own: what can be compared is, and what cannot says why."""

from __future__ import annotations

from typing import Any

import pytest

from core.compare.curves import draw_curves
from core.compare.fields import label_field, list_fields, numeric_fields, show_field
from core.compare.figures import BY_KEY, find_figure, summary_of
from core.compare.lines import CurveView
from core.compare.parallel import draw_parallel
from core.compare.scatter import ScatterView, draw_scatter
from core.compare.snapshot import look_at
from core.compare.table import tell_unit
from core.compare.units import Unit, find_mismatches, make_units
from core.compare.verdicts import judge
from core.imports.keep import publish_foreign
from tests.core.imports.foreign_runs import MAPPING, make_foreign
from tests.pages.sample_runs import make_run

pytestmark = pytest.mark.usefixtures("lab_folders")


def publish(key: str = "a", **configuration: Any) -> str:
    return publish_foreign(make_foreign(key=key, name=key, configuration=configuration), MAPPING)


def units_of(*ids: str, fold: bool = True) -> list[Unit]:
    look = look_at(ids)
    assert look.problems == ()
    return make_units(look.runs, fold=fold)


def test_its_curves_and_figures_stand_beside_ours() -> None:
    ours, theirs = units_of(make_run(name="Ours").id, publish(lr=0.1))
    assert summary_of(theirs, BY_KEY["val/accuracy"]).mean == 0.75  # type: ignore[union-attr]
    assert summary_of(theirs, BY_KEY["parameters"]) is None
    assert "Ours" in draw_curves("accuracy", [ours, theirs], CurveView()).figure
    assert tell_unit(theirs) == "TensorBoard · finished"


def test_a_known_key_is_our_field_and_every_other_its_own() -> None:
    units = units_of(make_run().id, publish(lr=0.25, width=64), publish("b", lr=0.5, width=32))
    paths = list_fields(units, only_differing=True)
    assert paths[0] == "train.learning_rate"
    assert [show_field(unit.first, "train.learning_rate") for unit in units[1:]] == ["0.25", "0.5"]
    assert (label_field("configuration.width"), show_field(units[1].first, "configuration.width")) == ("width", "64")


def test_scatter_and_parallel_take_its_configuration() -> None:
    units = units_of(publish(lr=0.25, width=64), publish("b", lr=0.5, width=32))
    assert set(numeric_fields(units)) == {"train.learning_rate", "configuration.width"}
    assert find_figure("configuration.width").label == "width"
    drawn = draw_scatter(units, ScatterView("configuration.width", "val/accuracy"))
    assert '"source"' in drawn.figure
    paths = list_fields(units, only_differing=True)
    assert "width" in draw_parallel(units, paths, BY_KEY["val/accuracy"], "best").figure


def test_a_verdict_says_that_the_images_are_not_known() -> None:
    ours, theirs = units_of(make_run(name="Ours").id, publish(lr=0.1))
    found = judge(theirs, ours, "last")
    assert found.comparison is None
    assert "Imported from TensorBoard, which does not tell the images of its figures" in found.reason
    assert "which does not tell the images" in find_mismatches([ours, theirs])[0]


def test_one_sentence_names_the_runs_whose_images_are_not_known_and_none_of_ours() -> None:
    theirs, ours, other = units_of(publish("a", lr=0.1), make_run(name="Ours").id, publish("b", lr=0.2))
    (sentence,) = find_mismatches([theirs, ours, other])
    assert sentence == (
        "a, b: imported from TensorBoard, which does not tell the images of its figures, so differences may be those "
        "of the images."
    )


def test_seeds_of_one_configuration_are_a_group_and_are_judged_by_their_figures() -> None:
    data = {"dataset": "CIFAR-10"}
    first = [publish(f"a{seed}", lr=0.1, seed=seed, **data) for seed in range(3)]
    second = [publish(f"b{seed}", lr=0.2, seed=seed, **data) for seed in range(3)]
    baseline, other = units_of(*first, *second)
    assert (len(baseline.seeds), len(other.seeds)) == (3, 3)
    assert judge(other, baseline, "last").comparison is not None


def test_equal_configurations_without_a_seed_are_not_taken_for_seeds() -> None:
    assert len(units_of(publish("a", lr=0.1), publish("b", lr=0.1))) == 2
