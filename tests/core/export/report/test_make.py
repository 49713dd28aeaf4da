"""Reports as one HTML file: complete, small enough, the same each time, and deaf to what people write into names."""

import base64
import hashlib
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.made_runs import make_runs
from core.export.report.make import make_report
from core.runs.records import DamagedRunError, RunNotFoundError
from core.system import files
from tests.compared_runs import make_compared, right
from tests.core.export.report.reading import MOMENT, read
from tests.examined import make_examined
from tests.pages.sample_runs import make_run
from tests.reports import ReadReport, read_numbers

HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "<!--<script>",
    "[link](javascript:hacked()) **bold** # head",
    "{{ 7 * 7 }} {% raw %} %{y} ${x}",
    "\"' onmouseover=hacked() x='",
    "]]> &lt;b&gt; &amp; \\u003cscript\\u003e",
)


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
