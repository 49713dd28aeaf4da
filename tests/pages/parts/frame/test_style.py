"""The look that all pages share: states, messages and addresses."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.charts.assets import COLOURS
from core.charts.colours import LEAST_CONTRAST, LEAST_TEXT_CONTRAST, find_contrast
from core.charts.palette import DARK_GROUND, DARK_PANEL, LIGHT_GROUND, LIGHT_PANEL
from core.runs.records import ENDS
from core.system.folders import PROJECT
from pages.parts.frame.style import PLOTLY_PATH, STATES, STOPPING, StateLook, look_of, serve_at
from tests.pages.conftest import texts


def test_every_end_of_a_run_has_a_look() -> None:
    assert set(ENDS) < set(STATES)


def test_a_running_run_that_was_asked_to_stop_says_so() -> None:
    assert look_of("running", stop_requested=True) is STOPPING
    assert look_of("running") is STATES["running"]
    assert look_of("finished", stop_requested=True) is STATES["finished"]


def test_a_badge_holds_icon_and_label() -> None:
    assert look_of("failed").badge == ":red-badge[:material/error: Failed]"
    assert StateLook("Void", "", "gray", "Never began.").badge == ":gray-badge[Void]"


@pytest.mark.parametrize(("base", "address"), [("", PLOTLY_PATH), ("/lab/", f"/lab{PLOTLY_PATH}")])
def test_addresses_follow_the_path_below_which_the_lab_is_served(
    monkeypatch: pytest.MonkeyPatch, base: str, address: str
) -> None:
    monkeypatch.setattr(st, "get_option", lambda name: base)
    assert serve_at(PLOTLY_PATH) == address


def test_messages_are_text_and_drawings_lose_their_blank_lines() -> None:
    def show() -> None:
        from pages.parts.frame.style import show_alert, show_problem, show_svg

        show_alert("<b>gone</b>")
        show_alert("Nothing yet.", is_error=False)
        show_problem("Epochs < 1.")
        show_svg("<svg>\n\n</svg>")

    page = AppTest.from_function(show).run()
    assert re.findall(r'<p class="(.*?)" role="(.*?)">(.*?)</p>', texts(page)) == [
        ("lab-alert failed", "alert", "&lt;b&gt;gone&lt;/b&gt;"),
        ("lab-alert told", "status", "Nothing yet."),
        ("lab-problem", "alert", "Epochs &lt; 1."),
    ]
    assert "<svg>\n</svg>" in texts(page)


def find_backticks(path: Path) -> list[str]:
    """Texts of a module, beside its docstrings, in which a page would show a backtick."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in told]
    return [node.value for node in texts if isinstance(node.value, str) and "`" in node.value]


def test_no_sentence_that_a_page_shows_as_text_holds_backticks() -> None:
    """The command line's own may, and what Streamlit reads as Markdown."""
    below = PROJECT / "core"
    others = {below / "cli", below / "cluster", below / "notify/webhook.py"}
    paths = [path for path in below.rglob("*.py") if not others & {path, *path.parents}]
    found = {path.name: texts for path in paths if "`" in path.read_text() and (texts := find_backticks(path))}
    assert found == {}
    assert find_backticks(below / "cli/notify.py"), "the search finds what there is"


# Text is read on its ground ------------------------------------------------------------------------------------------

GROUNDS = {"light": (LIGHT_GROUND, LIGHT_PANEL), "dark": (DARK_GROUND, DARK_PANEL)}
THEME = tomllib.loads((PROJECT / ".streamlit/config.toml").read_text())["theme"]
SOURCES = [path for below in ("pages", "core", "server") for path in (PROJECT / below).rglob("*")]
SOURCES = [path for path in SOURCES if path.suffix in (".css", ".py", ".js", ".html", ".jinja")]
# A colour of text: not one of a border, a background or a decoration.
_COLOUR_OF_TEXT = re.compile(r"(?<![\w-])(?:color|fill): ?var\(--lab-([\w-]+)\)")


def list_colours_of_text() -> set[str]:
    return {name for path in SOURCES for name in _COLOUR_OF_TEXT.findall(path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("name", sorted(list_colours_of_text()))
def test_every_colour_in_which_a_page_writes_can_be_read(name: str) -> None:
    found = re.search(rf"--lab-{name}: light-dark\((#\w+), (#\w+)\)", COLOURS)
    assert found
    for colour, grounds in zip(found.groups(), GROUNDS.values(), strict=True):
        assert min(find_contrast(colour, ground) for ground in grounds) >= LEAST_TEXT_CONTRAST, name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_streamlit_writes_can_be_read(theme: str) -> None:
    colours = THEME[theme]
    # Yellow is no text here.
    names = ["text", "link", "codeText", "red", "orange", "green", "blue", "violet", "gray"]
    least = {name: min(find_contrast(colours[f"{name}Color"], each) for each in GROUNDS[theme]) for name in names}
    assert {name: contrast for name, contrast in least.items() if contrast < LEAST_TEXT_CONTRAST} == {}
    assert find_contrast("#ffffff", colours["primaryColor"]) >= LEAST_TEXT_CONTRAST, "white on a button"
    assert min(find_contrast(colours["primaryColor"], each) for each in GROUNDS[theme]) >= LEAST_CONTRAST
