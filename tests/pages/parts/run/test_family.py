"""The tree on a run's page, and the curves of a family in one chart."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from core.charts.palette import pick_ink
from core.runs.listing import list_known
from tests.branched import make_branch, mark_branch
from tests.pages.conftest import component_data, texts
from tests.pages.runs_page import names, table
from tests.pages.sample_runs import make_run

OpenPage = Callable[..., AppTest]


def drawn_names(page: AppTest) -> set[str]:
    """Of all lines of the first chart."""
    figure = json.loads(component_data(page, "resnet_lab_chart")[0]["figure"])
    return {trace.get("name", "") for trace in figure["data"]}


def test_parent_and_branches_are_linked_with_what_was_changed(open_page: OpenPage) -> None:
    root = make_run(name="root <i>")
    branch = make_branch(root, 3, name="other rate")
    text = texts(open_page("run", id=root.id))
    assert f'<a href="run?id={branch.id}" target="_self">other rate</a>' in text
    assert "after epoch 3: Learning rate 0.003 → 0.01" in text
    text = texts(open_page("run", id=branch.id))
    assert f'<a href="run?id={root.id}" target="_self">root &lt;i&gt;</a>' in text
    assert "<b>other rate</b>" in text


def test_a_run_without_a_family_has_no_tree(open_page: OpenPage) -> None:
    page = open_page("run", id=make_run().id)
    assert 'class="run-family"' not in texts(page)
    assert "Branches" not in [toggle.label for toggle in page.toggle]


def test_a_parent_that_was_deleted_keeps_its_name(open_page: OpenPage) -> None:
    root = make_run(name="root")
    branch = make_branch(root, 3)
    shutil.rmtree(root.path)
    list_known()  # or the tree may be that of two seconds ago
    assert "root (not here any more)" in texts(open_page("run", id=branch.id))


def test_the_curves_of_a_family_are_in_one_chart_until_they_are_switched_off(open_page: OpenPage) -> None:
    root = make_run(name="root")
    branch = make_branch(root, 3)
    page = open_page("run", id=branch.id)
    drawn = drawn_names(page)
    assert {"root", "branch", "fork at epoch 3"} <= drawn
    next(toggle for toggle in page.toggle if toggle.label == "Branches").set_value(False).run()
    drawn = drawn_names(page)
    assert "root" not in drawn


def test_the_dots_of_the_tree_are_the_colours_of_the_lines_and_the_shown_run_keeps_its_own(
    open_page: OpenPage,
) -> None:
    root = make_run(name="root")
    while pick_ink((other := make_run()).id) != pick_ink(root.id):
        shutil.rmtree(other.path)
    branch = mark_branch(other, root, 3)
    page = open_page("run", id=branch.id)
    figure = json.loads(component_data(page, "resnet_lab_chart")[0]["figure"])
    lines = {trace["legendgroup"]: trace["line"]["color"] for trace in figure["data"] if "line" in trace}
    tree = re.search(r'<div class="run-family".*?</div>', texts(page), re.DOTALL)
    assert tree
    for run in (root, branch):
        assert f"light-dark({lines[run.id]}," in tree[0]
    assert lines[branch.id] == pick_ink(branch.id).light != lines[root.id]


def test_the_fan_of_a_branch_is_drawn_where_its_family_is(open_page: OpenPage) -> None:
    root = make_run(name="root")
    branch = make_branch(root, 3, state="stopped", settings=("train.epochs=12",))
    page = open_page("run", id=branch.id)
    loss = json.loads(component_data(page, "resnet_lab_chart")[0]["figure"])
    fans = [trace for trace in loss["data"] if trace["uid"].endswith("-fan")]
    assert [(fan["legendgroup"], fan["x"]) for fan in fans] == [(branch.id, [5, 12, 12, 5])]
    assert "Forecast for epoch 12, 80 %" in texts(page)
    assert "Forecast for epoch" not in texts(open_page("run", id=root.id))


def test_runs_shows_branches_below_their_parents_until_that_is_switched_off(open_page: OpenPage) -> None:
    root = make_run(name="root")
    make_branch(root, 3, name="branch")
    make_run(name="later")
    page = open_page("runs")
    assert names(page) == ["later", "root", "branch"]
    assert [row["depth"] for row in table(page)["rows"]] == [0, 0, 1]
    assert table(page)["rows"][2]["branch"] == "root after epoch 3"
    assert "parent" in [column["name"] for column in table(page)["columns"]]
    page.toggle(key="tree").set_value(False).run()
    assert names(page) == ["later", "branch", "root"]


def test_without_branches_there_is_no_column_of_them(open_page: OpenPage) -> None:
    make_run()
    page = open_page("runs")
    assert "parent" not in [column["name"] for column in table(page)["columns"]]
