"""Parts of the Build page without a helper process and without workers."""

from concurrent.futures import Future

import pytest

from core.runs.store import publish_run
from pages.parts.build import samples, start_panel

TINY_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8ffff3f0005fe02fe"
    "0def46b80000000049454e44ae426082"
)


@pytest.fixture(autouse=True)
def pictures(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What the page asked the assistant for; the answer is there at once."""
    asked: list[dict[str, object]] = []

    def answer(target: str, **kwargs: object) -> "Future[bytes]":
        asked.append({"target": target, **kwargs})
        future: Future[bytes] = Future()
        future.set_result(TINY_PNG)
        return future

    samples._request.clear()
    monkeypatch.setattr(samples, "call", answer)
    return asked


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start makes the run's folder, but no worker."""
    monkeypatch.setattr(start_panel, "start_run", lambda *made, click_key, on: publish_run(*made, click_key)[0])
