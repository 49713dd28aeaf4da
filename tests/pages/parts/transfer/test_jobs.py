"""A job tells how far it is, and ends with its result or a sentence."""

import threading
from types import SimpleNamespace

import pytest

from core.system.errors import LabError
from pages.parts.transfer import jobs
from pages.parts.transfer.jobs import Job, Report
from tests.core.workers import wait_for


def test_a_job_tells_its_share_while_it_works_and_then_its_result() -> None:
    reported, go_on = threading.Event(), threading.Event()

    def work(report: Report) -> str:
        report(1, 4)
        reported.set()
        assert go_on.wait(30)
        return "made"

    job = Job(work)
    assert reported.wait(30)
    assert (job.is_over(), job.describe()) == (False, "25 %")
    go_on.set()
    wait_for(job.is_over)
    assert job.answer() == ("made", "")


def test_without_a_total_the_seconds_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter((100.0, 107.2))
    monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    assert Job(lambda report: None).describe() == "7 s"


def test_an_expected_error_is_a_sentence_and_any_other_is_raised() -> None:
    def fail(error: Exception) -> Job[None]:
        def work(_: Report) -> None:
            raise error

        return Job(work)

    assert fail(LabError("The disk is full.")).answer() == (None, "The disk is full.")
    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError()).answer()
