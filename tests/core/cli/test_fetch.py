"""A download shows its progress, or says why it failed."""

from collections.abc import Callable

import pytest
from typer.testing import Result

from core.data.store import DataError


def test_a_download_tells_its_progress_unless_it_shall_be_quiet(
    core: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(name: str, report: Callable[[int, int], None] = lambda done, total: None) -> None:
        for done in range(0, 101, 5):
            report(done * 1_000_000, 100_000_000)

    monkeypatch.setattr("core.data.downloads.download", download)
    told = core("data", "download", "cifar10")
    assert (told.exit_code, told.stdout) == (0, "")
    lines = told.stderr.splitlines()
    assert len(lines) == 11
    assert lines[0] == "cifar10: 10.0 MB of 100 MB"
    assert lines[-1] == "cifar10 is here."
    assert core("data", "download", "cifar10", "--quiet").output == ""


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (DataError("CIFAR-10: the connection was cut."), 1, "CIFAR-10: the connection was cut.\n"),
        (KeyboardInterrupt(), 3, "The download was stopped; the next one goes on from there.\n"),
    ],
)
def test_a_download_that_fails_says_why(
    core: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, sentence: str
) -> None:
    def download(*_: object) -> None:
        raise error

    monkeypatch.setattr("core.data.downloads.download", download)
    for quiet in ([], ["--quiet"]):
        told = core("data", "download", "cifar10", *quiet)
        assert (told.exit_code, told.stderr) == (code, sentence)
