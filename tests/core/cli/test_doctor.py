"""`python -m core doctor` says what the page says."""

from typing import Any

import pytest
from typer.testing import CliRunner

from core.cli.app import app
from core.imports.keep import publish_foreign
from core.system import files
from tests.core.imports.foreign_runs import MAPPING, make_foreign
from tests.pages.sample_runs import make_rows, make_run
from tests.strict_json import strict

pytestmark = pytest.mark.usefixtures("lab_folders")


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["doctor", *arguments])
    assert "Traceback" not in result.output
    return result


def test_a_finding_is_told_with_its_evidence_and_what_to_try() -> None:
    ill = make_run("stopped", settings=("train.epochs=9",))
    rows = [row | {"train/loss": 9.0} if row["epoch"] == 3 else row for row in make_rows(5)]
    (ill.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    result = run(ill.id)
    assert result.exit_code == 0
    assert "The learning rate is too high" in result.stdout
    assert "Mean training loss of epoch 3 is 9.00; guessing costs 2.30." in result.stdout
    assert "Try: --set train.learning_rate=0.0003" in result.stdout
    assert "1 finding; 5 of 15 rules could look." in result.stdout

    told = strict(run(ill.id, "--json").stdout)
    assert [finding["rule"] for finding in told["findings"]] == ["rate_too_high"]
    assert told["findings"][0]["marks"] == [{"column": "train/loss", "epoch": 3}]
    assert told["could_not_look"]["dead_layers"] == "needs Layer norms, which are off"


def test_a_sound_run_is_told_so() -> None:
    assert run(make_run("stopped", settings=("train.epochs=9",)).id).stdout.startswith(
        "Nothing found; 5 of 15 rules could look."
    )


def test_a_run_of_another_tool_gets_a_sentence() -> None:
    result = run(publish_foreign(make_foreign(), MAPPING))
    assert result.exit_code == 2
    assert result.stderr.strip().endswith("has no spec of this lab.")
