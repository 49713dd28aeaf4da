"""`robustness` measures once, prints what it comes to, and says what it cannot do."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from core.examine import other_set, robustness
from tests.examined import make_examined
from tests.measured import answer, make_measurable
from tests.strict_json import strict

Core = Callable[..., Result]


@pytest.fixture(autouse=True)
def helper(lab_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (robustness, other_set):
        monkeypatch.setattr(module, "call", answer)


def test_one_run_is_told_by_corruption_and_strength(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_measurable()
    shown = core("robustness", run.id)
    assert shown.exit_code == 0
    (noise,) = [line for line in shown.stdout.splitlines() if line.startswith("Noise")]
    shares = [100, 90, 80, 70, 60, 50, 70]
    assert noise.split()[1:] == [word for share in shares for word in (f"{share}.00", "%")]
    assert "Strengths 1 to 5: noise 0.02" in shown.stderr
    monkeypatch.setattr(robustness, "call", None)  # what is kept is not measured again
    assert core("robustness", run.id).stdout == shown.stdout


def test_several_runs_stand_side_by_side_and_programs_get_json(core: Core) -> None:
    runs = [make_measurable(name="first"), make_measurable(name="second")]
    shown = core("robustness", *(run.id for run in runs)).stdout
    assert "mean of all" in shown
    assert "first" in shown
    assert "second" in shown
    found = strict(core("robustness", runs[0].id, "--json").stdout)
    assert found[0]["accuracy"] == 1
    assert found[0]["corruptions"]["blur"] == [0.9, 0.8, 0.7, 0.6, 0.5]


def test_another_seed_is_measured_again(core: Core) -> None:
    run = make_measurable()
    assert strict(core("robustness", run.id, "--json").stdout)[0]["seed"] == 0
    assert strict(core("robustness", run.id, "--json", "--seed", "4").stdout)[0]["seed"] == 4


def test_bad_input_is_one_sentence(core: Core) -> None:
    result = core("robustness", make_examined("interrupted").id)
    assert (result.exit_code, "no epoch of it has ended" in result.stderr) == (2, True)
    result = core("robustness", "nobody")
    assert (result.exit_code, "There is no run 'nobody'" in result.stderr) == (2, True)


def test_evaluate_measures_another_set(core: Core) -> None:
    run = make_measurable()
    result = core("evaluate", run.id, "--on", "cifar10")
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("accuracy")]
    assert line.endswith("66.67 %")
    assert "class, on cifar10" in result.stdout
    assert strict(core("evaluate", run.id, "--on", "cifar10", "--json").stdout)["other"]["images"] == 30
    own = core("evaluate", run.id, "--on", "digits")
    assert (own.exit_code, "trained on" in own.stderr) == (2, True)
    assert "neither a set nor a folder" in core("evaluate", run.id, "--on", "nowhere").stderr
