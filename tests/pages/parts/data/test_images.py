"""Images are browsed by class, part and order."""

from core.data.survey import divide, find_survey
from core.spec import DataSpec
from tests.pages.conftest import component_data, texts
from tests.pages.parts.data.conftest import address, settle


def shown(page) -> list[int]:
    (gallery,) = component_data(page, "resnet_lab_gallery")
    return [item["index"] for item in gallery["items"]]


def test_a_class_and_a_part_are_chosen_by_the_address(open_page, folder: DataSpec) -> None:
    assert shown(settle(open_page("data", **address(folder, **{"class": "dog", "show": "Test"})))) == [18, 19]
    survey = find_survey(folder)
    assert survey
    page = settle(open_page("data", **address(folder, **{"class": "cat", "order": "Brightest first"})))
    cats = [*range(8), 16, 17]
    assert shown(page) == sorted(cats, key=lambda index: -survey.colours[index].mean())


def test_pages_follow_one_another(open_page) -> None:
    page = settle(open_page("data", page="30"))
    assert shown(page) == list(range(1740, 1797))
    assert "1,741 to 1,797 of 1,797 images." in texts(page)


def test_the_next_page_is_sent_ahead(open_page) -> None:
    (gallery,) = component_data(settle(open_page("data", page="29")), "resnet_lab_gallery")
    assert [item["index"] for item in gallery["ahead"]] == list(range(1740, 1797))
    assert gallery["pager"] == "page"


def test_an_order_is_named_by_its_word_too(open_page, folder: DataSpec) -> None:
    by_word, by_label = (
        shown(settle(open_page("data", **address(folder, order=order)))) for order in ("dark", "Darkest first")
    )
    assert by_word == by_label != sorted(by_label)


def test_a_class_without_images_in_a_part_says_so(open_page, folder: DataSpec) -> None:
    spec = folder.model_copy(update={"max_train_images": 1})
    page = settle(open_page("data", **address(spec, **{"class": "dog", "show": "Training"})))
    parts = divide(survey := find_survey(spec), spec)
    dogs = ((parts == 0) & (survey.labels == 1)).nonzero()[0].tolist()
    assert shown(page) == dogs if dogs else "No image is of this class and part." in texts(page)
    assert "not used, over the limit" in texts(page)


def test_the_page_of_an_opened_image_is_told_again_to_a_browser_that_was_slow(open_page) -> None:
    page = settle(open_page("data", part="test", index="200"))  # the second run of the script
    (pages,) = page.get("pagination")
    shown = page.session_state["page"]
    assert shown > 1
    assert (pages.proto.set_value, pages.proto.value) == (True, shown)
    page.session_state["page"] = 2
    (pages,) = page.run().run().get("pagination")
    assert not pages.proto.set_value
