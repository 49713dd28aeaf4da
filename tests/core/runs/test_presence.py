"""A run with a worker on its way is queued, but not for ever."""

from __future__ import annotations

import os
import subprocess
import time

from core.runs import presence
from core.runs.folder import Run


def test_a_launch_that_nobody_follows_is_queued_for_ten_seconds(run: Run) -> None:
    assert run.state() == "queued"
    os.utime(run.path / "launched", (time.time() - 11,) * 2)
    assert run.state() == "interrupted"


def test_a_worker_that_died_on_its_way_leaves_the_run_interrupted_at_once(run: Run) -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        presence.mark_launch(run.path, child.pid)
        assert run.state() == "queued"
        child.kill()
        # Not waited for yet: a zombie is no worker either.
        end_by = time.monotonic() + 3
        while run.state() != "interrupted":
            assert time.monotonic() < end_by
    assert run.state() == "interrupted"
