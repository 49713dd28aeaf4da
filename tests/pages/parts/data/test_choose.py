"""Which set is chosen stands in the address."""

from core.spec import DataSpec
from pages.parts.data.choose import short_name
from tests.pages.parts.data.conftest import address, settle


def test_another_set_takes_the_place_of_all_that_belonged_to_the_former(open_page, folder: DataSpec) -> None:
    page = settle(open_page("data", **address(folder, image="3", order="bright")))
    (sets,) = [box for box in page.selectbox if box.label == "Data set"]
    assert sets.options[:5] == ["Digits (built in)", "CIFAR-10", "CIFAR-100", "Fashion-MNIST", "SVHN"]
    assert sets.options[5].endswith(folder.folder[-50:])
    sets.select("digits").run()
    settle(page)
    assert page.query_params["set"] == "digits"
    assert "image" not in page.query_params


def test_files_are_named_after_the_set(folder: DataSpec) -> None:
    assert (short_name(folder), short_name(DataSpec())) == ("images", "digits")
