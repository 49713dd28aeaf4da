"""Runs of other tools leave by a zip, and come in by it again."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from core.export.archive.pack import BundleError
from core.export.archive.unpack import import_runs
from core.imports.keep import publish_foreign
from core.launch.launcher import delete_run
from core.runs.folder import Run
from core.runs.store import open_run
from tests.bundles import pack
from tests.core.imports.foreign_runs import MAPPING, make_foreign


@pytest.fixture
def foreign(runs: Path) -> Run:
    return open_run(publish_foreign(make_foreign(), MAPPING))


def test_a_run_of_another_tool_travels_whole(foreign: Run) -> None:
    before = {path.name: path.read_bytes() for path in foreign.path.iterdir()}
    archive = pack(foreign)
    delete_run(foreign.id)
    (taken,) = import_runs(io.BytesIO(archive))
    assert (taken.id, taken.outcome) == (foreign.id, "new")
    after = {path.name: path.read_bytes() for path in open_run(taken.id).path.iterdir()}
    for name in ("foreign.json", "series.bin", "metrics.jsonl", "end.json"):
        assert after[name] == before[name]
    assert [each.outcome for each in import_runs(io.BytesIO(archive))] == ["here"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("foreign.json", b'{"format": 3}', "foreign.json: format"),
        ("series.bin", b"SERI" + bytes(40), "series.bin is damaged"),
        ("metrics.jsonl", b'{"epoch": 1, "val/accuracy": "x"}\n', "val/accuracy: must be a number"),
    ],
)
def test_a_damaged_one_is_refused(foreign: Run, name: str, content: bytes, sentence: str) -> None:
    archive = exchange(pack(foreign), f"{foreign.id}/{name}", content)
    delete_run(foreign.id)
    with pytest.raises(BundleError, match=sentence):
        import_runs(io.BytesIO(archive))


def exchange(archive: bytes, name: str, content: bytes) -> bytes:
    """The archive with another file in place of one, as its manifest has it too."""
    import hashlib

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            held = content if member == name else old.read(member)
            if member == "manifest.json":
                manifest = json.loads(held)
                files = manifest["runs"][0]["files"]
                files[name.partition("/")[2]] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                held = json.dumps(manifest).encode()
            new.writestr(member, held)
    return out.getvalue()
