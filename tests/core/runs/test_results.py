"""What came out of a run: every figure with its uncertainty, every fact with its unit, and the way to do it again."""

import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from core.runs.folder import Run
from core.runs.results import (
    closest_preset,
    list_costs,
    list_environment,
    list_figures,
    list_forecast,
    sampling_error,
    share_done,
    show_fact,
    show_share,
    write_command,
    write_run_command,
)
from core.spec import RunSpec
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from core.system import files
from tests.branched import make_branch
from tests.examined import make_unvalidated
from tests.pages.sample_runs import make_run
from tests.specs import specs


def test_sampling_error_is_the_binomials() -> None:
    assert sampling_error(0.84, 10_000) == pytest.approx(0.003666, abs=1e-6)
    assert sampling_error(1.0, 100) == 0


@settings(max_examples=40)
@given(specs())
def test_any_spec_has_a_command_that_means_it(spec: RunSpec) -> None:
    words = shlex.split(write_command(spec))
    if words[-1] == "spec.json":
        return
    given_settings = [word for before, word in pairwise(words) if before == "--set"]
    assert parse_spec(apply_settings(PRESETS[words[5]].spec.model_dump(mode="json"), given_settings)) == spec


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_recognised_whatever_its_seed(name: str) -> None:
    spec = parse_spec(apply_settings(PRESETS[name].spec.model_dump(mode="json"), ["train.seed=7"]))
    preset, changes = closest_preset(spec)
    assert preset is not None
    assert (preset.name, changes) == (name, 0)


def test_of_a_run_that_held_no_images_out_only_the_last_weights_are_told() -> None:
    run = make_unvalidated()
    told = [(figure.label, figure.value) for figure in list_figures(run, run.summary())]
    assert told[0] == ("Validation", "none")
    assert [label for label, _ in told[1:]] == ["Test accuracy, last weights", "Test loss, last weights"]


def test_a_shorter_last_epoch_is_told() -> None:
    run = make_run(settings=("train.epochs=5", "train.last_epoch=0.25"))
    assert ["Epochs", "5 of 5, the last of 25 % of the images"] in list_costs(run, run.summary())


def test_an_accuracy_carries_its_error_only_if_the_images_are_known() -> None:
    assert show_share(0.931, 4900) == "93.10 % ± 0.36 %"
    assert show_share(0.931, None) == "93.10 %"
    assert show_share(None, 4900) == "–"


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("memory_bytes", 1_500_000, "1.50 MB"),
        ("seconds_left", 75, "1 min 15 s"),
        ("cpu_percent", 99.6, "100 %"),
        ("pid", 12345, "12345"),
        ("parameters", 12345, "12,345"),
        ("commit_changed", False, "no"),
        ("versions", {"torch": "2.9", "numpy": None}, "torch 2.9, numpy None"),
        ("mean", [0.5, 0.25], "0.5, 0.25"),
        ("gpu_percent", None, "–"),
    ],
)
def test_a_fact_is_shown_with_the_unit_that_its_name_tells(key: str, value: object, text: str) -> None:
    assert show_fact(key, value) == text


def test_a_forecast_is_held_against_what_the_run_took(tmp_path: Path) -> None:
    run = Run(tmp_path)
    files.write_json(tmp_path / "forecast.json", {"epoch_seconds": 10.0, "memory_bytes": 2e9})
    assert list_forecast(run) == []
    rows = [
        {"epoch": n, "seconds": end, "system/peak_memory_bytes": 1e9} for n, end in ((1, 12.0), (2, 24.0), (3, 39.0))
    ]
    (tmp_path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    assert list_forecast(run) == [
        ["An epoch (median)", "10 s", "12 s (+20 %)"],
        ["Peak of memory", "2.00 GB", "1.00 GB (-50 %)"],
    ]
    (tmp_path / "forecast.json").write_text("{")
    assert list_forecast(run) == []


@pytest.mark.parametrize(
    ("progress", "share"),
    [
        ({"phase": "train", "epoch": 3, "step": 12, "steps": 24}, 0.5),
        ({"phase": "train", "epoch": 3, "step": 12, "steps": 24, "seconds": 30.0, "seconds_left": 90.0}, 0.25),
        ({"phase": "validate", "epoch": 5, "step": 1, "steps": 9, "seconds": 90.0, "seconds_left": 10.0}, 0.9),
        ({"phase": "test", "epoch": 5, "step": 9, "steps": 9, "seconds": 90.0, "seconds_left": 0.0}, 0.99),
        ({}, 0.4),
    ],
)
def test_the_share_done_goes_by_time_and_is_not_whole_before_the_end(progress: Any, share: float) -> None:
    assert share_done(progress, 2, 5) == pytest.approx(share)


def test_a_run_that_began_at_its_beginning_does_not_seem_undone(tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text('{"device": "cpu", "epochs_done": 0}')
    assert list_environment(Run(tmp_path)) == [["Device", "cpu"]]
    (tmp_path / "environment.json").write_text('{"epochs_done": 7}')
    assert list_environment(Run(tmp_path)) == [["Resumed after epoch", "7"]]


def test_the_command_of_a_branch_begins_at_its_parents_checkpoint(lab_folders: Path) -> None:
    root = make_run(name="root")
    assert write_run_command(root) == write_command(root.spec)
    branch = make_branch(root, 3, settings=("train.epochs=5", "train.learning_rate=0.01"))
    command = write_run_command(branch)
    assert command == f"python -m core branch {root.id} --epoch 3 --set train.learning_rate=0.01"
