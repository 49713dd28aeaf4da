"""A dropped archive is checked, and its runs are in the table."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from core.launch.launcher import delete_run
from core.runs.listing import list_runs
from core.runs.store import open_run
from core.system.folders import PROJECT
from pages.parts.transfer import preview, take_in
from pages.parts.transfer.jobs import Job
from tests.bundles import make_whole_run, pack
from tests.core.workers import wait_for
from tests.pages.conftest import component_data, press, texts
from tests.pages.sample_runs import make_run


def drop(page: AppTest, content: bytes, name: str = "run.zip") -> None:
    """A dropped file: what the uploader's callback does, and then the ticks."""
    uploader = page.file_uploader[0]
    uploader.upload(name, content, "application/octet-stream").run()
    assert not page.exception, page.exception
    if take_in._JOB in page.session_state:
        job: Job = page.session_state[take_in._JOB]
        wait_for(job.is_over)
        page.run()
        assert not page.exception, page.exception


def keep(page: AppTest, label: str) -> None:
    """Imports what was found: a click, and then the ticks."""
    press(page, label)
    if preview._JOB in page.session_state:
        job: Job = page.session_state[preview._JOB]
        wait_for(job.is_over)
        page.run()
        assert not page.exception, page.exception


def test_a_dropped_archive_is_a_run_in_the_table(open_page: Callable[..., AppTest]) -> None:
    run = make_whole_run(name="Travelled")
    archive = pack(run)
    delete_run(run.id)
    page = open_page("runs")
    assert "No runs yet" in texts(page)
    drop(page, archive)
    assert "1 run of this lab found. Nothing is kept yet." in texts(page)
    assert list_runs() == []
    keep(page, "Import 1 run")
    assert [summary.id for summary in list_runs()] == [run.id]
    assert open_run(run.id).about.name == "Travelled"
    rows = component_data(page, "resnet_lab_run_table")[0]["rows"]
    assert [row["name"] for row in rows] == ["Travelled"]
    assert f'<a href="run?id={run.id}">Travelled</a> is imported; finished' in texts(page)


def test_an_archive_that_is_refused_says_why_and_changes_nothing(open_page: Callable[..., AppTest]) -> None:
    make_run(name="Mine")
    page = open_page("runs")
    drop(page, b"no archive")
    assert "Nothing was imported. This is no zip archive, or only part of one." in texts(page)
    assert len(list_runs()) == 1


def test_the_limit_of_uploads_is_the_servers() -> None:
    import tomllib

    settings = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())
    assert settings["server"]["maxUploadSize"] == take_in.MAX_MEGABYTES
