"""Runs of every kind, and the Compare page without a helper process."""

from concurrent.futures import Future
from typing import Any

import pytest

from core.runs.folder import Run
from pages.parts.compare import gallery
from tests.compared_runs import make_compared, right
from tests.pages.sample_runs import make_run


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Stands for the helper process: every place gets its own bytes. Returns the places that were asked for."""
    asked: list[tuple[int, ...]] = []

    def answer(target: str, *, places: tuple[int, ...], **rest: Any) -> Future[list[bytes]]:
        assert target == "core.engine.preview:image_strip"
        assert rest["part"] == "test"
        asked.append(places)
        future: Future[list[bytes]] = Future()
        future.set_result([b"image %d" % place for place in places])
        return future

    monkeypatch.setattr(gallery, "call", answer)
    return asked


@pytest.fixture
def company() -> dict[str, Run]:
    """Two sound runs among all that a comparison may have to bear."""
    runs = {
        "base": make_compared(right(150, 200, 1), name="base"),
        "sound": make_compared(right(120, 200, 2), name="sound", settings=["train.epochs=4"]),
        "silent": make_run(name="silent", settings=("train.epochs=6",)),  # no predictions
        "photos": make_run(name="photos", preset="report", settings=("train.epochs=5",)),
        "split": make_compared(right(90, 200, 3), name="split", settings=["data.split_seed=7"]),
        "broken": make_compared(right(90, 200, 4), name="broken", settings=["train.epochs=8"]),
        "odd": make_compared(right(90, 200, 5), name="odd", settings=["train.epochs=9"]),
        "gone": make_compared(right(90, 200, 6), name="gone", settings=["train.epochs=3"]),
    }
    (runs["odd"].path / "predictions" / "test_last.npy").write_bytes(b"no array")
    return runs
