"""Reports as one HTML file: complete, small enough, the same each time, and deaf to what people write into names."""

import base64
import hashlib
import re
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.made_runs import make_runs
from core.compare.snapshot import look_at
from core.compare.units import make_units
from core.compare.verdicts import judge_all
from core.export.report.make import make_report
from core.runs.folder import Run
from core.runs.records import DamagedRunError, RunNotFoundError
from core.runs.store import open_run
from core.stats.scores import confusion
from core.system import files
from tests.compared_runs import make_compared, right
from tests.examined import make_examined
from tests.pages.sample_runs import add_checkpoint, make_run
from tests.reports import ReadReport, read_numbers

MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "<!--<script>",
    "[link](javascript:hacked()) **bold** # head",
    "{{ 7 * 7 }} {% raw %} %{y} ${x}",
    "\"' onmouseover=hacked() x='",
    "]]> &lt;b&gt; &amp; \\u003cscript\\u003e",
)


def read(*runs: Run) -> ReadReport:
    return ReadReport(make_report([run.id for run in runs], moment=MOMENT))


# What stands in it ----------------------------------------------------------------------------------------------------


def test_the_report_of_a_run_holds_all_that_its_pages_show() -> None:
    run = make_examined(name="A network", tags=("first", "narrow"))
    run.update_about(note="What I saw:\nit learns.")
    report = read(run)
    for word in ("A network", "Finished", "first", "narrow", "What I saw:\nit learns.", run.id, "seed 0"):
        assert word in report.text
    assert report.row("Test accuracy, last weights")[1].startswith("80.00 %")
    assert report.row("Test accuracy, best-on-validation weights")[1].startswith("82.00 %")
    assert report.row("Best validation accuracy")[1].startswith("90.00 %")
    assert report.row("Learning rate") == ["Learning rate", "0.003", "0.001"]  # this run, by default
    assert report.row("Layer 2")[5:8] == ["32", "16 × 16", "14,656"]
    assert report.row("Device name") == ["Device name", "A CPU"]
    titles = ["Loss", "Accuracy", "Learning rate", "Images per second", "Device use", "Memory", "Confusion matrix"]
    assert list(report.figures) == [*titles, "Reliability", "Learnt and forgotten"]


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


def test_a_comparison_holds_means_over_seeds_and_the_verdict_in_words() -> None:
    wide = [make_compared(right(850 + s, 1000, s), seed=s, name=f"wide seed {s}") for s in range(3)]
    narrow_spec = ("model.stem_channels=8",)
    narrow = [make_compared(right(700 + s, 1000, s), seed=s, name=f"narrow {s}", settings=narrow_spec) for s in (0, 1)]
    report = read(*wide, *narrow)
    units = make_units(look_at([run.id for run in (*wide, *narrow)]).runs, fold=True)
    sentence = judge_all(units, "last")[0].sentence
    assert "wide is better by" in sentence
    assert sentence in report.text
    cells = report.row("wide")
    assert cells[3] == "85.10 % ± 0.10"
    assert "3 seeds" in cells[0]
    assert "baseline" in cells[0]
    assert report.row("Stem channels") == ["Stem channels", "16", "8"]
    assert {"Accuracy", "Loss", "Test acc., last weights by parameters"} <= set(report.figures)
    for run in (*wide, *narrow):
        assert run.about.name in report.text


def test_ten_runs_of_500_epochs_take_at_most_6_mb_and_keep_every_epoch() -> None:
    ids = make_runs(10, epochs=500)
    content = make_report(ids, fold=False)
    assert len(content) <= 6_000_000
    lines = [line for line in ReadReport(content).figures["Accuracy"]["data"] if line["meta"].get("series")]
    assert len(lines) == 20  # training and validation of each
    assert {len(read_numbers(line["y"])) for line in lines} == {500}


def test_the_same_runs_give_the_same_bytes_but_for_the_date() -> None:
    ids = [make_compared(right(90, 100), name="a").id, make_examined(name="b").id]
    for chosen in (ids, ids[1:]):
        first = make_report(chosen, moment=MOMENT)
        assert make_report(chosen, moment=MOMENT) == first
        later = make_report(chosen, moment=MOMENT.replace(year=2027))
        assert later.replace(b"2027-03-01 12:30", b"2026-03-01 12:30") == first


