"""Whatever fails in a page, a part, a callback or a route: a calm sentence with an id; the cause is in the log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from core.studies.manage import create_study
from core.studies.spec import STUDY_PRESETS
from tests.lab_server import LabServer, serve_lab
from tests.pages.sample_runs import make_run
from tests.security.asking import ROOT, ask
from tests.security.visitor import SECONDS, Tab, Visitor, spell_out

pytestmark = pytest.mark.xdist_group("security-failures")
Record = Callable[[str], None]
APP = "tests/security/faulty_app.py"
CAUSE = re.compile(rf"the secret cause|Sabotage|Traceback|{re.escape(str(ROOT))}")
FAILURE_ID = re.compile(r"(?:under \**|see )([0-9a-f]{8})\b")
# Streamlit's own: it always tells a page where its script lies.
OWN_STATE = ("new_session",)
LEAVES_THE_LAB = re.compile(r"download|dashboard|export|make it|onnx|save", re.IGNORECASE)


class Lab:
    """The sabotaged server, and one address for each of its pages."""

    def __init__(self, server: LabServer, pages: dict[str, str]) -> None:
        self.server = server
        self.pages = pages
        self.visitor = Visitor(server)

    def arm(self, target: str = "") -> list[str]:
        """Lets a function fail from now on, or nothing; tells which ran since the last time."""
        with urlopen(f"{self.server.url}/lab/sabotage?target={quote(target)}", timeout=60) as answer:
            return list(json.load(answer))

    def open(self, page: str) -> tuple[Tab, list[ForwardMsg]]:
        tab = self.visitor.open_tab()
        return tab, tab.run(page, self.pages[page])

    def check(self, said: Sequence[ForwardMsg], what: str) -> bool:
        """Whether something failed; then the browser read a calm sentence, and the log tells the cause under its id."""
        text = spell_out([each for each in said if each.WhichOneof("type") not in OWN_STATE])
        assert not CAUSE.search(text), f"{what}: {CAUSE.search(text)}"
        ids = FAILURE_ID.findall(text)
        log = (self.server.folder / "server.log").read_text()
        for failure_id in ids:
            told = log.partition(f"Failure {failure_id}\n")[2]
            assert told.startswith("Traceback"), f"{what}: {failure_id} is not in the log"
            assert "the secret cause" in told
        return bool(ids)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("failures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESNET_LAB_RUNS", str(folder / "runs"))
        (folder / "runs").mkdir()
        runs = [make_run(name=f"sample {number}").id for number in range(2)]
        create_study("a study", STUDY_PRESETS["first-look"])
        pages = {
            "build": "", "runs": f"select={','.join(runs)}", "run": f"id={runs[0]}", "compare": f"ids={','.join(runs)}",
            "examine": f"id={runs[0]}", "studies": "name=a study", "lab": "",
        }  # fmt: skip
        with serve_lab(folder, LabServer(folder, APP, is_forked=True)) as server:
            yield Lab(server, pages)


def functions_of(lab: Lab) -> dict[str, list[str]]:
    """Every function of the pages that runs when a page is opened, each under the first page that runs it."""
    found: dict[str, list[str]] = {}
    known: set[str] = set()
    # The body of a module or a class, other than a page's, runs when it is first imported and never again.
    once = re.compile(rf"^(?!(?:main|{'|'.join(lab.pages)})\.py).*:(?:<module>|[A-Z]\w*)$|<(?:gen|list|dict|set)")
    for page in lab.pages:
        lab.arm()
        with lab.open(page)[0]:
            found[page] = [name for name in lab.arm() if name not in known and not once.search(name)]
        known.update(found[page])
    return found


@pytest.mark.promise(
    21,
    "Whatever fails in a page or in any part of it, the browser reads a calm sentence with an id, and nothing else.",
    how="an exception at the entry of each function of the pages that runs (short: pages and each twelfth function)",
    control="`test_without_the_calm_the_browser_reads_the_cause`",
)
def test_every_page_and_part_fails_calmly(lab: Lab, full: bool, record_figure: Record) -> None:
    failed = passed_over = 0
    for page, functions in functions_of(lab).items():
        assert f"{page}.py:<module>" in functions
        chosen = [name for index, name in enumerate(functions) if full or ":<module>" in name or index % 12 == 0]
        for name in chosen:
            lab.arm(name)
            tab, said = lab.open(page)
            with tab:
                if lab.check(said, f"{page}: {name}"):
                    failed += 1
                else:
                    passed_over += 1
    lab.arm()
    assert failed >= 3 * passed_over, "most of what was sabotaged must have been reached"
    record_figure(f"{failed} functions failed calmly, 0 told a cause")


@pytest.mark.promise(
    21,
    "A part that renews itself fails as calmly, and the rest of its page stays.",
    how="an exception in each part that a page renews by itself, at its next renewal",
    control="`test_without_the_calm_the_browser_reads_the_cause`",
)
def test_every_part_that_renews_itself_fails_calmly(lab: Lab, record_figure: Record) -> None:
    failed = 0
    for page in lab.pages:
        lab.arm()
        tab, said = lab.open(page)
        with tab:
            fragments = dict.fromkeys(
                each.auto_rerun.fragment_id for each in said if each.WhichOneof("type") == "auto_rerun"
            )
            assert fragments, f"{page}: at least the status renews itself"
            for fragment in fragments:
                lab.arm()
                tab.run(page, lab.pages[page], fragment_id=fragment)
                for name in lab.arm()[:3]:
                    lab.arm(name)
                    failed += lab.check(tab.run(page, lab.pages[page], fragment_id=fragment), f"{page}: {name}")
                    lab.arm()
    assert failed >= len(lab.pages)
    record_figure(f"{failed} renewals failed calmly")


@pytest.mark.promise(
    21,
    "A click, a typed text or a choice whose callback fails leaves the page whole, with the sentence above it.",
    how="an exception at the entry of every callback: each button, text, number and switch of each page is used",
    control="`test_without_the_calm_the_browser_reads_the_cause`",
)
def test_every_callback_fails_calmly_and_leaves_the_page_whole(lab: Lab, full: bool, record_figure: Record) -> None:
    failed = 0
    for page in lab.pages:
        lab.arm()
        tab, said = lab.open(page)
        with tab:
            uses = list(list_uses(said))
        for index, (label, use) in enumerate(uses):
            if LEAVES_THE_LAB.search(label) or not (full or index % 6 == 0):
                continue
            lab.arm("callback")
            tab, said = lab.open(page)
            with tab:
                message = BackMsg()
                message.rerun_script.page_name = page
                message.rerun_script.query_string = lab.pages[page]
                use(message.rerun_script.widget_states.widgets.add())
                tab.send(message)
                said = tab.listen()
                if not any(name.startswith("callback ") for name in lab.arm()):
                    continue  # it has none
                # The run that failed draws nothing; the one after it draws the whole page, with the sentence above, in
                # one run or, where something is awaited, in several. A page that stays away ends the wait as an error.
                while not (lab.check(said, f"{page}: {label}") and "lab-status" in spell_out(said)):
                    said += tab.listen()
                failed += 1
    lab.arm()
    assert failed >= (40 if full else 5)
    record_figure(f"{failed} callbacks failed calmly, each page was drawn again")


def list_uses(said: Sequence[ForwardMsg]) -> Iterator[tuple[str, Callable[[Any], None]]]:
    """Each thing that a visitor can press, type or switch: its label, and how to tell the server."""
    seen: set[str] = set()
    for each in said:
        element = each.delta.new_element
        kind = element.WhichOneof("type")
        if kind not in ("button", "text_input", "text_area", "number_input", "checkbox"):
            continue
        widget = getattr(element, kind)
        if widget.id in seen or widget.disabled:
            continue
        seen.add(widget.id)
        values: dict[str, Any] = {"string_value": "x"}
        if kind == "button":
            values = {"trigger_value": True}
        elif kind == "checkbox":
            values = {"bool_value": not widget.default}
        elif kind == "number_input":
            values = {"double_value": widget.default + widget.step}

        def use(state: Any, id: str = widget.id, values: dict[str, Any] = values) -> None:
            state.id = id
            for name, value in values.items():
                setattr(state, name, value)

        yield widget.label, use


def test_a_route_that_fails_says_so_calmly(lab: Lab) -> None:
    answer = ask(lab.server.port, "GET", "/lab/fail", [("Host", f"127.0.0.1:{lab.server.port}")])
    text = answer.body.decode()
    assert answer.status == 500
    assert not CAUSE.search(text)
    failure_id = FAILURE_ID.findall(text)[0]
    assert f"Failure {failure_id}\nTraceback" in (lab.server.folder / "server.log").read_text()


def test_a_message_that_cannot_be_read_tells_nothing(lab: Lab) -> None:
    for nonsense in (b"\xff\xff\xff", b"", b"\x0a\x02\xff\xff"):
        with lab.open("lab")[0] as tab:
            tab.send(BackMsg())  # one without a kind is passed over
            tab.socket.send(nonsense)
            try:
                said = tab.run("lab")
            except Exception:  # noqa: BLE001 - hung up is as good as an answer
                continue
            lab.check(said, repr(nonsense))


def test_a_script_that_does_not_compile_tells_no_path(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def the secret cause(:\n")
    with (
        serve_lab(tmp_path, LabServer(tmp_path, APP, is_forked=True), SABOTAGED_SCRIPT=str(broken)) as server,
        Visitor(server).open_tab() as tab,
    ):
        said = tab.run("")
        while said[-1].WhichOneof("type") != "session_event":
            said.append(ForwardMsg.FromString(tab.socket.recv(timeout=SECONDS)))
        text = spell_out([each for each in said if each.WhichOneof("type") not in OWN_STATE])
        assert FAILURE_ID.search(text)
        assert not CAUSE.search(text)
        assert str(tmp_path) not in text


def test_without_the_calm_the_browser_reads_the_cause(tmp_path: Path) -> None:
    """The control: the same failures on a server that shows them as Streamlit does by itself."""
    options = {"SABOTAGED": "without calm", "STREAMLIT_CLIENT_SHOW_ERROR_DETAILS": "full"}
    with serve_lab(tmp_path, LabServer(tmp_path, APP, is_forked=True), **options) as server:
        lab = Lab(server, {"runs": "", "build": ""})
        lab.arm("runs.py:<module>")
        tab, said = lab.open("runs")
        with tab, pytest.raises(AssertionError, match="the secret cause"):
            lab.check(said, "the control")
        lab.arm("main.py:describe_status")
        tab, said = lab.open("build")
        with tab:
            assert lab.check(said, "what the frame itself catches is calm there too")
            pressed = next(use for label, use in list_uses(said) if label == "Add layer")
            lab.arm("callback")
            message = BackMsg()
            message.rerun_script.page_name = "build"
            pressed(message.rerun_script.widget_states.widgets.add())
            tab.send(message)
            assert CAUSE.search(spell_out(tab.listen()))
        answer = ask(server.port, "GET", "/lab/fail", [("Host", "localhost")])
        assert not FAILURE_ID.search(answer.body.decode())
