"""A file that lies outside is never opened and never shown, however its path is spelt and whoever is asked for it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from core.cli.app import app
from core.data.decoding import Look, decode_image
from core.data.downloads import delete_dataset, download
from core.data.store import DataError
from core.data.uploads import name_upload
from core.export.outbox import find_file
from core.launch import launcher
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.records import RunNotFoundError
from core.runs.store import open_run
from core.spec.link import from_link, to_link
from core.spec.parse import SpecError, parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from core.studies.manage import create_study, delete_study
from core.studies.spec import STUDY_PRESETS
from core.studies.storage import StudyError, folder_of
from core.studies.study import open_study
from server import dashboard
from tests.folders import make_folder
from tests.lab_server import LabServer, serve_lab
from tests.pages.sample_runs import add_checkpoint, make_run
from tests.security.asking import ask
from tests.security.planted import CANARY, RUN_ID, Planted

STATUS = {404, 400, 403, 405, 421}
Record = Callable[[str], None]


# Pages --------------------------------------------------------------------------------------------------------------


def told(page: AppTest) -> str:
    """All that was sent to the browser."""
    found: list[str] = []

    def walk(node: Any) -> None:
        found.append(str(getattr(node, "proto", "")))
        for child in getattr(node, "children", {}).values():
            walk(child)

    walk(page._tree)
    return "\n".join(found)


def addresses(spelling: str, everything: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Every page with the spelling wherever it takes an id or a name; where several are taken, all at once."""
    yield "run", {"id": spelling}
    yield "examine", {"id": spelling}
    yield "build", {"clone": spelling}
    yield "build", {"preset": spelling}
    yield "studies", {"name": spelling}
    yield "studies", {"new": f"run:{spelling}"}
    yield "studies", {"new": spelling}
    if spelling == everything[0]:
        joined = ",".join(everything)
        yield "compare", {"ids": joined, "right": joined, "wrong": everything[1]}
        yield "runs", {"select": joined, "tag": joined, "q": joined[:100], "sort": everything[1]}


def open_address(name: str, address: dict[str, str]) -> AppTest:
    page = AppTest.from_file(str(Path(__file__).parents[2] / "pages" / f"{name}.py"), default_timeout=30)
    for key, value in address.items():
        page.query_params[key] = value
    page.run()
    return page


PROMISE = "A file outside of the lab's folders is never opened, changed or shown."


@pytest.mark.promise(
    18,
    PROMISE,
    how="a whole run planted beside the runs folder, named in 41 spellings in every address of every page",
    control="`test_a_path_that_is_joined_shows_what_lies_outside`",
)
def test_no_address_of_a_page_leads_outside(planted: Planted, full: bool, record_figure: Record) -> None:
    mine = make_run(name="mine")
    spellings = planted.spellings()
    looked = 0
    for number, spelling in enumerate(spellings):
        for index, (name, address) in enumerate(addresses(spelling, spellings)):
            # In short: every spelling somewhere, every address with some.
            if not full and (number + index) % 24 and number:
                continue
            page = open_address(name, address)
            assert not page.exception, (name, address, page.exception)
            assert CANARY not in told(page).replace(spelling, ""), (name, address)
            looked += 1
    page = open_address("run", {"id": mine.id})
    assert "mine" in told(page)
    assert planted.touched() == []
    record_figure(f"{looked} addresses of pages, nothing outside read or shown")


def test_what_a_runs_own_files_name_does_not_lead_outside(planted: Planted) -> None:
    run = make_run()
    add_checkpoint(run)
    entry = json.loads((run.path / "checkpoints" / "manifest.json").read_text())["checkpoints"][0]
    names = [
        f"../../../outside/{planted.secret.name}",
        str(planted.secret),
        "..",
        "",
        ".",
        f"x/../{planted.secret.name}",
    ]
    listed = {"checkpoints": [{**entry, "name": name} for name in names]}
    (run.path / "checkpoints" / "manifest.json").write_text(json.dumps(listed))
    assert run.checkpoints() == []
    # A link in the runs folder is no run, wherever it leads.
    (run.path.parent / RUN_ID).symlink_to(planted.run)
    assert [summary.id for summary in list_runs()] == [run.id]
    with pytest.raises(RunNotFoundError):
        open_run(RUN_ID)
    assert planted.touched() == []


