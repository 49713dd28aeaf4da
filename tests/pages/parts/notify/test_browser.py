"""Open pages get what was told since they were opened, and nothing from before."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from core.notify.journal import note_message
from core.notify.messages import Message
from tests.pages.conftest import component_data

ROOT = Path(__file__).parents[4]


def test_the_frame_hands_over_what_came_since_the_page_was_opened() -> None:
    note_message(Message("finished", "run", "old", "Run old finished", time=1.0))
    page = AppTest.from_file(str(ROOT / "pages" / "main.py"), default_timeout=30).run()
    assert component_data(page, "resnet_lab_notices") == [{"notices": []}]
    note_message(Message("finished", "run", "a", "Run a finished", id="7", reason="Done.", path="run?id=7"))
    page.run()
    (data,) = component_data(page, "resnet_lab_notices")
    (notice,) = data["notices"]
    assert (notice["title"], notice["body"], notice["path"]) == ("Run a finished", "Done.", "run?id=7")
    assert notice["id"].endswith(" 7")
