"""The Data page shows any set, also where one comes from an image of a run."""

import json
from pathlib import Path

import pytest

from core.data.survey import divide, find_survey
from core.spec import DataSpec
from tests.pages.conftest import component_data, labels, press, texts
from tests.pages.parts.data.conftest import address, at_once, folder, settle  # noqa: F401 - fixtures of its parts
from tests.pages.sample_runs import make_run


def test_the_built_in_set_is_shown_without_a_choice(open_page) -> None:
    page = settle(open_page("data"))
    assert "<b>1,797</b> images" in texts(page)
    (gallery,) = component_data(page, "resnet_lab_gallery")
    assert len(gallery["items"]) == 60
    assert gallery["items"][2]["line"] == "test 0"


@pytest.mark.parametrize("address", [{"set": "made-up"}, {"run": "20260101-000000-000-abcdef"}, {"set": "e30"}])
def test_an_address_that_names_nothing_gets_a_sentence_and_a_way_on(open_page, address: dict[str, str]) -> None:
    page = open_page("data", **address)
    assert labels(page) == ["The built-in set"]
    assert "lab-alert" in texts(page)


def test_a_set_that_is_not_here_offers_its_download(open_page) -> None:
    page = open_page("data", set="cifar10")
    assert "CIFAR-10 is not on this machine yet" in texts(page)
    assert "Download (170 MB)" in labels(page)


def test_a_folder_that_is_gone_is_told(open_page, tmp_path: Path) -> None:
    page = open_page("data", **address(DataSpec(dataset="folder", folder=str(tmp_path / "gone"))))
    assert f"There is no folder {tmp_path / 'gone'}." in texts(page)


def test_an_image_of_a_run_is_shown_in_its_place(open_page, folder: DataSpec) -> None:  # noqa: F811
    run = make_run("finished", settings=[f"data.{name}={value}" for name, value in folder.model_dump(
        include={"dataset", "folder", "folder_classes"}).items()])  # fmt: skip
    environment = run.environment() | {"data_fingerprint": "another"}
    (run.path / "environment.json").write_text(json.dumps(environment))
    page = settle(open_page("data", run=run.id, part="test", index="2"))
    survey = find_survey(folder)
    assert survey
    place = int((divide(survey, folder) == 2).nonzero()[0][2])
    assert page.query_params["image"] == str(place)
    assert survey.names[place] in texts(page)
    assert "<b>test 2</b> place" in texts(page)
    assert "no longer those of the run" in texts(page)  # another fingerprint than the helper's


def test_the_set_goes_to_build(open_page, folder: DataSpec, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    went: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: went.append((page, query_params)))
    press(settle(open_page("data", **address(folder))), "Use in Build")
    ((page, query),) = went
    assert page == "build.py"
    assert set(query) == {"spec"}
