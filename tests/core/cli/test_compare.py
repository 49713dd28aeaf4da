"""`python -m core compare` says what the page says."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from core.cli.app import app
from tests.compared_runs import make_compared, right
from tests.pages.sample_runs import make_run
from tests.strict_json import strict

pytestmark = pytest.mark.usefixtures("lab_folders")


@pytest.fixture
def compare() -> Callable[..., Any]:
    def run(*arguments: str) -> Any:
        result = CliRunner().invoke(app, ["compare", *arguments])
        assert "Traceback" not in result.output
        return result

    return run


def test_the_command_prints_figures_differences_and_the_verdict(compare: Callable[..., Any]) -> None:
    a, b = make_compared(right(150, 200, 1), name="A"), make_compared(right(120, 200, 2), settings=["train.epochs=4"])
    result = compare(a.id, b.id)
    assert result.exit_code == 0
    assert re.search(r"train\.epochs +5 +4", result.stdout)
    assert "A is better by 15.0 points" in result.stdout
    assert "75.00 %" in result.stdout


def test_what_cannot_be_compared_is_told_once_for_all_and_empty_columns_are_left_out(
    compare: Callable[..., Any],
) -> None:
    runs = [
        make_run("stopped", name=name, settings=(f"train.epochs={n}",)) for n, name in ((6, "a"), (7, "b"), (8, "c"))
    ]
    shown = compare(*(run.id for run in runs)).stdout
    assert shown.count("Cannot be compared: b, c\n  a has no test result yet.") == 1
    assert "val. accuracy" in shown
    assert "test acc" not in shown.partition("what differs")[0]


def test_the_json_is_strict_and_holds_the_comparison(compare: Callable[..., Any]) -> None:
    a = [make_compared(right(150 + seed, 200), seed=seed, name=f"a seed {seed}") for seed in range(2)]
    b = make_run("stopped", epochs_done=0, settings=("train.epochs=4",), name="b")

    told = strict(compare(*(run.id for run in a), b.id, "--json").stdout)
    assert [unit["name"] for unit in told["units"]] == ["a", "b"]
    assert told["units"][0]["figures"]["test/accuracy"]["n"] == 2
    assert told["units"][1]["figures"]["val/accuracy"] is None
    assert told["differs"] == {"train.epochs": [5, 4]}
    assert told["verdicts"][0]["comparison"] is None


def test_an_ensemble_is_a_row_with_a_verdict_against_each_member(compare: Callable[..., Any]) -> None:
    runs = [make_compared(right(150, 200, seed), seed=seed, name=f"net seed {seed}") for seed in range(3)]
    ids = [run.id for run in runs]
    shown = compare(*ids, "--no-fold", "--ensemble")
    assert shown.exit_code == 0
    assert "The ensemble against net seed 2" in shown.stdout
    assert "parameters in sum: within the budget of 5,000,000." in shown.stdout
    told = strict(compare(*ids, "--ensemble", "--json").stdout)
    assert [unit["name"] for unit in told["units"]] == ["net", "Ensemble of 3 runs"]
    assert told["ensemble"]["members"] == ids
    figures = told["units"][1]["figures"]
    assert figures["test/accuracy"]["mean"] == told["ensemble"]["rows"][0]["accuracy"]["value"]
    assert figures["parameters"]["mean"] == told["ensemble"]["parameters"]
    assert strict(compare(*ids, "--json").stdout)["ensemble"] is None


def test_an_ensemble_of_runs_without_predictions_is_a_sentence(compare: Callable[..., Any]) -> None:
    result = compare(make_run().id, make_run().id, "--ensemble")
    assert (result.exit_code, "needs two runs with test predictions" in result.stderr) == (2, True)


def test_the_command_needs_two_runs_that_exist(compare: Callable[..., Any]) -> None:
    run = make_run()
    for arguments in ([run.id], [run.id, run.id], [run.id, "nope"]):
        result = compare(*arguments)
        assert result.exit_code == 2
        assert result.stderr.strip().endswith(".")


def test_seeds_of_one_spec_are_shown_one_by_one_on_request(compare: Callable[..., Any]) -> None:
    runs = [make_compared(right(150, 200, seed), seed=seed, name=f"a seed {seed}") for seed in range(2)]
    folded, apart = compare(*(run.id for run in runs)), compare(*(run.id for run in runs), "--no-fold")
    assert "only in their seed" in folded.stdout
    assert "McNemar" in apart.stdout
