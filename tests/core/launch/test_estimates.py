"""What a training will take: measured once for a shape and a device, then told for all of that shape."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.launch import estimates
from core.launch.estimates import (
    Estimate,
    EstimateError,
    Measurements,
    find_estimate,
    find_forecast,
    make_forecast,
    measure_now,
)
from core.launch.launcher import start_run
from core.runs.results import list_forecast
from core.runs.store import open_run
from core.spec import RunSpec
from core.system import files
from core.system.folders import runs_folder
from tests.core.workers import tiny_spec, wait_for, wait_for_state
from tests.specs import change, specs

pytestmark = pytest.mark.usefixtures("lab_folders")


def make_estimate(**changes: Any) -> Estimate:
    known = {
        "steps": 20,
        "step_seconds": 0.1,
        "score_seconds": 0.01,
        "closing_seconds": 0.5,
        "memory_bytes": 10**9,
        "image_bytes": 10**6,
        "room_bytes": 4 * 10**9,
        "device": "cpu",
        "device_name": "A processor",
        "beside": 0,
        "busy": 0.0,
        "measured": 0.0,
    }
    return Estimate(**known | changes)


def test_an_epoch_is_its_batches_its_validation_and_its_end() -> None:
    spec = change(RunSpec(), "data.dataset=cifar10", "train.batch_size=100", "train.epochs=7")
    told = make_forecast(spec, make_estimate())
    assert told.epoch_seconds == pytest.approx(450 * 0.1 + 5000 * 0.01 + 0.5)
    assert told.seconds == pytest.approx(7 * told.epoch_seconds)
    assert told.memory_bytes == 10**9 + 60_000 * 3 * 32 * 32
    short = make_forecast(change(spec, "train.last_epoch=0.2", "data.val_fraction=0"), make_estimate())
    assert short.seconds == pytest.approx(6 * (500 * 0.1 + 0.5) + 100 * 0.1 + 0.5)


def test_the_largest_batch_is_what_fits_into_nine_tenths_of_the_room() -> None:
    spec = change(RunSpec(), "data.dataset=cifar10", "train.batch_size=100")
    # 0.9 * 4 GB - 1 GB - 184 MB of images leave room for 2,415 images of 1 MB beside the hundred.
    assert make_forecast(spec, make_estimate()).largest_batch == 2048
    assert make_forecast(spec, make_estimate(room_bytes=10**9)).largest_batch == 0
    assert make_forecast(spec, make_estimate(image_bytes=0)).largest_batch is None
    assert make_forecast(spec, make_estimate(image_bytes=1)).largest_batch == estimates.MAX_BATCH


@given(specs(), st.integers(1, 1000), st.floats(1e-6, 10), st.integers(0, 1000))
def test_what_does_not_change_a_step_needs_no_new_measurement(
    spec: RunSpec, epochs: int, rate: float, seed: int
) -> None:
    train = spec.train.model_copy(update={"epochs": epochs, "learning_rate": rate, "seed": seed, "schedule": "step"})
    data = spec.data.model_copy(update={"val_fraction": 0.3, "max_train_images": 77})
    assert estimates.shape_of(spec.model_copy(update={"train": train, "data": data})) == estimates.shape_of(spec)


@pytest.mark.parametrize(
    "setting",
    [
        "train.batch_size=33",
        "train.optimizer=muon",
        "train.ema_decay=0.9",
        "train.accumulation=2",
        "train.precision=float32",
        "model.layers[0].channels=33",
        "model.attention=se",
        "augment.cutout=3",
        "data.image_size=40",
    ],
)
def test_what_changes_a_step_is_measured_anew(setting: str) -> None:
    assert estimates.shape_of(change(RunSpec(), setting)) != estimates.shape_of(RunSpec())


@pytest.mark.slow
def test_a_measurement_is_kept_and_a_run_is_held_against_it() -> None:
    spec = tiny_spec(epochs=3)
    assert find_estimate(spec) is None
    measured = measure_now(spec)
    assert find_estimate(spec) == measured
    assert find_forecast(change(spec, "train.seed=9")) == find_forecast(spec)
    run = open_run(start_run(spec))
    assert wait_for_state(run, "finished", "failed") == "finished"
    assert files.read_json(run.path / "forecast.json")["epoch_seconds"] == make_forecast(spec, measured).epoch_seconds
    (epoch, told, taken), (peak, _, held) = list_forecast(run)
    assert (epoch, peak) == ("An epoch (median)", "Peak of memory")
    assert told.endswith(" s")
    assert taken.endswith("%)")
    assert held.endswith("%)")
    assert run.rows()[-1]["system/peak_memory_bytes"] == pytest.approx(measured.memory_bytes, rel=0.25)


def test_a_run_that_nobody_measured_before_is_held_against_nothing(quick_workers: Path) -> None:
    run = open_run(start_run(tiny_spec(epochs=1)))
    wait_for_state(run, "finished")
    assert not (run.path / "forecast.json").exists()
    assert list_forecast(run) == []


def test_a_damaged_measurement_counts_as_none() -> None:
    spec = tiny_spec()
    path = runs_folder() / ".estimates" / f"{estimates.shape_of(spec)}.json"
    path.parent.mkdir(parents=True)
    for text in ("{", "[]", '{"steps": 20}'):
        path.write_text(text)
        assert find_estimate(spec) is None
        assert find_forecast(spec) is None


@pytest.mark.parametrize(
    ("fake", "sentence"),
    [
        ("be_killed", "was killed, as the system does when memory runs out"),
        ("fail", "OSError: no such thing"),
        ("hang", "longer than 1 seconds"),
        ("refuse", "^Memory ran out on cpu"),
    ],
)
def test_a_measurement_that_fails_says_why(fake: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "MEASURE", f"tests.core.launch.measuring:{fake}")
    with pytest.raises(EstimateError, match=sentence):
        measure_now(tiny_spec(), timeout=1 if fake == "hang" else 60)
    assert find_estimate(tiny_spec()) is None


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(EstimateError, match="no device cuda:9"):
        measure_now(change(tiny_spec(), "train.device=cuda:9"))


def test_two_who_ask_for_the_same_shape_share_one_measurement(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    count = tmp_path / "count"
    monkeypatch.setenv("COUNT", str(count))
    monkeypatch.setattr(estimates, "MEASURE", "tests.core.launch.measuring:count_and_exit")
    ours = Measurements()
    for seed in (1, 2):
        ours.start(change(tiny_spec(), f"train.seed={seed}"))
        assert ours.is_under_way(tiny_spec())
    wait_for(lambda: not ours.is_under_way(tiny_spec()))
    assert "exit status 3" in ours.problem(tiny_spec())
    assert count.read_text() == "x"
