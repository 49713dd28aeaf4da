"""Cells are text, a row can stand out, and a dot is the run's colour."""

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import texts


def test_cells_are_text_and_rows_can_stand_out() -> None:
    def show() -> None:
        from pages.parts.frame.table import show_wide_table

        rows = [["<i>first</i>", "1"], ["second", "2"]]
        show_wide_table(["Run", "Figure"], rows, label="Figures", bold=[True, False], dots=["#123456", ""])

    page = AppTest.from_function(show).run()
    text = texts(page)
    assert "&lt;i&gt;first&lt;/i&gt;" in text
    assert "<td><b>1</b></td>" in text
    assert "<td>second</td><td>2</td>" in text
    assert text.count("background:#123456") == 1
    assert 'aria-label="Figures"' in text
