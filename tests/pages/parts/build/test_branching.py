"""Build shapes a branch: it begins with the parent's spec, keeps what has to stay, and starts from the checkpoint."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from core.launch import launcher
from core.runs.branches import read_branch
from core.runs.listing import list_runs
from core.runs.store import open_run
from core.spec.settings import set_values
from tests.pages.build_page import choose_preset, draft_of, key_of, layer_key, problems_shown, set_number
from tests.pages.conftest import labels, press, texts
from tests.pages.sample_runs import add_checkpoint, make_run

OpenPage = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "_start_process", lambda run: 1)
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: None)


def make_parent(epoch: int = 3):
    run = make_run(name="the parent")
    add_checkpoint(run, epoch=epoch)
    return run


def test_a_branch_begins_with_its_parents_spec_and_what_has_to_stay_is_locked(open_page: OpenPage) -> None:
    run = make_parent()
    page = open_page("build", branch=f"{run.id}@3")
    assert draft_of(page).good == run.spec
    assert 'Branch of <a href="run?id=' in texts(page)
    assert "nothing yet: it is what the run itself would have been" in texts(page)
    assert page.text_input(key=layer_key(page, 0, "channels")).disabled
    assert page.text_input(key=key_of(page, "model.stem_channels")).disabled
    assert page.slider(key=key_of(page, "data.val_fraction")).disabled
    assert not page.text_input(key=key_of(page, "train.learning_rate")).disabled
    assert "seeds" not in " ".join(labels(page)).lower(), "a branch is of one seed"


def test_what_is_changed_is_named_and_starts_from_the_checkpoint(open_page: OpenPage) -> None:
    run = make_parent()
    page = open_page("build", branch=f"{run.id}@3")
    set_number(page, key_of(page, "train.learning_rate"), 0.01)
    assert "Learning rate 0.003 → 0.01" in texts(page)
    press(page, "Start")
    branch = open_run(next(summary.id for summary in list_runs() if summary.parent))
    record = read_branch(branch.path)
    assert record is not None
    assert (record["run"], record["epoch"]) == (run.id, 3)
    assert record["changes"] == {"train.learning_rate": [0.003, 0.01]}
    assert branch.spec == set_values(run.spec, {"train.learning_rate": 0.01})


def test_a_run_at_its_end_gets_more_epochs(open_page: OpenPage) -> None:
    run = make_parent(epoch=5)
    page = open_page("build", branch=f"{run.id}@5")
    assert draft_of(page).good.train.epochs == 7
    set_number(page, key_of(page, "train.epochs"), 5)
    assert "Epochs must be more than 5: the branch begins after epoch 5." in problems_shown(page)
    assert next(button for button in page.button if button.label == "Start").disabled


def test_a_link_with_changes_opens_them(open_page: OpenPage) -> None:
    run = make_parent()
    page = open_page("build", branch=f"{run.id}@3")
    set_number(page, key_of(page, "train.learning_rate"), 0.02)
    address = {key: page.query_params[key] for key in ("branch", "spec")}
    again = open_page("build", **address)
    assert draft_of(again).good.train.learning_rate == 0.02
    assert draft_of(again).fork is not None


def test_a_damaged_spec_in_a_link_leaves_the_parents(open_page: OpenPage) -> None:
    run = make_parent()
    page = open_page("build", branch=f"{run.id}@3", spec="garbage!!")
    assert draft_of(page).good == run.spec
    assert "nothing yet: it is what the run itself would have been" in texts(page)


def test_a_branch_that_is_left_or_replaced_is_an_ordinary_run(open_page: OpenPage) -> None:
    run = make_parent()
    page = open_page("build", branch=f"{run.id}@3")
    press(page, "No branch")
    assert draft_of(page).fork is None
    assert "branch" not in page.query_params
    assert draft_of(page).good == run.spec, "the form stays"
    page = open_page("build", branch=f"{run.id}@3")
    choose_preset(page, "resnet18")
    assert draft_of(page).fork is None
    assert not page.text_input(key=layer_key(page, 0, "channels")).disabled


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("20260101-000000-000-abcdef@3", "There is no run “20260101-000000-000-abcdef” to branch off from."),
        ("20260101-000000-000-abcdef@-3", "The link to a branch cannot be used. It reads branch=ID@EPOCH"),
        ("20260101-000000-000-abcdef@3:weight", "The link to a branch cannot be used. It reads branch=ID@EPOCH"),
        ("../../etc@3", "There is no run “../../etc” to branch off from."),
        ("{run}@2", "The checkpoint after epoch 2 of the parent is not kept. Kept: 3."),
    ],
)
def test_an_address_that_cannot_be_branched_off_says_why(open_page: OpenPage, address: str, sentence: str) -> None:
    run = make_parent()
    page = open_page("build", branch=address.format(run=run.id))
    assert sentence in texts(page)
    assert draft_of(page).fork is None


def test_weights_alone_may_have_other_images(open_page: OpenPage) -> None:
    run = make_parent(epoch=5)
    page = open_page("build", branch=f"{run.id}@5:weights")
    assert draft_of(page).good == run.spec, "with as many epochs as its parent"
    assert not page.slider(key=key_of(page, "data.val_fraction")).disabled
    assert page.text_input(key=key_of(page, "model.stem_channels")).disabled
    assert "It takes the weights alone" in texts(page)
    page.slider(key=key_of(page, "data.val_fraction")).set_value(0.2).run()
    assert any("must stay 0.1" in problem for problem in problems_shown(page)), "of the same images"
    page = open_page("build", branch=f"{run.id}@5:weights")
    press(page, "Start")
    branch = open_run(next(summary.id for summary in list_runs() if summary.parent))
    assert branch.summary().parent_use == "weights"
    assert branch.rows() == []


def test_what_is_taken_over_is_chosen_there(open_page: OpenPage) -> None:
    run = make_parent()
    page = open_page("build", branch=f"{run.id}@3")
    page.button_group(key=key_of(page, "branch.use")).set_value("weights").run()
    assert not page.exception
    assert draft_of(page).fork.use == "weights"
    assert page.query_params["branch"] == f"{run.id}@3:weights"
