"""Files wait for a browser at an address that nobody can guess."""

from __future__ import annotations

import os
import time
from pathlib import Path

from core.export.make import export_runs
from core.export.outbox import address_of, find_file, make_folder
from core.runs.listing import list_runs
from tests.pages.sample_runs import make_run


def test_only_the_very_address_of_a_file_leads_to_it(runs: Path) -> None:
    made = export_runs([make_run().id], "csv")
    token, name = address_of(made.path).split("/")[-2:]
    assert name == made.name
    assert find_file(token) == made.path
    for other in ("", ".", "..", token[:-1], token.upper() + "x", "0" * 32, f"../{token}", f"{token}/"):
        assert find_file(other) is None
    assert len(list_runs()) == 1  # the files beside the runs are no runs


def test_what_nobody_fetched_for_an_hour_goes(runs: Path) -> None:
    old, new = (export_runs([make_run().id], "csv") for _ in range(2))
    os.utime(old.path.parent, (time.time() - 4000,) * 2)
    make_folder()
    assert not old.path.exists()
    assert new.path.exists()
