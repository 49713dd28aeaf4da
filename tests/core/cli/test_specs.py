"""Presets, specs, costs and budgets on the command line."""

from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from core.spec.cost import cost_of, fit_to_budget
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from tests.strict_json import strict


def test_presets_are_listed_with_parameters_and_source(core: Callable[..., Result]) -> None:
    shown = core("presets")
    assert shown.exit_code == 0
    for name, preset in PRESETS.items():
        line = next(line for line in shown.stdout.splitlines() if line.startswith(f"{name} "))
        assert f"{cost_of(preset.spec).parameters:,}" in line
        assert preset.source in line
    listed = strict(core("presets", "--json").stdout)
    assert [entry["name"] for entry in listed] == list(PRESETS)
    assert listed[2]["parameters"] == 11_173_962
    assert parse_spec(listed[1]["spec"]) == PRESETS["report"].spec


def test_a_printed_spec_is_one_that_can_be_used_again(core: Callable[..., Result], tmp_path: Path) -> None:
    printed = core("spec", "--preset", "resnet20", "--set", "train.epochs=3").stdout
    assert parse_spec(printed).train.epochs == 3
    file = tmp_path / "spec.json"
    file.write_text(printed)
    assert core("spec", str(file)).stdout == printed
    assert core("spec", "-", text=printed).stdout == printed


def test_cost_in_json_has_what_scripts_read(core: Callable[..., Result]) -> None:
    facts = strict(core("cost", "--preset", "resnet18", "--json").stdout)
    assert facts["parameters"] == 11_173_962
    assert facts["multiply_adds"] == sum(layer["multiply_adds"] for layer in facts["layers"])
    assert [layer["name"] for layer in facts["layers"]] == [
        "stem", "layer 1", "layer 2", "layer 3", "layer 4", "pool + linear",
    ]  # fmt: skip
    larger = strict(core("cost", "--preset", "resnet18", "--batch", "256", "--json").stdout)
    assert larger["memory_bytes"] > facts["memory_bytes"] > 4 * facts["parameters"]
    assert larger["batch_size"] == 256


def test_cost_shows_a_row_a_layer_and_a_total(core: Callable[..., Result]) -> None:
    shown = core("cost", "--preset", "report").stdout
    assert "layer 3" in shown
    assert "2,648,858" in shown.partition("total")[2]
    assert "batches of 16 images" in shown


def test_fit_prints_a_spec_just_under_the_budget(core: Callable[..., Result]) -> None:
    shown = core("fit", "--preset", "resnet18", "--budget", "1000000")
    fitted = parse_spec(shown.stdout)
    assert fitted == fit_to_budget(PRESETS["resnet18"].spec, 1_000_000)
    assert 900_000 < cost_of(fitted).parameters <= 1_000_000
    assert "of 1,000,000 parameters" in shown.stderr
