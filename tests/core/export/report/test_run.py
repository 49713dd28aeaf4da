"""The report of one run has its curves and confusions, or says why not."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from core.stats.scores import confusion
from tests.core.export.report.reading import read
from tests.examined import make_examined, save_array
from tests.pages.sample_runs import add_checkpoint, make_run
from tests.reports import read_numbers


def test_curves_hold_every_epoch_of_the_run() -> None:
    run = make_examined()
    lines = {line["meta"]["series"]: line for line in read(run).figures["Accuracy"]["data"] if line.get("meta")}
    rows = run.rows()
    for series in ("train/accuracy", "val/accuracy"):
        assert read_numbers(lines[series]["x"]) == [row["epoch"] for row in rows]
        assert read_numbers(lines[series]["y"]) == pytest.approx([row[series] for row in rows])


def test_the_matrix_counts_the_stored_predictions_of_the_best_weights_on_test() -> None:
    run = make_examined()
    labels, logits = run.predictions("test_labels"), run.predictions("test_best")
    counts = confusion(labels, logits.argmax(1), 10)
    report = read(run)
    cells = report.figures["Confusion matrix"]["data"][0]
    assert read_numbers(cells["customdata"])[::2] == counts.ravel().tolist()  # images, images of the class
    depth = np.reshape(read_numbers(cells["z"]), (10, 10))
    assert (np.isnan(depth) == (counts == 0)).all()
    assert ((depth > 0) == (np.eye(10, dtype=bool) & (counts > 0))).all()  # right ones above zero, mistakes below
    accuracy = counts.trace() / counts.sum()
    assert f"{accuracy:.2%}".replace("%", " %") in report.text
    assert report.row("kind 3")[2] == f"{100 * counts[3, 3] / counts[3].sum():.1f} %"  # recall


def test_means_are_over_the_classes_that_have_images() -> None:
    run = make_examined()
    labels, logits = run.predictions("test_labels"), run.predictions("test_best")
    labels[labels == 3] = 4
    save_array(run, "test_labels", labels)
    reference = precision_recall_fscore_support(
        labels, logits.argmax(1), labels=np.unique(labels), average="macro", zero_division=0
    )
    precision, recall, f1 = (f"{share:.1%}".replace("%", " %") for share in reference[:3])
    text = read(run).text
    assert f"Means over classes: precision {precision}, recall {recall}, F1 {f1}." in text
    assert "Left out, because without images: kind 3." in text


def test_a_run_without_predictions_says_so_and_shows_the_rest() -> None:
    report = read(make_examined("stopped", name="short"))
    assert "This run has no checkpoint and no predictions" in report.text
    assert "Loss" in report.figures
    assert "Confusion matrix" not in report.figures


def test_damaged_predictions_leave_the_rest_of_the_report() -> None:
    run = make_examined()
    (run.path / "predictions" / "test_best.npy").write_bytes(b"torn")
    report = read(run)
    assert report.figures["Confusion matrix"]  # of the validation images, which are whole
    for name in ("val_best", "test_last"):
        (run.path / "predictions" / f"{name}.npy").write_bytes(b"torn")
    add_checkpoint(run)
    report = read(run)
    assert "val_best.npy are damaged" in report.text
    assert "Accuracy" in report.figures


def test_a_run_that_has_not_begun_has_a_report() -> None:
    run = make_run("interrupted", epochs_done=0)
    (run.path / "environment.json").unlink()
    report = read(run)
    assert "The curves begin with the first epoch." in report.text
    assert "Written when the worker starts." in report.text


def test_an_odd_line_of_metrics_costs_its_values_and_no_more() -> None:
    run = make_run(name="odd")
    with open(run.path / "metrics.jsonl", "ab") as file:
        file.write(b'{"epoch": 6, "val/loss": null, "not_finite": ["val/loss"]}\n{"step": 3}\n')
    lines = {line["meta"]["series"]: line for line in read(run).figures["Loss"]["data"] if line.get("meta")}
    assert read_numbers(lines["val/loss"]["x"]) == [1, 2, 3, 4, 5, 6]
