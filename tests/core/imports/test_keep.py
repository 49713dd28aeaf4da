from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import time as wall_clock

import numpy as np
import pytest

from core.imports.figures import guess_choice
from core.imports.keep import Planned, keep_runs, plan_import, publish_foreign
from core.imports.values import ForeignRun
from core.launch.launcher import delete_run
from core.runs.listing import list_runs
from core.runs.records import NoSpecError
from core.runs.store import open_run
from tests.core.imports.foreign_runs import BEGUN, MAPPING, make_foreign, make_series

pytestmark = pytest.mark.usefixtures("runs")


def test_an_imported_run_keeps_everything_and_is_not_damaged() -> None:
    foreign = make_foreign()
    run = open_run(publish_foreign(foreign, MAPPING))
    assert run.damage() == ""
    assert run.state() == "finished"
    for name, series in foreign.series.items():
        assert run.series().series[name].values.tobytes() == series.values.tobytes()
    assert (run.foreign() or {}).get("configuration") == foreign.configuration
    assert [(row["epoch"], row["step"], row["train/loss"], row["val/accuracy"]) for row in run.rows()] == [
        (1, 2, 2.0, 0.5),
        (2, 4, 1.0, 0.75),
        (3, 6, 0.25, 0.625),
    ]


def test_its_summary_has_figures_tags_times_and_what_its_configuration_tells() -> None:
    publish_foreign(make_foreign(), MAPPING)
    (summary,) = list_runs()
    assert (summary.state, summary.tool, summary.tags) == ("finished", "TensorBoard", ("baseline",))
    assert (summary.best_val_accuracy, summary.last_val_accuracy, summary.test_accuracy) == (0.75, 0.625, 0.615)
    assert (summary.learning_rate, summary.batch_size, summary.optimizer) == (0.1, 64, "SGD")
    assert summary.created == BEGUN
    assert summary.reason == "TensorBoard does not tell how a run ended."


@pytest.mark.parametrize("state", ["finished", "failed", "stopped", "interrupted"])
def test_the_state_is_the_one_that_its_tool_tells(state: str) -> None:
    run = open_run(publish_foreign(make_foreign(state=state), MAPPING))
    assert run.state() == state
    assert run.summary().test_accuracy == 0.615


def test_what_needs_a_spec_says_where_the_run_came_from() -> None:
    run = open_run(publish_foreign(make_foreign(), MAPPING))
    with pytest.raises(NoSpecError, match="This run was imported from TensorBoard and has no spec of this lab"):
        _ = run.spec


def test_figures_that_are_not_finite_stay_so() -> None:
    foreign = make_foreign(
        series={"val_acc": make_series([1, 2, 3], [np.nan, np.inf, 50.0])},
        results={"worst": -np.inf},
        configuration={"limit": np.inf, "huge": 2**70},
    )
    run = open_run(publish_foreign(foreign, MAPPING))
    assert run.damage() == ""
    assert np.array_equal(run.series().series["val_acc"].values, [np.nan, np.inf, 50.0], equal_nan=True)
    record = run.foreign() or {}
    assert record["results"] == {"worst": "-Infinity"}
    assert record["configuration"] == {"limit": "Infinity", "huge": str(2**70)}
    assert run.summary().best_val_accuracy == 0.5


def test_ten_thousand_validations_become_rows_that_charts_can_take_with_the_best_among_them() -> None:
    values = np.zeros(10_000)
    values[4321] = 99.0
    foreign = make_foreign(series={"val_acc": make_series(list(range(10_000)), values.tolist())})
    run = open_run(publish_foreign(foreign, MAPPING))
    assert len(run.rows()) <= 2000
    assert run.summary().best_val_accuracy == pytest.approx(0.99)
    assert run.rows()[-1]["step"] == 9999
    assert len(run.series().series["val_acc"]) == 10_000


@pytest.mark.parametrize("time", [-1e300, 1e300, np.inf, np.nan])
def test_times_and_steps_that_no_run_of_ours_has_make_it_no_damaged_run(time: float) -> None:
    series = {"val_acc": make_series([-(2**63), 2**63 - 1], [50.0, 75.0], begun=time)}
    run = open_run(publish_foreign(make_foreign(series=series, started=time, ended=time), MAPPING))
    assert run.damage() == ""
    assert run.series().series["val_acc"].steps.tolist() == [-(2**63), 2**63 - 1]
    assert abs(run.about.created - wall_clock()) < 3600


