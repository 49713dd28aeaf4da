"""NaN and infinity, wherever a figure can be one: files stay strict JSON, pages and studies go on."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from optuna.trial import create_trial
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from core.cli.app import app
from core.runs import metrics
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.studies import manage as studies
from core.studies.charts.plots import PLOTS
from core.studies.manage import start_workers
from core.studies.samplers import make_distribution
from core.studies.study import open_study
from core.system import files
from tests.core.study_workers import LEARNING_RATE, _work, logs_of, make_study, states_of, tiny_study, wait_for_end
from tests.core.workers import fork, tiny_spec
from tests.examined import make_examined, save_array
from tests.faults import breakage
from tests.faults.lives import live, new_run
from tests.pages.sample_runs import make_rows
from tests.pages.sample_studies import make_study as make_sample_study
from tests.strict_json import assert_strict_json, strict

VALUES = (math.nan, math.inf, -math.inf)
ROW_KEYS = [key for key in make_rows(1)[0] if key not in ("epoch", "step")]
RUN_TABS = ("Charts", "Summary", "Config", "Logs", "System", "Checkpoints")
EXAMINE_TABS = ("Classes", "Confidence", "History")
COMPARE_TABS = ("Curves", "What differs", "Is it better?", "Scatter", "Parallel", "Disagreements")

Open = Callable[..., AppTest]


def assert_strict_lines(run: Run) -> None:
    for line in (run.path / "metrics.jsonl").read_bytes().splitlines():
        strict(line)


def assert_strict_components(page: AppTest) -> None:
    """What the browser is handed is JSON that it can read, figures within it too."""
    for element in page.get("bidi_component"):
        if element.proto.json:
            data = strict(element.proto.json)
            if isinstance(data, dict) and isinstance(data.get("figure"), str):
                strict(data["figure"])


# A worker that measures nothing but NaN


@pytest.mark.promise(
    7,
    "NaN and infinity in any figure never make a file that is no JSON; the run goes on to its end.",
    how="a worker whose every figure is NaN, infinite or minus infinite",
    control="Python's own `json.dumps` writes `NaN`, which a strict reader refuses",
)
def test_a_run_whose_every_figure_is_not_finite_ends_with_strict_files(
    quick_workers: Path, record_figure: Callable[[str], None]
) -> None:
    checked = 0
    for value in VALUES:
        run = new_run(tiny_spec(epochs=2))
        assert live(run, partial(breakage.measure_only, value)) == "finished", run.log_tail()
        assert_strict_json(run.path)
        assert_strict_lines(run)
        row = run.rows()[-1]
        assert row["val/loss"] is None
        assert {"val/loss", "val/accuracy", "train/loss", "seconds"} <= set(row["not_finite"])
        assert run.end()["metrics"]["test/accuracy"] is None
        assert run.progress().get("images_per_second") is None
        summary = run.summary()
        assert (summary.state, summary.best_val_accuracy, summary.test_accuracy) == ("finished", None, None)
        checked += len(list(run.path.rglob("*.json*")))
    record_figure(f"{checked} files of {len(VALUES)} runs: all strict JSON")


def test_control_pythons_own_json_is_not_strict() -> None:
    with pytest.raises(ValueError, match="NaN"):
        strict(json.dumps({"loss": math.nan}))


# Pages


def spoil(run: Run, keys: Sequence[str], value: float, *, raw: bool) -> None:
    """Puts the value in place of these figures; `raw` as other programs write it, by the names NaN and Infinity."""
    write = (lambda row: json.dumps(row).encode() + b"\n") if raw else files.to_line
    rows = make_rows(len(run.rows()) or 4)
    path = run.path / "metrics.jsonl"
    path.write_bytes(b"".join(write({**row, **dict.fromkeys(keys, value)}) for row in rows))
    metrics.forget(path)
    end = run.end() or {}
    if len(keys) > 1:  # all figures, also those of the end and of the predictions
        end["metrics"] = dict.fromkeys(end.get("metrics") or {"test/accuracy": 0}, value)
        progress = {"epoch": 2, "phase": "train", "step": 1, "steps": 2, "loss": value, "seconds_left": value}
        (run.path / "progress.json").write_bytes(write({**progress, "images_per_second": value, "seconds": value}))
        for name in ("test_last", "test_best", "val_best"):
            logits = run.predictions(name)
            logits[::3] = value
            save_array(run, name, logits)
    (run.path / "end.json").write_bytes(write(end))


def open_all_pages(open_page: Open, runs: Sequence[Run], *, study: str = "") -> int:
    """Opens every page and tab that shows figures; how many that were."""
    ids = ",".join(run.id for run in runs)
    addresses: list[tuple[str, dict[str, str]]] = [
        ("runs", {}),
        ("runs", {"sort": "-best", "select": ids}),
        ("lab", {}),
        *[("run", {"id": runs[0].id, "tab": tab}) for tab in RUN_TABS],
        ("run", {"id": runs[0].id, "smooth": "0.6", "log": "true", "x": "minutes"}),
        *[("compare", {"ids": ids, "tab": tab}) for tab in COMPARE_TABS],
        *[("examine", {"id": runs[0].id, "tab": tab}) for tab in EXAMINE_TABS],
    ]
    if study:
        addresses += [("studies", {}), *[("studies", {"name": study, "plot": plot}) for plot in PLOTS]]
        addresses += [("studies", {"name": study, "plot": plot, "log": "true"}) for plot in ("History", "Slice")]
    for name, address in addresses:
        assert_strict_components(open_page(name, **address))
    return len(addresses)


@pytest.mark.slow
@pytest.mark.promise(
    7,
    "Every page shows a run whose figures are not finite.",
    how="each figure of an epoch alone, and all of them with the end, progress and logits, as NaN, infinity and minus "
    "infinity: every page and tab opened, each component's JSON read strictly; files as the lab writes them and with "
    "the names NaN and Infinity in them",
    control="as above",
)
def test_every_page_shows_runs_whose_figures_are_not_finite(
    lab_folders: Path, open_page: Open, full: bool, record_figure: Callable[[str], None]
) -> None:
    runs = [make_examined(name="first"), make_examined(name="second")]
    opened = 0
    every = [(ROW_KEYS, value, raw) for value in VALUES for raw in (False, True)]
    each = [([key], value, False) for key in ROW_KEYS for value in VALUES]
    for keys, value, raw in [*every, *each] if full else every[:2]:
        for run in runs:
            spoil(run, keys, value, raw=raw)
        opened += open_all_pages(open_page, runs)
        for run in runs:
            for command in (["show", run.id], ["runs"], ["compare", *(run.id for run in runs)]):
                assert CliRunner().invoke(app, command).exit_code == 0, command
    record_figure(f"{opened} pages and tabs opened, none fails")


@pytest.mark.promise(
    7,
    "A study goes on when a trial's figures are not finite, and its page shows them.",
    how="a study whose first two trials measure only NaN; a study with infinite values and NaN between: every figure "
    "of its page opened",
    control="as above",
)
def test_a_study_goes_on_and_its_page_shows_trials_that_are_not_finite(
    quick_workers: Path, monkeypatch: pytest.MonkeyPatch, open_page: Open, record_figure: Callable[[str], None]
) -> None:
    monkeypatch.setattr(studies, "start_process", start_spoilt)
    study = make_study(tiny_study(LEARNING_RATE, trials=5, workers=1), slots=1)
    start_workers("tiny")
    wait_for_end(study)
    told = states_of(study)
    assert told.get("finished", 0) >= 3, logs_of(study)
    assert study.summary().state == "finished", study.summary()
    for run in list_runs():
        assert_strict_lines(Run(quick_workers / run.id))

    spec = make_sample_study("done", 8)
    study = open_study("done")
    for value in (math.inf, -math.inf):
        study.optuna().add_trial(
            create_trial(
                values=[value],
                params=study.frozen_trials()[0].params,
                distributions={dimension.path: make_distribution(dimension) for dimension in spec.space},
                intermediate_values={1: math.nan, 2: value, 3: 0.5},
            )
        )
    for name in ("tiny", "done"):
        for plot in PLOTS:
            assert_strict_components(open_page("studies", name=name, plot=plot))
        assert_strict_components(open_page("studies", name=name, log="true"))
    finished = told["finished"]
    record_figure(
        f"{finished} of {sum(told.values())} trials finished after two of NaN; {2 * len(PLOTS)} figures shown"
    )


def start_spoilt(module: Sequence[str], log_path: Path, *_: object) -> int:
    """A worker of a study whose first two runs measure only NaN."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("RESNET_LAB_", "OMP_"))}
    return fork(_work_spoilt, list(module[1:]), log_path, kept)


def _work_spoilt(arguments: list[str], log_path: Path, environment: dict[str, str]) -> None:
    breakage.measure_only(math.nan, runs=2)
    _work(arguments, log_path, environment)
