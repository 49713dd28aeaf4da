"""What is forecast of a run, by the lab's own runs where there are ten, and its replay over recorded trainings."""

import json

import numpy as np
import pytest

from benchmarks.forecast import DOCUMENT, list_cases, measure_recorded, replay_forecast, write_document
from core.compare.snapshot import read_run
from core.forecast.forecast import RECORDED, forecast_run, read_recorded
from core.forecast.interval import FIGURES, LEAST_PAST
from core.runs.folder import Run
from core.system import files
from tests.pages.sample_runs import make_rows, make_run

HALF_WAY = ("train.epochs=12",)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, lab_folders: object) -> None:
    monkeypatch.setattr("core.forecast.peers.MAX_AGE", 0.0)
    monkeypatch.setattr("core.forecast.peers.READ_SECONDS", 60.0)


def make_finished(top: float) -> Run:
    """One that learns as all do, up to `top`."""
    run = make_run(settings=HALF_WAY, top=top, epochs_done=12, name=f"up to {top}")
    rise = top * (1 - np.exp(-np.arange(1, 13) / 3))
    rows = [row | {"val/accuracy": value} for row, value in zip(make_rows(12), rise.tolist(), strict=True)]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    return run


def make_half(top: float) -> Run:
    run = make_finished(top)
    (run.path / "end.json").unlink()
    content = (run.path / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (run.path / "metrics.jsonl").write_bytes(b"".join(content[:6]))
    return run


def test_the_labs_own_runs_tell_where_there_are_ten() -> None:
    tops = [0.5 + 0.03 * number for number in range(LEAST_PAST)]
    for top in tops:
        make_finished(top)
    forecast = forecast_run(read_run(make_half(0.7).id))
    assert forecast is not None
    assert forecast.own
    assert (forecast.done, forecast.epochs) == (6, 12)
    accuracy = forecast.ends[0]
    end = 0.7 * (1 - np.exp(-4))
    assert accuracy.past == LEAST_PAST
    assert accuracy.interval.low - 0.02 <= end <= accuracy.interval.high + 0.02
    assert accuracy.interval.width < 0.1
    assert forecast.best_name == f"up to {tops[-1]}"
    assert forecast.best == pytest.approx(tops[-1] * (1 - np.exp(-4)))
    assert forecast.chance is not None
    assert forecast.chance < 0.3


def test_recorded_trainings_tell_where_the_lab_has_too_few() -> None:
    forecast = forecast_run(read_run(make_half(0.7).id))
    assert forecast is not None
    assert not forecast.own
    assert (forecast.best, forecast.chance) == (None, None)
    assert forecast.ends[0].past == len(read_recorded("val/accuracy", 0.5)[0])
    assert forecast.ends[0].interval.low < forecast.ends[0].interval.high


def test_before_the_third_epoch_and_after_the_last_there_is_none() -> None:
    assert forecast_run(read_run(make_run("stopped", epochs_done=2).id)) is None
    assert forecast_run(read_run(make_run().id)) is None


def test_over_recorded_trainings_the_interval_holds_and_is_narrower_than_the_naive_one() -> None:
    for figure in FIGURES:
        assert len(list(list_cases(figure, 0.5))) >= 60
        found = replay_forecast(figure, 0.5)
        ours, naive = found["forecast"], found["last plus spread"]
        assert ours.covered >= 0.7
        assert ours.median_width < naive.median_width
        assert ours.mean_width < naive.mean_width


def test_document_and_recorded_residuals_are_what_is_measured() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == write_document(), "python -m benchmarks.forecast"
    assert json.loads(RECORDED.read_text(encoding="utf-8")) == measure_recorded(), "python -m benchmarks.forecast"
