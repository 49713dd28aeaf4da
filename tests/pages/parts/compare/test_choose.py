"""Which runs are compared is chosen from a list and kept in the address."""

from tests.pages.compare_page import address_of, choose, names
from tests.pages.conftest import component_data, press
from tests.pages.sample_runs import make_run


def test_without_ids_all_runs_can_be_ticked_and_the_latest_are_one_click(open_page) -> None:
    runs = [make_run(name=f"run {number}", settings=(f"train.epochs={number + 5}",)) for number in range(12)]
    page = open_page("compare")
    listed = component_data(page, "resnet_lab_run_table")[0]
    assert len(listed["rows"]) == 12
    assert listed["selected"] == []
    press(page, "Latest 10")
    assert page.query_params["ids"] == address_of(*runs[:1:-1])
    assert names(page) == [f"run {number}" for number in range(11, 1, -1)]


def test_the_list_is_searched_and_filtered_by_the_address(open_page) -> None:
    make_run(name="wide net")
    make_run("stopped", name="deep net", preset="report", settings=("train.epochs=5",))

    def listed(**address: str) -> list[str]:
        page = open_page("compare", **address)
        tables = component_data(page, "resnet_lab_run_table")
        return [row["name"] for row in tables[0]["rows"]] if tables else []

    assert listed(q="WIDE") == ["wide net"]
    assert listed(state="Stopped") == ["deep net"]
    assert listed(data="CIFAR-10") == ["deep net"]
    assert listed(q="nothing like it") == []


def test_another_run_is_made_the_baseline_and_the_address_follows(open_page) -> None:
    a, b, c = (make_run(name=name, settings=(f"train.epochs={5 + place}",)) for place, name in enumerate("abc"))
    page = open_page("compare", ids=address_of(a, b, c))
    choose(page, "Baseline", c.id)
    assert page.query_params["ids"] == address_of(c, a, b)
    assert names(page) == ["c", "a", "b"]
