"""Components and style sheets come from the files beside a module."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from pages.parts.frame.assets import image_address, read_asset
from tests.pages.conftest import component_data, texts

HERE = Path(__file__)


def test_a_component_reports_the_events_that_it_is_loaded_with(tmp_path: Path) -> None:
    for kind in ("html", "css", "js"):
        (tmp_path / f"part.{kind}").write_text(f"{kind}\n")

    def show(module: str) -> None:
        from pages.parts.frame.assets import load

        event = load("part", module, "open")(key="part", data={"number": 4})
        assert event.open is None

    page = AppTest.from_function(show, args=(str(tmp_path / "part.py"),)).run()
    assert not page.exception, page.exception
    assert component_data(page, "resnet_lab_part") == [{"number": 4}]


def test_a_style_sheet_follows_what_is_shared(tmp_path: Path) -> None:
    (tmp_path / "page.css").write_text("b { color: red }")

    def show(module: str) -> None:
        from pages.parts.frame.assets import show_style

        show_style(module, ":root {}")

    page = AppTest.from_function(show, args=(str(tmp_path / "page.py"),)).run()
    assert "<style>:root {}b { color: red }</style>" in texts(page)
    assert read_asset(tmp_path / "page.css") == "b { color: red }"


def test_a_picture_becomes_the_source_of_an_image() -> None:
    assert image_address(b"png") == "data:image/png;base64,cG5n"
