"""Scripts written for Trackio or Weights & Biases run with one import changed, and their figures are the same."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import core.log as lab
from core.log.logger import LogError
from core.log.values import flatten
from core.system.folders import PROJECT
from tests.core.log.scripts import all_runs, only_run, points_of, run_script, start_script

HERE = Path(__file__).parent
pytestmark = pytest.mark.usefixtures("runs")
NUMBERS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


# As Trackio


def test_a_script_of_trackio_logs_the_same_steps_and_values() -> None:
    """`trackio.json` is what trackio 0.43.0 stored of this very script."""
    script = (HERE / "a_script.py").read_text()
    assert script.count("import trackio") == 1
    exec(compile(script.replace("import trackio", "import core.log as trackio"), "a_script.py", "exec"), {})
    stored = json.loads((HERE / "trackio.json").read_text())["runs"]
    runs = all_runs()
    assert [run.about.name for run in runs] == [run["name"] for run in stored]
    for run, theirs in zip(runs, stored, strict=True):
        expected: dict[str, list[tuple[int, float]]] = {}
        for step, metrics in theirs["rows"]:
            for name, value in flatten(metrics):
                number = NUMBERS.get(value, value)
                if not isinstance(number, str):
                    expected.setdefault(name, []).append((step, float(number)))
        found = points_of(run)
        assert found.keys() == expected.keys()
        for name, points in expected.items():
            np.testing.assert_array_equal(found[name], points, err_msg=name)
        assert run.state() == "finished"


def test_what_is_no_number_is_counted_and_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    lab.init(project="p", name="n")
    for _ in range(3):
        table = lab.Table(columns=["a"])
        table.add_data(1)
        lab.log({"loss": 1.0, "image": lab.Image([[0]]), "table": table, "words": "x", "many": np.zeros(3), "no": None})
    lab.watch(object(), log="all")
    lab.define_metric("loss", summary="min")
    lab.finish()
    left_out = (only_run().foreign() or {})["left_out"]
    assert left_out == {"Image (media)": 3, "Table (media)": 3, "texts": 3, "arrays": 3, "empty values": 3}
    said = capsys.readouterr().err
    assert said.count("'image' is left out: only numbers are kept (Image (media)).") == 1
    assert "watch() does nothing here." in said
    assert set(points_of(only_run())) == {"loss"}


def test_configuration_tags_notes_and_summary_are_kept() -> None:
    run = lab.init(project="p", name="n", config={"lr": 0.1, "model": {"depth": 3}}, tags=["a"], notes="why", group="g")
    lab.config.update({"epochs": 2}, allow_val_change=True)
    lab.config["seed"] = 7
    lab.config.optimizer = "SGD"
    assert (lab.config.lr, lab.config.model["depth"], lab.run) == (0.1, 3, run)
    lab.log({"val/accuracy": 0.5})
    assert lab.summary["val/accuracy"] == 0.5
    lab.summary["best"] = 0.75
    lab.finish()
    record = only_run().foreign() or {}
    assert record["configuration"] == {"lr": 0.1, "model.depth": 3, "epochs": 2, "seed": 7, "optimizer": "SGD"}
    assert record["results"] == {"best": 0.75}
    about = only_run().about
    assert (about.name, about.tags, about.note) == ("n", ("p", "g", "a"), "why")
    summary = only_run().summary()
    assert (summary.best_val_accuracy, summary.learning_rate, summary.tool) == (0.5, 0.1, "a script")
    assert lab.run is None


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: lab.log([1]), r"log\(\) takes a dict of names and numbers, not list"),
        (lambda: lab.log({"a": 1}, step=0.5), r"step must be a whole number, not 0\.5"),
        (lambda: lab.log({"a": 1}, step="x"), "step must be a whole number, not x"),
        (lambda: lab.init(project="p", resume="sometimes"), "resume must be never, allow or must"),
        (lambda: lab.init(project="p", name="nobody", resume="must"), "There is no run nobody in the project p"),
    ],
)
def test_what_cannot_be_kept_is_a_sentence(call: Any, sentence: str) -> None:
    lab.init(project="p")
    with pytest.raises(LogError, match=sentence):
        call()
    lab.finish()


def test_a_name_that_is_not_there_says_where_the_list_is() -> None:
    with pytest.raises(AttributeError, match=r"docs/LOGGING\.md lists what it has"):
        _ = lab.sweep
    listed = (PROJECT / "docs" / "LOGGING.md").read_text()
    for name in (*lab.IGNORED, *lab.MEDIA):
        assert f"`{name}`" in listed, name


# How a script ends


@pytest.mark.parametrize(
    ("end", "state", "reason"),
    [
        ("pass", "finished", ""),
        ("sys.exit(0)", "finished", ""),
        ("sys.exit(3)", "failed", "The script ended with exit status 3."),
        ("raise ValueError('too hot')", "failed", "ValueError: too hot."),
        ("raise KeyboardInterrupt", "stopped", "The script was interrupted."),
        ("lab.finish(exit_code=2)", "failed", "The script said that it failed (exit code 2)."),
    ],
)
def test_the_run_ends_as_its_script_does(end: str, state: str, reason: str) -> None:
    run_script(f"import sys, core.log as lab\nlab.init(project='p')\nlab.log({{'a': 1}})\n{end}")
    assert points_of(only_run()) == {"a": [(0, 1.0)]}
    assert (only_run().state(), (only_run().end() or {}).get("reason")) == (state, reason)


def test_processes_that_log_at_once_have_a_run_each() -> None:
    text = "import sys, core.log as lab\nwith lab.init(project='p') as run:\n    run.log({'a': 1})"
    scripts = [start_script(text) for _ in range(3)]
    for script in scripts:
        script.communicate(timeout=60)
    assert [points_of(run) for run in all_runs()] == [{"a": [(0, 1.0)]}] * 3


def test_importing_it_loads_next_to_nothing_and_a_run_no_torch_and_no_streamlit() -> None:
    code = (
        "import sys, json, core.log as lab; few = [m for m in ('numpy', 'pydantic') if m in sys.modules]\n"
        "lab.init(project='p'); lab.log({'a': 1}); lab.finish()\n"
        "print(json.dumps([few, [m for m in ('torch', 'streamlit', 'pandas', 'plotly') if m in sys.modules]]))"
    )
    assert json.loads(run_script(code).stdout) == [[], []]
