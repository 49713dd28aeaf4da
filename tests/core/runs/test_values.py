"""Any field or figure of a run by its name, also where only what differs from the defaults is kept."""

import pytest

from core.runs.folder import summarize
from core.runs.records import RunSummary
from core.runs.store import open_run
from core.runs.values import list_differing, read_value, show_scalar, tell_alike
from core.spec.fields import flatten, format_value
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from tests.made_runs import create_run


def make(*settings: str, preset: str = "first-look") -> RunSummary:
    spec = parse_spec(apply_settings(PRESETS[preset].spec.model_dump(mode="json"), list(settings)))
    return summarize(open_run(create_run(spec)))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_field_of_a_spec_is_read_from_its_summary(runs: object, preset: str) -> None:
    summary = make(preset=preset)
    for path, value in flatten(open_run(summary.id).spec).items():
        expected = format_value(value) if isinstance(value, tuple | list) else value
        assert read_value(summary, path) == expected, path


def test_what_a_run_has_not_is_no_value() -> None:
    damaged = RunSummary("1", "x", "damaged")
    foreign = RunSummary("2", "y", "finished", tool="W&B", configuration=(("lr", 0.1),), results=(("test/loss", 0.5),))
    assert read_value(damaged, "train.optimizer") is None
    assert read_value(foreign, "train.optimizer") is None
    assert (read_value(foreign, "lr"), read_value(foreign, "test/loss")) == (0.1, 0.5)


def test_fields_that_differ_come_with_those_of_layers_that_one_run_lacks(runs: object) -> None:
    one = make("train.optimizer=muon")
    other = make("train.seed=3", 'model.layers=[{"blocks": 1, "channels": 8}]')
    differing = list_differing([one, other])
    assert {"train.optimizer", "train.seed", "model.layers[0].channels", "model.layers[1].channels"} <= set(differing)
    assert "train.epochs" not in differing
    assert read_value(other, "model.layers[1].channels") is None


def test_runs_are_alike_if_only_their_seeds_differ(runs: object) -> None:
    one, same, other = make("train.seed=1"), make("train.seed=2"), make("train.seed=1", "train.epochs=7")
    assert tell_alike(one) == tell_alike(same) != tell_alike(other)


def test_what_has_no_effect_parts_no_runs_and_other_tools_runs_are_alike_if_they_tell_seeds(runs: object) -> None:
    assert tell_alike(make("train.layer_norms=true")) == tell_alike(make("train.seed=9"))

    def foreign(number: int, *configuration: tuple[str, object]) -> RunSummary:
        return RunSummary(str(number), "x", "finished", tool="W&B", configuration=configuration)  # type: ignore[arg-type]

    assert tell_alike(foreign(1, ("lr", 0.1), ("seed", 1))) == tell_alike(foreign(2, ("lr", 0.1), ("seed", 2)))
    assert tell_alike(foreign(1, ("lr", 0.1))) != tell_alike(foreign(2, ("lr", 0.1)))


def test_values_are_shown_as_people_read_them() -> None:
    assert show_scalar("train.optimizer", "adamw") == "AdamW"
    assert show_scalar("data.max_train_images", 0) == "all"
    assert show_scalar("augment.flip", True) == "yes"
    assert show_scalar("lr of another tool", 0.25) == "0.25"
    assert show_scalar("train.optimizer", None) == ""
