"""An archive from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bundles import make_whole_run, pack, unpack


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, bytes]]:
    with pytest.MonkeyPatch.context() as there:
        there.setenv("RESNET_LAB_RUNS", str(tmp_path_factory.mktemp("there")))
        run = make_whole_run()
        return run.id, unpack(pack(run))


@pytest.fixture
def good(packed: tuple[str, dict[str, bytes]], runs: Path) -> tuple[str, dict[str, bytes]]:
    """The id and the members of an archive from elsewhere."""
    run_id, members = packed
    return run_id, dict(members)
