"""Images to click."""

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import component_data


def test_tiles_reach_the_browser_with_their_words() -> None:
    def show() -> None:
        from pages.parts.frame.gallery import Tile, show_tiles

        assert show_tiles([Tile(4, "data:,", "cat", "training 4", wrong=True)], key="k", hint="Click.") is None

    page = AppTest.from_function(show).run()
    assert not page.exception, page.exception
    (gallery,) = component_data(page, "resnet_lab_gallery")
    tile = {"index": 4, "source": "data:,", "title": "cat", "line": "training 4", "wrong": True, "chosen": False}
    assert gallery == {"items": [tile], "ahead": [], "pager": "", "hint": "Click."}