def test_a_text_that_is_called_a_picture_is_not_shown(planted: Planted, lab_folders: Path) -> None:
    folder = make_folder(lab_folders / "set", {"a": 1, "b": 1})
    (folder / "a" / "passwords.png").write_text(f"{CANARY}\n" * 100)
    with pytest.raises(DataError) as caught:
        decode_image(folder / "a" / "passwords.png", Look(32))
    assert CANARY not in str(caught.value)
    page = open_address("build", {"spec": _link_to(folder)})
    assert CANARY not in told(page)
    Image.new("RGB", (8, 8)).save(folder / "a" / "passwords.png")  # control: the picture is read now
    assert decode_image(folder / "a" / "passwords.png", Look(8)).shape == (8, 8, 3)


def _link_to(folder: Path) -> str:
    plain = PRESETS["first-look"].spec.model_dump(mode="json")
    settings = ["data.dataset=folder", f"data.folder={folder}", "data.folder_classes=2"]
    return to_link(parse_spec(apply_settings(plain, settings)))


# The server ---------------------------------------------------------------------------------------------------------


PREFIXES = (
    "/", "/lab/", "/lab/take/", f"/lab/take/{'0' * 32}/", "/static/", "/media/", "/component/", "/component/x/",
    "/_stcore/", "/_stcore/bidi-components/", "/_stcore/bidi-components/x/", "/_stcore/upload_file/", "/app/static/",
    "/lab/plotly-7.min.js/", "/run/", "/~/+/media/",
)  # fmt: skip


@pytest.mark.promise(
    18,
    PROMISE,
    how="the same spellings below 16 paths of the server, sent as they are",
    control="`test_a_path_that_is_joined_shows_what_lies_outside`",
)
def test_no_path_of_the_server_leads_outside(planted: Planted, record_figure: Record) -> None:
    asked = answered = 0
    with serve_lab(planted.folder.parent) as lab:
        for prefix in PREFIXES:
            for spelling in [*planted.spellings(), "app.py", "../app.py", "../../../../etc/hostname", "/etc/hostname"]:
                path = prefix + quote(spelling, safe="/%.\\;:~$*?{},")
                answer = ask(lab.port, "GET", path, [("Host", f"127.0.0.1:{lab.port}")])
                asked += 1
                assert CANARY.encode() not in answer.body, path
                assert b"tell_health" not in answer.body, path  # app.py's own text
                assert Path("/etc/hostname").read_bytes() not in answer.body, path
                assert answer.status < 500, (path, answer.body[:200])
                answered += answer.status == 200
        assert ask(lab.port, "GET", "/lab/health", [("Host", f"127.0.0.1:{lab.port}")]).status == 200
        check_log(lab)
    assert planted.touched() == []
    record_figure(
        f"{asked} paths of the server, {answered} of them answered with the page's empty shell, 0 with a file"
    )


def check_log(lab: LabServer) -> None:
    assert "Traceback" not in (lab.folder / "server.log").read_text()


def test_optuna_dashboard_serves_no_file_from_outside(planted: Planted) -> None:
    create_study("here", STUDY_PRESETS["first-look"])
    wsgi = dashboard.guard(dashboard._make_app(), 80, lambda: None)
    for prefix in ("/", "/static/", "/dashboard/", "/api/", "/artifacts/", "/artifacts/0/0/", "/dashboard/studies/"):
        for spelling in planted.spellings():
            statuses: list[str] = []
            environ = {
                "REQUEST_METHOD": "GET",
                "PATH_INFO": prefix + spelling.encode().decode("latin-1"),
                "HTTP_HOST": "127.0.0.1:80",
                "SERVER_NAME": "127.0.0.1",
                "SERVER_PORT": "80",
                "wsgi.input": io.BytesIO(),
                "wsgi.errors": io.StringIO(),
                "wsgi.url_scheme": "http",
            }
            body = b"".join(wsgi(environ, lambda status, headers, *_, told=statuses: told.append(status)))
            assert CANARY.encode() not in body, (prefix, spelling)
    assert planted.touched() == []


# The command line and the functions behind the pages ---------------------------------------------------------------

