"""`python -m core forecast` says what the pages say, and stops what it says will hardly be the best."""

from typing import Any

import pytest
from typer.testing import CliRunner

from core.cli.app import app
from core.imports.keep import publish_foreign
from tests.core.forecast.test_stopping import make_half
from tests.core.imports.foreign_runs import MAPPING, make_foreign
from tests.pages.sample_runs import make_run, training
from tests.strict_json import strict

pytestmark = pytest.mark.usefixtures("lab_folders")


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["forecast", *arguments])
    assert "Traceback" not in result.output
    return result


def test_each_end_is_told_and_what_will_hardly_be_the_best_is_stopped_when_asked() -> None:
    good, bad, over = make_half(0.9, name="good"), make_half(0.2, name="bad"), make_run(name="over")
    with training(good), training(bad):
        result = run(good.id, bad.id, over.id)
        assert result.exit_code == 0
        lines = result.stdout.splitlines()
        assert lines[0].startswith("good: Forecast for epoch 30, 80 %: validation accuracy between")
        assert lines[2] == "over: finished: there is nothing to tell."
        assert lines[3].startswith("bad will hardly be the best of these 3. Stopping now saves about 1 min 15 s")
        assert not bad.stop_requested
        told = strict(run(good.id, bad.id, over.id, "--json").stdout)
        assert told["stop"][0]["stop"] == [bad.id]
        assert told["forecasts"][over.id] is None
        assert f"{bad.id} asked to stop." in run(good.id, bad.id, "--stop").stderr
        assert bad.stop_requested
        assert not good.stop_requested


def test_a_run_of_another_tool_gets_a_sentence() -> None:
    result = run(publish_foreign(make_foreign(), MAPPING))
    assert result.exit_code == 2
    assert result.stderr.strip().endswith("has no spec of this lab.")
