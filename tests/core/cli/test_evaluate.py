"""The command shows the stored figures of a run, or says why it cannot."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from core.cli.app import app
from tests.examined import TEST, VAL, make_examined, make_logits, make_unvalidated, save_array

pytestmark = pytest.mark.usefixtures("lab_folders")


def test_evaluate_shows_the_figures_that_the_run_stored() -> None:
    run = make_examined()
    result = CliRunner().invoke(app, ["evaluate", run.id, "--json"])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["validation"]["source"] == "stored"
    assert found["validation"]["images"] == VAL
    assert found["test"]["accuracy"] == float((make_logits(TEST, 2)[0].argmax(1) == make_logits(TEST, 2)[1]).mean())
    shown = CliRunner().invoke(app, ["evaluate", run.id])
    assert "kind 3" in shown.stdout


def test_means_are_over_the_same_classes_and_those_without_images_are_named() -> None:
    run = make_examined()
    labels = make_logits(VAL, 0)[1]
    save_array(run, "val_labels", np.where(labels == 3, 4, labels))
    found = json.loads(CliRunner().invoke(app, ["evaluate", run.id, "--json"]).stdout)["validation"]
    kept = [index for index, images in enumerate(found["support"]) if images]
    assert found["means"]["recall"] == pytest.approx(np.mean([found["recall"][index] for index in kept]))
    assert found["means"]["precision"] == pytest.approx(np.mean([found["precision"][index] or 0 for index in kept]))
    shown = CliRunner().invoke(app, ["evaluate", run.id]).stdout
    assert "Without validation images, and so no part of the means: kind 3." in shown
    assert "mean F1" in shown


def test_of_a_run_that_held_no_images_out_the_test_figures_of_the_last_weights_are_shown() -> None:
    run = make_unvalidated()
    found = json.loads(CliRunner().invoke(app, ["evaluate", run.id, "--json"]).stdout)
    assert (found["checkpoint"], found["validation"], found["temperature"]) == ("last", None, None)
    assert found["test"]["images"] == TEST
    shown = CliRunner().invoke(app, ["evaluate", run.id])
    assert shown.exit_code == 0
    assert "class, on test" in shown.stdout
    assert "temperature" not in shown.stdout
    (run.path / "predictions" / "test_last.npy").unlink()
    (run.path / "checkpoints").mkdir()
    assert CliRunner().invoke(app, ["evaluate", run.id]).exit_code == 2


def test_evaluate_of_a_run_without_weights_is_a_sentence() -> None:
    result = CliRunner().invoke(app, ["evaluate", make_examined("stopped").id])
    assert result.exit_code == 2
    assert "no epoch of it has ended" in result.stderr