COMMANDS = (
    ["show", "ID"], ["show", "ID", "--log", "50"], ["stop", "ID"], ["stop", "ID", "--now"], ["resume", "ID"],
    ["next", "ID"], ["follow", "ID"], ["edit", "ID", "--name", "x"], ["delete", "ID", "--yes"],
    ["compare", "ID", "ID"], ["evaluate", "ID"], ["export", "ID", "--format", "csv"], ["export", "ID", "-f", "zip"],
    ["study-stop", "ID"], ["study-resume", "ID"], ["data", "download", "ID"], ["data", "delete", "ID", "--yes"],
    ["train", "--preset", "ID"], ["study", "--preset", "ID"], ["devices", "--slots", "ID=2"],
)  # fmt: skip


@pytest.mark.promise(
    18,
    PROMISE,
    how="the same spellings as the id or name of every command",
    control="`test_a_path_that_is_joined_shows_what_lies_outside`",
)
def test_no_argument_of_a_command_leads_outside(
    planted: Planted, full: bool, monkeypatch: pytest.MonkeyPatch, record_figure: Record
) -> None:
    monkeypatch.chdir(planted.folder.parent)
    make_run()
    ran = 0
    for number, spelling in enumerate(planted.spellings()):
        for index, words in enumerate(COMMANDS):
            if not full and (number + index) % 10:
                continue
            arguments = [word.replace("ID", spelling) for word in words]
            result = CliRunner().invoke(app, [arguments[0], "--", *arguments[1:]] if spelling[:1] == "-" else arguments)
            assert result.exit_code in (1, 2), (arguments, result.output)
            assert CANARY not in result.output.replace(spelling, ""), arguments
            assert "Traceback" not in result.output
            ran += 1
    assert planted.touched() == []
    record_figure(f"{ran} commands, all ended with a sentence")


@pytest.mark.promise(
    18,
    PROMISE,
    how="the same spellings handed to what the pages' buttons call, as study names, tokens, uploads and links",
    control="`test_a_path_that_is_joined_shows_what_lies_outside`",
)
def test_no_function_that_takes_a_name_leads_outside(planted: Planted, record_figure: Record) -> None:
    called = 0
    by_id: list[Callable[[str], object]] = [
        open_run, launcher.delete_run, launcher.kill_run, launcher.request_stop, launcher.resume_run, launcher.run_next,
    ]  # fmt: skip
    for spelling in planted.spellings():
        for act in by_id:
            with pytest.raises((RunNotFoundError, launcher.LauncherError)):
                act(spelling)
        for fetch in (download, delete_dataset):
            with pytest.raises(DataError):
                fetch(spelling)
        with pytest.raises(SpecError):
            from_link(spelling)
        assert find_file(spelling) is None
        assert not {"/", "\\"} & set(name_upload(spelling))
        assert name_upload(f"{spelling}/{'x' * 100}.png").startswith("x")
        called += 11
    assert planted.touched() == []
    record_figure(f"{called} calls")


def test_a_study_may_have_any_name_and_stays_in_its_own_folder(planted: Planted, lab_folders: Path, full: bool) -> None:
    inside = (lab_folders / "runs" / ".studies").resolve()
    for number, spelling in enumerate(planted.spellings()):
        assert folder_of(spelling).resolve().parent == inside
        if not full and number % 5:
            continue
        with suppress(StudyError):  # of those with control characters
            create_study(spelling[-50:], STUDY_PRESETS["first-look"])
            assert open_study(spelling[-50:].strip()).folder.resolve().parent == inside
            delete_study(spelling[-50:].strip())
    assert planted.touched() == []
    assert list(inside.iterdir()) == []


# The control --------------------------------------------------------------------------------------------------------


def test_a_path_that_is_joined_shows_what_lies_outside(planted: Planted, lab_folders: Path) -> None:
    runs = lab_folders / "runs"
    shown = 0
    for spelling in planted.spellings():
        with suppress(OSError, ValueError, RunNotFoundError):
            shown += Run(runs / spelling).summary().name == CANARY
            shown += CANARY in (runs / spelling / "log.txt").read_text()
    assert shown >= 10
    assert planted.touched()
    assert planted.touched() == []  # the times are set back, so each look is seen anew
