"""The doctor on Run: loud where something was found, one quiet line where nothing was."""

import json

import pytest

from core.imports.keep import publish_foreign
from core.runs.folder import Run
from core.spec.link import from_link
from core.system import files
from tests.core.compare.drawn import unpack
from tests.core.imports.foreign_runs import MAPPING, make_foreign
from tests.pages.conftest import component_data, labels, press, texts
from tests.pages.sample_runs import make_rows, make_run
from tests.specs import change

HALF_WAY = ("train.epochs=9",)


def make_ill() -> Run:
    """Its training loss jumps above guessing in epoch 3."""
    run = make_run("stopped", settings=HALF_WAY)
    rows = [row | {"train/loss": 9.0} if row["epoch"] == 3 else row for row in make_rows(5)]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    return run


def test_a_finding_is_above_the_curves_with_a_mark_on_them(open_page) -> None:
    page = open_page("run", id=make_ill().id)
    assert [each.label for each in page.expander] == ["Doctor: The learning rate is too high"]
    assert "The learning rate is too high.</b> Mean training loss of epoch 3 is 9.00" in texts(page)
    loss, accuracy, *_ = (json.loads(chart["figure"]) for chart in component_data(page, "resnet_lab_chart"))
    (mark,) = [trace for trace in loss["data"] if trace["uid"].endswith("-marks")]
    assert (unpack(mark["x"]).tolist(), unpack(mark["y"]).tolist()) == ([3.0], [9.0])
    assert mark["text"] == ["The learning rate is too high"]
    assert not [trace for trace in accuracy["data"] if trace["uid"].endswith("-marks")]


def test_clone_with_a_fix_opens_build_with_that_change(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    switched: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: switched.append((page, query_params)))
    run = make_ill()
    press(open_page("run", id=run.id), "Clone with learning rate 0.0003")
    ((page, params),) = switched
    assert page == "build.py"
    assert from_link(params["spec"]) == change(run.spec, "train.learning_rate=0.0003")


def test_nothing_found_is_one_quiet_line_that_tells_who_looked(open_page) -> None:
    page = open_page("run", id=make_run("stopped", settings=HALF_WAY).id)
    assert [each.label for each in page.expander] == ["Doctor: Nothing found; 5 of 15 rules could look."]
    assert "Layers are dead: needs Layer norms, which are off" in texts(page)
    assert not [label for label in labels(page) if label.startswith("Clone with")]


def test_a_run_of_another_tool_has_no_doctor(open_page) -> None:
    page = open_page("run", id=publish_foreign(make_foreign(), MAPPING))
    assert not page.expander