def test_a_damaged_record_is_told() -> None:
    run = open_run(publish_foreign(make_foreign(), MAPPING))
    (run.path / "foreign.json").write_text('{"format": 3}')
    assert run.state() == "damaged"
    assert run.damage().startswith("foreign.json: format")


def imported() -> list[str]:
    return [summary.id for summary in list_runs()]


def plan(*runs: ForeignRun) -> list[Planned]:
    return plan_import(runs, guess_choice(runs))


def keep(*planned: Planned) -> list[str]:
    return [each.id for each in keep_runs(planned)]


def test_importing_again_adds_only_what_is_new() -> None:
    one, two = make_foreign(), make_foreign(key="logs/two", name="two")
    keep(*plan(one))
    again = plan(one, two)
    assert [planned.outcome for planned in again] == ["here", "new"]
    keep(*again)
    assert len(imported()) == 2


def test_a_run_that_has_grown_is_brought_up_to_date_and_keeps_what_people_said() -> None:
    (run_id,) = keep(*plan(make_foreign(state="interrupted")))
    open_run(run_id).update_about(name="Mine", tags=["kept"])
    grown = make_foreign(
        series={"val_acc": make_series([2, 4, 6, 8], [50.0, 75.0, 62.5, 80.0])}
        | {"loss": make_series(list(range(9)), [1.0] * 9)},
        state="finished",
    )
    (planned,) = plan(grown)
    assert (planned.outcome, keep(planned)) == ("grown", [run_id])
    summary = open_run(run_id).summary()
    assert (summary.name, summary.tags, summary.state) == ("Mine", ("kept",), "finished")
    assert summary.last_val_accuracy == 0.8
    assert [planned.outcome for planned in plan(grown)] == ["here"]


def test_an_older_copy_takes_nothing_away() -> None:
    keep(*plan(make_foreign()))
    older = make_foreign(series={"loss": make_series([1], [2.5])})
    assert [planned.outcome for planned in plan(older)] == ["here"]


def test_the_same_points_without_times_take_no_times_away() -> None:
    (kept,) = keep_runs(plan(make_foreign()))
    timeless = {name: replace(one, times=np.full(len(one), np.nan)) for name, one in make_foreign().series.items()}
    (again,) = keep_runs(plan(make_foreign(series=timeless, left_out={"cells that hold text": 30})))
    assert (again.outcome, again.id) == ("here", kept.id)
    assert np.isfinite(open_run(kept.id).series().series["loss"].times).all()


def test_two_imports_of_the_same_run_at_once_keep_it_once() -> None:
    plans = [plan(make_foreign(), make_foreign(key="logs/two")) for _ in range(4)]
    with ThreadPoolExecutor(4) as people:
        kept = list(people.map(lambda each: keep(*each), plans))
    assert len(imported()) == 2
    assert all(set(ids) == set(imported()) for ids in kept)


def test_a_run_that_was_deleted_since_it_was_planned_is_new_again() -> None:
    (run_id,) = keep(*plan(make_foreign()))
    planned = plan(make_foreign(state="failed"))
    delete_run(run_id)
    (kept,) = keep_runs(planned)
    assert (kept.outcome, imported()) == ("new", [kept.id])


def test_another_choice_of_figures_is_taken_over() -> None:
    run = make_foreign(series={"score": make_series([1, 2], [0.5, 0.75])})
    (planned,) = plan(run)
    (run_id,) = keep(planned)
    assert open_run(run_id).summary().best_val_accuracy is None
    (planned,) = plan_import([run], {"val/accuracy": ["score"]})
    assert (planned.outcome, keep(planned)) == ("grown", [run_id])
    assert open_run(run_id).summary().best_val_accuracy == 0.75


def test_what_is_too_long_is_counted() -> None:
    points = make_series([1], [1.0])
    foreign = make_foreign(series={"a" * 2000: points, "loss": points}, configuration={"prompt": "x" * 5000})
    run = open_run(publish_foreign(foreign, MAPPING))
    assert (run.foreign() or {})["left_out"] == {
        "texts of the configuration cut to 2,000 characters": 1,
        "series with a name of over 1,000 bytes, or beyond 10,000": 1,
    }
    assert list(run.series().series) == ["loss"]