# Alone and safe -------------------------------------------------------------------------------------------------------


def test_it_names_nothing_outside_itself_and_forbids_all_but_its_own_scripts() -> None:
    report = read(make_examined())
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & set(report.elements)
    assert not [attribute for attribute in report.attributes if attribute[1] in ("src", "href", "srcset", "action")]
    assert not [value for _, name, value in report.attributes if name.startswith("on")]
    assert not re.search(r"@import|url\(", "".join(report.styles))
    policy = next(value for tag, name, value in report.attributes if tag == "meta" and "default-src" in value)
    assert policy.startswith("default-src 'none';")
    assert "connect-src" not in policy
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    own = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in report.scripts]
    assert allowed == own
    assert "unsafe" not in policy.split("script-src")[1].split(";")[0]


def element_counts(report: ReadReport) -> dict[str, int]:
    return {tag: report.elements.count(tag) for tag in set(report.elements)}


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_write_is_shown_as_they_wrote_it(text: str) -> None:
    harmless = element_counts(read(make_examined(name="n", tags=("t",))))
    run = make_examined(name=text, tags=("t",))
    run.update_about(tags=(text[:60],))
    names = [f"{text} {number}" for number in range(10)]
    files.write_json(run.path / "environment.json", run.environment() | {"class_names": names})
    report = read(run)
    assert element_counts(report) == harmless
    assert report.text.count(text) >= 3  # heading, title and every class
    run.update_about(note=text)
    report = read(run, make_run(name=text))
    assert len(report.scripts) == 2
    assert text in report.text


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1, max_size=200))
def test_no_text_breaks_the_file(text: str) -> None:
    run = make_run(name=text.strip() or "x")
    run.update_about(note=text)
    report = read(run)
    assert len(report.scripts) == 2
    assert report.open == []


def test_text_cannot_turn_the_words_beside_it_around() -> None:
    run = make_examined(name="safe \u202egnp.exe\u2066 \x1b[31m\x00")
    other = make_run(name="\u202bright to left\u202c", settings=("train.epochs=6",))
    for report in (make_report([run.id]), make_report([run.id, other.id])):
        text = report.decode().split("</style>")[1].split("/**")[0]  # before plotly.js
        assert not re.search(r"[\u202a-\u202e\u2066-\u2069\x00\x1b]", text)
        assert not re.search(r"\\u20(2[a-e]|6[6-9])", text, re.IGNORECASE)
        assert "gnp.exe" in text


# What is not there ----------------------------------------------------------------------------------------------------


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


def test_missing_and_damaged_runs_get_a_sentence_and_the_rest_stays() -> None:
    whole, damaged = make_examined(name="whole"), make_run(name="broken")
    (damaged.path / "spec.json").write_text("{")
    report = ReadReport(make_report([whole.id, damaged.id, "20200101-000000-000-000000"]))
    assert f"The run {damaged.id} is left out, because it cannot be read" in report.text
    assert "There is no run 20200101-000000-000-000000" in report.text
    assert "whole" in report.text
    assert "Confusion matrix" in report.figures


def test_nothing_to_tell_of_is_an_error_in_words() -> None:
    with pytest.raises(RunNotFoundError, match="no run"):
        make_report(["20200101-000000-000-000000"])
    damaged = make_run(name="broken")
    (damaged.path / "spec.json").write_text("{")
    with pytest.raises(DamagedRunError, match=r"spec\.json"):
        make_report([damaged.id])
    with pytest.raises(DamagedRunError, match="Name at least one run"):
        make_report([])


def test_other_data_and_no_predictions_are_said_in_their_place() -> None:
    digits = make_compared(right(90, 100), name="digits")
    bare = make_run("stopped", name="bare", settings=("train.epochs=6",))
    other = make_run(name="cifar", settings=("data.dataset=cifar10", "train.epochs=5"))
    report = read(digits, bare, other)
    assert "another data set than the baseline" in report.text
    assert "bare has no test result yet." in report.text
    assert open_run(other.id).about.name in report.text
